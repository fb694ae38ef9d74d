// The threshold of the page: one control, and everything that follows it.

/** @type {Data} */
const data = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("page-data")).textContent ?? "");
sortKept();
const control = /** @type {HTMLFormElement} */ (document.querySelector(".control"));
const slider = /** @type {HTMLInputElement} */ (control.querySelector("[name=slider]"));
const field = /** @type {HTMLInputElement} */ (control.querySelector("[name=limit]"));
const said = /** @type {HTMLElement} */ (control.querySelector(".said"));
const presets = /** @type {HTMLButtonElement[]} */ ([...control.querySelectorAll("[data-preset]")]);
const states = Object.keys(data.sites[0].counts).sort().reverse(); // untrained before trained
const compared = states.length > 1;

/** What is asked for: an axis and, unless it is the criterion's own per site, a threshold. @type {{axis: Axis, limit: number | null}} */
const asked = { axis: data.axis, limit: null };

/** The threshold of a site on an axis, null if it has none. @param {Site} site @param {Axis} axis */
const limitAt = (site, axis) => {
  if (asked.limit !== null && axis === asked.axis) return asked.limit;
  return site.limits[axis];
};

/** What the figures of a site are about. @param {Site} site @returns {Axis} */
const axisAt = (site) => (asScanned() ? site.axis : asked.axis);

/** @param {Axis} axis */
const common = (axis) => {
  const limits = new Set(data.sites.map((site) => limitAt(site, axis)));
  return limits.size === 1 ? [...limits][0] : null;
};

/** Such as "ratio above 1,000". @param {Axis} axis @param {Site} [site] */
const above = (axis, site) => {
  const limit = site ? limitAt(site, axis) : common(axis);
  return `${axis} above ${limit === null ? data.sentences.per_site : number(limit)}`;
};

/** Counts over the threshold of a site, per state; none if it has no threshold. @param {Site} site @param {Axis} axis @returns {Record<string, Share[]>} */
const sharesAt = (site, axis) => {
  const limit = limitAt(site, axis);
  if (limit === null) return {};
  return Object.fromEntries(states.map((state) => [state, sharesOf(site, state, axis, limit, data.types)]));
};

/** Everything that is counted for the page. */
const counted = () => data.sites.map((site) => {
  const shares = sharesAt(site, asked.axis);
  return { site, shares, all: Object.fromEntries(Object.entries(shares).map(([state, rows]) => [state, allTypes(rows)])) };
});

/** @typedef {ReturnType<typeof counted>[number]} Counted */

/** What was found in a part of the page before; none of it comes or goes. @type {Map<ParentNode, Map<string, HTMLElement[]>>} */
const looked = new Map();

/** @param {ParentNode} of @param {string} selector @returns {HTMLElement[]} */
const within = (of, selector) => {
  const known = looked.get(of) ?? new Map();
  looked.set(of, known);
  if (!known.has(selector)) known.set(selector, [...of.querySelectorAll(selector)]);
  return known.get(selector);
};

/** @param {ParentNode} of @param {string} name */
const parts = (of, name) => within(of, `[data-live="${name}"]`);

/** Texts of the page as it was written, for the criterion of the scan. */
const written = ["first", "where", "largest", "said"].flatMap((name) => parts(document, name)).map((each) => ({ each, text: each.textContent }));
const marked = new Set([...document.querySelectorAll("tr.row.massive")].map((row) => row.getAttribute("data-site")));

/** Whether the page says what the criterion of the scan says. */
const asScanned = () => asked.limit === null && asked.axis === data.axis;

/** @param {Counted[]} found */
const sayOnTop = (found) => {
  if (asScanned()) {
    for (const { each, text } of written) each.textContent = text;
  } else {
    const text = sentences(found);
    for (const each of parts(document, "first")) each.textContent = text.first;
    for (const each of parts(document, "where")) each.textContent = text.where;
    for (const each of parts(document, "largest")) each.textContent = text.largest;
  }
  const over = found.filter(({ all }) => all.trained?.over).length;
  const edges = found.reduce((sum, { all }) => sum + (all.trained?.over ?? 0), 0);
  const before = found.reduce((sum, { all }) => sum + (all.untrained?.over ?? 0), 0);
  const untrained = compared ? `; ${count(before)} untrained` : "";
  said.textContent = `${above(asked.axis)}: ${plural(edges, data.rows)} at ${over} of ${plural(found.length, "site")}${untrained}`;
};

/** @param {Counted[]} found */
const fillTables = (found) => {
  const column = common(asked.axis) === null ? "over the threshold" : `with a ${above(asked.axis)}`;
  for (const each of parts(document, "over")) each.textContent = `${data.rows}s ${column}`;
  for (const each of parts(document, "criterion")) each.hidden = !asScanned();
  for (const { site, shares, all } of found) {
    const over = Boolean(all.trained?.over);
    for (const row of within(document, `tr.row[data-site="${site.id}"]`)) {
      for (const cell of parts(row, "share")) cell.textContent = percent(all.trained?.share);
      for (const cell of parts(row, "share-untrained")) cell.textContent = percent(all.untrained?.share);
    }
    for (const each of within(document, `tr.row[data-site="${site.id}"], .chooser button[data-site="${site.id}"]`)) {
      each.classList.toggle("massive", asScanned() ? marked.has(site.id) : over);
    }
    const section = document.getElementById(site.id);
    if (section) fillSite(section, site, shares, all);
  }
};

/** @param {HTMLElement} section @param {Site} site @param {Record<string, Share[]>} shares @param {Record<string, {edges: number, over: number, share: number}>} all */
const fillSite = (section, site, shares, all) => {
  const axis = asked.axis;
  const largest = site.largest[axis].trained;
  if (!asScanned() && all.trained) {
    const have = `${count(all.trained.over)} of ${count(all.trained.edges)} ${data.rows}s (${percent(all.trained.share)}) have a ${above(axis, site)}`;
    const text = all.trained.over ? have : `No ${data.rows} has a ${above(axis, site)}`;
    for (const each of parts(section, "said")) each.textContent = `${text}; the largest is ${number(largest)}.`;
  }
  for (const caption of parts(section, "caption")) caption.textContent = `${data.rows === "node" ? "Nodes" : "Edges"} with a ${above(axis, site)}, by ${data.rows} type`;
  for (const table of parts(section, "types")) {
    if (!shares.trained) continue;
    const total = all.trained.share;
    for (const row of within(table, "tbody tr")) {
      const type = row.getAttribute("data-type");
      const after = shares.trained.find((each) => each.type === type);
      const before = shares.untrained?.find((each) => each.type === type);
      if (!after) continue;
      const texts = [count(after.edges), count(after.over), percent(after.rate), interval(after.low, after.high), number(total ? after.rate / total : NaN)];
      if (compared) texts.push(before ? count(before.over) : NO_VALUE, percent(before?.rate), before ? interval(before.low, before.high) : NO_VALUE);
      within(row, "td").forEach((cell, at) => { cell.textContent = texts[at]; });
    }
  }
};

/** Draw the figures of a site that change their shape. @param {Site} site @param {number} place */
const drawSite = (site, place) => {
  const section = document.getElementById(site.id);
  const axis = axisAt(site);
  const limit = limitAt(site, axis);
  if (!section || limit === null) return;
  const at = { axis, limit };
  const shares = sharesAt(site, axis);
  for (const figure of parts(section, "shares")) {
    const title = `Share of ${data.rows}s with a ${above(axis, site)} per ${data.rows} type at ${site.site}`;
    replaceDrawing(figure, [legend(), drawShares(shares, title, above(axis, site), data.rows, (type) => showType(figure, place, type, at))]);
  }
  for (const part of parts(section, "maps")) drawMaps(part, site, place, at);
};

/** @param {HTMLElement} part @param {Site} site @param {number} place @param {Asked} at */
const drawMaps = (part, site, place, at) => {
  const exact = binEdge(site.bins[at.axis].map, binNear(site.bins[at.axis].map, at.limit));
  const heading = `Heads and channels, ${at.axis} above ${Number(exact.toPrecision(6))}`;
  const drawn = [element("h4", {}, [heading])];
  if (at.axis === "ratio" && exact < data.floor) {
    drawn.push(element("p", { class: "nothing" }, [`Maps are kept from a ratio of ${number(data.floor)} on.`]));
  } else {
    const types = sharesOf(site, "trained", at.axis, at.limit, data.types).filter((row) => row.edges);
    const maps = types.map((row) => mapOf(site, at.axis, at.limit, row.place));
    const largest = Math.max(0, ...maps.flat());
    if (largest) {
      const panels = types.map((row, number) => {
        const name = `${row.type} (${plural(row.edges, data.rows)})`;
        const title = `Share of ${data.rows}s with a ${at.axis} above ${exact} per head and channel at ${site.site}: ${name}`;
        return element("div", {}, [element("p", { class: "panel" }, [name]), drawMap(site, maps[number], largest, title, row.place, (head, channel) => showCell(part, place, [row.place, head, channel], at))]);
      });
      drawn.push(mapScale(largest), element("div", { class: "maps" }, panels));
    } else {
      drawn.push(element("p", { class: "nothing" }, [`No head and no channel exceeds ${number(exact)} on any ${data.rows}.`]));
    }
  }
  replaceDrawing(part, drawn);
};

/** Put drawings in the place of a picture; what explains it stays. @param {HTMLElement} of @param {Element[]} drawn */
const replaceDrawing = (of, drawn) => {
  const focused = of.contains(document.activeElement) ? document.activeElement : null;
  const again = ["data-cell", "data-type"].map((name) => (focused?.hasAttribute(name) ? `[${name}="${focused.getAttribute(name)}"]` : "")).join("");
  let holder = of.querySelector(":scope > .drawn");
  if (!holder) {
    holder = element("div", { class: "drawn" });
    for (const old of of.querySelectorAll(":scope > svg, :scope > h4, :scope > .nothing, :scope > figure > svg")) old.remove();
    of.prepend(holder);
  }
  holder.replaceChildren(...drawn);
  if (again) /** @type {SVGElement | null} */ (holder.querySelector(again))?.focus();
};

const legend = () => element("p", { class: "legend-line" }, states.flatMap((state) => [element("span", { class: `swatch ${state}` }), ` ${compared ? state : "scanned model"} \u00a0`]));

/** @param {Counted[]} found */
const drawOverview = (found) => {
  for (const figure of parts(document, "glance")) {
    const all = found.map(({ site, shares }) => ({ site, states: { trained: shares.trained ?? [] }, largest: Object.fromEntries(states.map((state) => [state, site.largest[asked.axis][state] ?? null])), limit: limitAt(site, asked.axis) }));
    const shown = data.types.map((_, place) => place).filter((place) => all.some(({ states: own }) => own.trained.some((row) => row.place === place)));
    const types = shown.map((place, at) => element("span", { class: "key" }, [svg("svg", { viewBox: "-6 -6 12 12", "aria-hidden": "true" }, [svg("path", { d: markOf(at), class: `mark-${at % MARKS.length}` })]), ` ${data.types[place]}`]));
    const keys = legend();
    keys.append(...types);
    const title = `Largest ${asked.axis} per site, and share of ${data.rows}s with a ${above(asked.axis)}`;
    replaceDrawing(figure, [keys, drawGlance(all, shown, asked.axis, title, data.rows)]);
  }
};

/** Pictures whose axis is a ratio, without the line of their own. */
const pictures = within(document, "svg[data-frames]").map((picture) => {
  picture.querySelectorAll('[data-live="threshold"]').forEach((line) => line.setAttribute("visibility", "hidden"));
  const moved = svg("g", { class: "moved" });
  picture.append(moved);
  const frames = /** @type {Frame[]} */ (JSON.parse(picture.getAttribute("data-frames") ?? "[]"));
  return { moved, frames, site: data.sites.find((each) => each.id === picture.closest("section.site")?.id) };
});

/** Mark the threshold in these pictures. */
const moveLines = () => {
  for (const { moved, frames, site } of pictures) {
    const limit = site ? limitAt(site, "ratio") : common("ratio");
    moved.replaceChildren();
    if (limit === null || (asked.axis !== "ratio" && asked.limit !== null)) continue;
    for (const frame of frames) {
      const [x0, y0, x1, y1, low, high] = frame.box;
      const share = (frame.along === "y" ? Math.log10(limit / low) / Math.log10(high / low) : (-Math.log10(limit) - low) / (high - low));
      if (!(share >= 0 && share <= 1)) continue;
      const at = frame.along === "y" ? y1 - share * (y1 - y0) : x0 + share * (x1 - x0);
      const [line, text] = frame.along === "y" ? [{ x1: x0, x2: x1, y1: at, y2: at }, { x: x1 - 4, y: at - 4, "text-anchor": "end" }] : [{ x1: at, x2: at, y1: y0, y2: y1 }, { x: at + 4, y: y0 + 12 }];
      moved.append(svg("line", line), svg("text", text, [`threshold ${number(limit)}`]));
    }
  }
  for (const site of data.sites) {
    const section = document.getElementById(site.id);
    if (!section) continue;
    const limit = limitAt(site, asked.axis);
    for (const each of parts(section, "graphs")) {
      if (limit === null) continue;
      const text = states.slice().reverse().map((state) => {
        const { over, graphs } = graphsOver(site, state, asked.axis, limit);
        return `${count(over)} of ${plural(graphs, "graph")}${compared ? ` ${state}` : ""}`;
      });
      each.textContent = `With a ${above(asked.axis, site)}: ${text.join(", ")}.`;
    }
  }
};

/** @typedef {{along: "x" | "y", box: number[]}} Frame */

/** @type {Set<string>} */
const stale = new Set();

/** Draw what can be seen; the rest when it is shown. */
const drawShown = () => {
  data.sites.forEach((site, place) => {
    const section = document.getElementById(site.id);
    if (stale.has(site.id) && section && !section.hidden) {
      stale.delete(site.id);
      drawSite(site, place);
    }
  });
};

const drawAll = () => {
  data.sites.forEach((site, place) => { if (stale.delete(site.id)) drawSite(site, place); });
};

const follow = () => {
  const found = counted();
  setControl();
  sayOnTop(found);
  fillTables(found);
  drawOverview(found);
  moveLines();
  document.querySelectorAll(".linked").forEach((old) => old.remove());
  for (const site of data.sites) stale.add(site.id);
  drawShown();
  drawGallery();
};
