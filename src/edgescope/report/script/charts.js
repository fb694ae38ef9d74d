// The page's own charts: SVG elements, the share of edges by type, heat maps, all sites at a glance.

const SVG = "http://www.w3.org/2000/svg";
/** ColorBrewer's YlOrRd, as in the other figures; its lightness falls steadily. */
const YLORRD = [[255, 255, 204], [255, 237, 160], [254, 217, 118], [254, 178, 76], [253, 141, 60], [252, 78, 42], [227, 26, 28], [189, 0, 38], [128, 0, 38]];

/** @param {number} share from 0 to 1 */
const shade = (share) => {
  const at = Math.min(Math.max(share, 0), 1) * (YLORRD.length - 1);
  const low = Math.min(Math.floor(at), YLORRD.length - 2);
  const mixed = YLORRD[low].map((part, rgb) => Math.round(part + (at - low) * (YLORRD[low + 1][rgb] - part)));
  return `rgb(${mixed.join(" ")})`;
};

/** Make an SVG element. @param {string} name @param {Record<string, string | number>} [given] @param {(Element | string)[]} [inside] */
const svg = (name, given = {}, inside = []) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, String(value));
  made.append(...inside);
  return made;
};

/** Make an element of the page. @param {string} name @param {Record<string, string | number>} [given] @param {(Element | string)[]} [inside] */
const element = (name, given = {}, inside = []) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, String(value));
  made.append(...inside);
  return made;
};

/** Do something at a click, or at Enter or the space bar. @param {Element} of @param {() => void} action */
const pressed = (of, action) => {
  of.addEventListener("click", action);
  of.addEventListener("keydown", (event) => {
    if (event instanceof KeyboardEvent && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      action();
    }
  });
};

/** Round numbers on an axis of shares. @param {number} largest */
const ticksTo = (largest) => {
  const rough = largest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  return Array.from({ length: Math.floor(largest / step + 1e-9) + 1 }, (_, at) => at * step);
};

/** @param {number} value */
const tickText = (value) => `${Number((100 * value).toPrecision(3))}`;

/** Draw the shares of one site by type, with intervals. @param {Record<string, Share[]>} states untrained before trained @param {string} title @param {string} what @param {string} rows @param {(place: number) => void} choose */
const drawShares = (states, title, what, rows, choose) => {
  const shown = states.trained.filter((row) => row.edges);
  // An interval of few edges may reach far beyond all rates; it is cut off and has an arrow there.
  const all = Object.values(states).flat().filter((row) => row.edges);
  const largest = Math.max(1e-9, Math.min(Math.max(...all.map((row) => row.high)), Math.max(4 * Math.max(0, ...all.map((row) => row.rate)), Math.min(...all.map((row) => row.high)))));
  const [left, width, height] = [150, 380, 48];
  const x = (/** @type {number} */ share) => left + (width * share) / (largest * 1.02);
  const bottom = 8 + height * shown.length;
  const drawing = svg("svg", { viewBox: `0 0 560 ${bottom + 48}`, class: "chart", role: "group", "aria-label": title });
  for (const tick of ticksTo(largest)) {
    drawing.append(
      svg("line", { x1: x(tick), x2: x(tick), y1: 4, y2: bottom, class: "grid" }),
      svg("text", { x: x(tick), y: bottom + 16, "text-anchor": "middle" }, [tickText(tick)]),
    );
  }
  drawing.append(svg("text", { x: left + width / 2, y: bottom + 36, "text-anchor": "middle" }, [`${rows}s with a ${what} (%)`]));
  shown.forEach((row, at) => {
    const top = 8 + height * at;
    const said = Object.entries(states).map(([state, found]) => {
      const own = found.find((each) => each.type === row.type);
      if (!own) return `${state}: none of this type`;
      return `${state}: ${count(own.over)} of ${count(own.edges)}, ${percent(own.rate)}, interval ${interval(own.low, own.high)}`;
    });
    const group = svg("g", { role: "button", tabindex: 0, class: "choice", "data-type": row.place, "aria-label": `${kindOfEdge(row.type, rows, true)}; ${said.join("; ")}; show where`, "data-tip": [kindOfEdge(row.type, rows, true), ...said].join("\n") }, [
      svg("rect", { x: 0, y: top, width: 560, height, class: "hit" }),
      svg("text", { x: left - 8, y: top + 20, "text-anchor": "end" }, [row.type]),
      svg("text", { x: left - 8, y: top + 36, "text-anchor": "end", class: "soft" }, [count(row.edges)]),
    ]);
    Object.entries(states).forEach(([state, found], line) => {
      const own = found.find((each) => each.type === row.type);
      if (!own || !own.edges) return;
      const many = Object.keys(states).length;
      const y = top + (many === 1 ? 12 : 5 + 19 * line);
      const middle = y + 9;
      group.append(
        svg("rect", { x: left, y, width: Math.max(x(own.rate) - left, 0), height: 18, class: state }),
        svg("path", { d: `M${x(own.low)} ${middle}H${x(Math.min(own.high, largest))}M${x(own.low)} ${middle - 4}v8${own.high > largest ? `M${x(largest) - 5} ${middle - 4}l5 4l-5 4` : `M${x(own.high)} ${middle - 4}v8`}`, class: "whisker" }),
      );
    });
    pressed(group, () => choose(row.place));
    drawing.append(group);
  });
  drawing.append(svg("line", { x1: left, x2: left, y1: 4, y2: bottom, class: "axis" }));
  return drawing;
};

/** Let arrows go from cell to cell of a map. @param {SVGElement} drawing @param {number} columns */
const arrowKeys = (drawing, columns) => {
  const cells = /** @type {SVGElement[]} */ ([...drawing.querySelectorAll(".cell")]);
  /** @type {Record<string, number>} */
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  drawing.addEventListener("keydown", (event) => {
    const at = cells.indexOf(/** @type {SVGElement} */ (event.target));
    const next = cells[at + (steps[event.key] ?? 0)];
    if (at < 0 || !steps[event.key]) return;
    event.preventDefault();
    if (!next) return;
    cells[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
};

/** Draw the shares by head and channel for one type. @param {Site} site @param {number[]} shares @param {number} largest @param {string} title @param {number} place @param {(head: number, channel: number) => void} choose */
const drawMap = (site, shares, largest, title, place, choose) => {
  const { heads, channels } = site;
  const size = Math.max(360 / channels, 6);
  const tall = Math.min(Math.max(size, 12), 30);
  const drawing = svg("svg", { viewBox: `0 0 ${size * channels + 40} ${tall * heads + 40}`, class: "chart", role: "group", "aria-label": title });
  shares.forEach((share, at) => {
    const [head, channel] = [Math.floor(at / channels), at % channels];
    const said = `head ${head}, channel ${channel}: ${percent(share)}`;
    const cell = svg("rect", {
      x: 34 + size * channel, y: 4 + tall * head, width: size - 0.6, height: tall - 0.6, role: "button", tabindex: at ? -1 : 0,
      class: share ? "cell" : "cell never", "aria-label": `${said}; show where`, "data-tip": said, "data-cell": `${place},${head},${channel}`,
      ...(share ? { fill: shade(share / largest) } : {}),
    });
    pressed(cell, () => choose(head, channel));
    drawing.append(cell);
  });
  const every = Math.ceil(channels / 8);
  for (let channel = 0; channel < channels; channel += every) drawing.append(svg("text", { x: 34 + size * (channel + 0.5), y: tall * heads + 18, "text-anchor": "middle" }, [String(channel)]));
  const step = Math.ceil(heads / 8);
  for (let head = 0; head < heads; head += step) drawing.append(svg("text", { x: 28, y: 8 + tall * (head + 0.5), "text-anchor": "end" }, [String(head)]));
  drawing.append(
    svg("text", { x: 34 + (size * channels) / 2, y: tall * heads + 34, "text-anchor": "middle", class: "soft" }, ["channel"]),
    svg("text", { transform: `translate(10 ${4 + (tall * heads) / 2}) rotate(-90)`, "text-anchor": "middle", class: "soft" }, ["head"]),
  );
  arrowKeys(/** @type {SVGElement} */ (drawing), channels);
  return drawing;
};

/** @param {number} largest the share of the darkest colour */
const mapScale = (largest) => {
  const bar = element("span", { class: "scale", "aria-hidden": "true" });
  for (let at = 0; at < 20; at++) bar.append(element("i", { style: `background:${shade(at / 19)}` }));
  return element("p", { class: "legend-line" }, ["share: ", element("span", { class: "swatch never" }), " never \u00a0 0 ", bar, ` ${percent(largest)}`]);
};

/** Marks of edge types: circle, square, triangle, diamond, triangle upside down, plus. */
const MARKS = [
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-3.6-3.6h7.2v7.2h-7.2z", "M0-4.6L4.4 3.4h-8.8z",
  "M0-5L4.4 0L0 5L-4.4 0z", "M0 4.6L4.4-3.4h-8.8z", "M-1.5-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
];
/** @param {number} at */
const markOf = (at) => MARKS[at % MARKS.length];

/** Draw the largest of every site and the shares by type. @param {{site: Site, states: Record<string, Share[]>, largest: Record<string, number | null>, limit: number | null}[]} all @param {number[]} types @param {string} axis @param {string} title @param {string} rows */
const drawGlance = (all, types, axis, title, rows) => {
  const values = all.flatMap(({ largest, limit }) => [...Object.values(largest), limit]).filter((value) => value !== null && value > 0);
  const known = /** @type {number[]} */ (values);
  const low = Math.log10(Math.min(...known, 1)) - 0.05;
  const high = Math.log10(Math.max(...known, 10)) + 0.1;
  const top = Math.max(1e-9, ...all.flatMap(({ states }) => states.trained.map((row) => row.rate || 0))) * 1.05;
  const most = top > 1e-8 ? top : 0.01;
  const [names, wide, gap, height] = [225, 400, 40, 26];
  const x = (/** @type {number} */ value) => names + (wide * (Math.log10(value) - low)) / (high - low);
  const second = names + wide + gap;
  const y = (/** @type {number} */ at) => 44 + height * at;
  const bottom = y(all.length) - 6;
  const drawing = svg("svg", { viewBox: `0 0 1060 ${bottom + 42}`, class: "chart", role: "group", "aria-label": title });
  // As many powers as have room for the longest of their numbers, at 8 units a character.
  const powers = Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, at) => Math.ceil(low) + at);
  const longest = Math.max(...powers.map((power) => number(10 ** power).length));
  const step = Math.max(1, Math.ceil(((8 * longest + 8) * (high - low)) / wide));
  for (const power of powers.filter((_, at) => at % step === 0)) {
    drawing.append(svg("line", { x1: x(10 ** power), x2: x(10 ** power), y1: 30, y2: bottom, class: "grid" }), svg("text", { x: x(10 ** power), y: bottom + 16, "text-anchor": "middle" }, [number(10 ** power)]));
  }
  for (const tick of ticksTo(most)) {
    const at = second + (380 * tick) / most;
    drawing.append(svg("line", { x1: at, x2: at, y1: 30, y2: bottom, class: "grid" }), svg("text", { x: at, y: bottom + 16, "text-anchor": "middle" }, [tickText(tick)]));
  }
  drawing.append(
    svg("text", { x: names, y: 16, class: "strong" }, [`Largest ${axis} of the site`]),
    svg("text", { x: second, y: 16, class: "strong" }, [`Share of ${rows}s over the threshold`]),
    svg("text", { x: names + wide / 2, y: bottom + 34, "text-anchor": "middle", class: "soft" }, [axis]),
    svg("text", { x: second + 190, y: bottom + 34, "text-anchor": "middle", class: "soft" }, [`${rows}s of the type (%)`]),
  );
  all.forEach(({ site, states, largest, limit }, at) => {
    const ends = Object.values(largest).filter((value) => value !== null && value > 0).map((value) => x(/** @type {number} */ (value)));
    const line = svg("g", { "data-site": site.id, class: "line" }, [svg("rect", { x: 0, y: y(at) - height / 2, width: 1060, height, class: "hit" })]);
    line.append(svg("a", { href: `#${site.id}` }, [svg("text", { x: names - 10, y: y(at) + 4, "text-anchor": "end" }, [shortened(all.some((each) => each.site.site.length > 30) ? site.short : site.site)])]));
    if (ends.length > 1) line.append(svg("line", { x1: Math.min(...ends), x2: Math.max(...ends), y1: y(at), y2: y(at), class: "way" }));
    for (const state of ["untrained", "trained"]) {
      const value = largest[state];
      if (value) line.append(svg("circle", { cx: x(value), cy: y(at), r: 5, class: state, "data-tip": `${site.site}, ${state}: ${number(value)}` }));
    }
    if (limit) line.append(svg("line", { x1: x(limit), x2: x(limit), y1: y(at) - height / 2, y2: y(at) + height / 2, class: "limit" }));
    for (const row of states.trained) {
      if (!row.edges) continue;
      const mark = types.indexOf(row.place);
      const shift = types.length > 1 ? (mark / (types.length - 1) - 0.5) * 10 : 0;
      line.append(svg("path", { d: markOf(mark), transform: `translate(${second + (380 * row.rate) / most} ${y(at) + shift})`, class: `mark-${mark % MARKS.length}`, "data-tip": `${site.site}, ${kindOfEdge(row.type, rows, true)}: ${percent(row.rate)}` }));
    }
    drawing.append(line);
  });
  return drawing;
};

/** @param {string} text */
const shortened = (text) => (text.length > 30 ? `${text.slice(0, 13)}\u2026${text.slice(-15)}` : text);
