// The control itself, the brush of the histograms, and what is set off while it is pointed at.

/** Bins between which the slider moves, on an axis. @param {Axis} axis */
const sliderRange = (axis) => {
  let [low, high] = [Infinity, 0];
  for (const site of data.sites) for (const state of states) for (const runs of site.counts[state][axis].types) {
    if (!runs?.length) continue;
    low = Math.min(low, runs[0]);
    high = Math.max(high, runs[0] + tailsOf(runs).tails.length - 1);
  }
  return low <= high ? [Math.max(low, 1), high] : [1, 2];
};

/** @type {Record<string, number[]>} */
const ranges = { ratio: sliderRange("ratio"), magnitude: sliderRange("magnitude") };

/** @param {Axis} axis */
const ruleOf = (axis) => data.sites[0].bins[axis].edge;

const setControl = () => {
  const limit = asked.limit ?? common(asked.axis);
  const [low, high] = ranges[asked.axis];
  Object.assign(slider, { min: String(low), max: String(high), step: "1" });
  if (limit !== null) slider.value = String(binNear(ruleOf(asked.axis), limit));
  slider.setAttribute("aria-valuetext", above(asked.axis));
  field.value = limit === null ? "" : String(Number(limit.toPrecision(6)));
  field.placeholder = limit === null ? "per site" : "";
  for (const radio of control.querySelectorAll("input[type=radio]")) /** @type {HTMLInputElement} */ (radio).checked = /** @type {HTMLInputElement} */ (radio).value === asked.axis;
  for (const button of presets) {
    const preset = button.dataset.preset;
    const on = preset === "criterion" ? asked.limit === null : asked.axis === "ratio" && asked.limit === Number(preset);
    button.setAttribute("aria-pressed", String(on));
  }
};

let waiting = 0;
/** @param {Axis} axis @param {number | null} limit */
const ask = (axis, limit) => {
  // The nearest edge between bins, where counts are exact.
  const snapped = limit === null ? null : binEdge(ruleOf(axis), binNear(ruleOf(axis), limit));
  Object.assign(asked, { axis, limit: snapped });
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(follow);
};

slider.addEventListener("input", () => ask(asked.axis, binEdge(ruleOf(asked.axis), Number(slider.value))));
field.addEventListener("change", () => { if (Number(field.value) > 0) ask(asked.axis, Number(field.value)); else setControl(); });
for (const button of presets) {
  button.addEventListener("click", () => {
    if (button.dataset.preset === "criterion") ask(data.axis, null);
    else ask("ratio", Number(button.dataset.preset));
  });
}
for (const radio of control.querySelectorAll("input[type=radio]")) {
  radio.addEventListener("change", () => {
    const axis = /** @type {Axis} */ (/** @type {HTMLInputElement} */ (radio).value);
    // Without a threshold of the criterion, that of the literature on the axis.
    const bounded = data.sites.some((site) => site.limits[axis] !== null);
    ask(axis, bounded ? null : axis === "ratio" ? 1000 : 100);
  });
}
control.addEventListener("submit", (event) => event.preventDefault());
control.querySelector("[name=csv]")?.addEventListener("click", () => {
  /** @type {(string | number | null)[][]} */
  const rows = [["site", `${data.rows}_type`, "state", "axis", "threshold", `${data.rows}s`, "over", "rate", "low", "high"]];
  for (const { site, shares } of counted()) for (const [state, own] of Object.entries(shares)) for (const row of own) {
    rows.push([site.site, row.type, compared ? state : "scanned", asked.axis, limitAt(site, asked.axis), row.edges, row.over, row.rate, row.low, row.high]);
  }
  saveCsv("shares.csv", rows);
});

/** Let a range of a histogram be chosen. @param {Element} figure @param {number} place */
const brush = (figure, place) => {
  const picture = /** @type {SVGSVGElement | null} */ (figure.querySelector("svg[data-frames]"));
  const ratios = (/** @type {number} */ low, /** @type {number} */ high) => {
    const site = data.sites[place];
    const limit = limitAt(site, "ratio") ?? common("ratio") ?? 1000;
    showRange(figure, place, low, high, { axis: "ratio", limit });
  };
  const low = element("input", { type: "number", step: "any", min: "0", "aria-label": "smallest ratio" });
  const high = element("input", { type: "number", step: "any", min: "0", "aria-label": "largest ratio" });
  const show = element("button", { type: "submit", class: "plain" }, ["Show graphs"]);
  const form = element("form", { class: "range" }, ["Graphs with their largest ratio from ", low, " to ", high, " ", show, element("small", {}, [" or drag across the histogram"])]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [least, most] = [low, high].map((input) => Number(/** @type {HTMLInputElement} */ (input).value));
    ratios(least || 0, most || Infinity);
  });
  figure.querySelector("figcaption")?.prepend(form);
  if (!picture) return;
  for (const { box } of /** @type {Frame[]} */ (JSON.parse(picture.getAttribute("data-frames") ?? "[]"))) {
    const [x0, y0, x1, y1, least, most] = box;
    const chosen = svg("rect", { y: y0, height: y1 - y0, class: "chosen", width: 0, x: x0 });
    const area = svg("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: "area" });
    picture.append(chosen, area);
    /** @type {number | null} */
    let start = null;
    const at = (/** @type {MouseEvent} */ event) => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM()?.inverse());
      return Math.min(Math.max(point.x, x0), x1);
    };
    const drawn = (/** @type {number} */ from, /** @type {number} */ to) => {
      chosen.setAttribute("x", String(Math.min(from, to)));
      chosen.setAttribute("width", String(Math.abs(to - from)));
    };
    area.addEventListener("pointerdown", (event) => {
      start = at(/** @type {PointerEvent} */ (event));
      area.setPointerCapture(/** @type {PointerEvent} */ (event).pointerId);
      drawn(start, start);
    });
    area.addEventListener("pointermove", (event) => { if (start !== null) drawn(start, at(/** @type {PointerEvent} */ (event))); });
    area.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const [from, to] = [start, at(/** @type {PointerEvent} */ (event))].sort((a, b) => a - b);
      start = null;
      if (to - from < 3) return drawn(from, from);
      // The horizontal axis is y = -log10(ratio): large ratios are on the left.
      const value = (/** @type {number} */ x) => 10 ** -(least + ((x - x0) / (x1 - x0)) * (most - least));
      const [small, large] = [value(to), value(from)].map((each) => Number(each.toPrecision(4)));
      Object.assign(low, { value: String(small) });
      Object.assign(high, { value: String(large) });
      ratios(small, large);
    });
  }
};

data.sites.forEach((site, place) => {
  const section = document.getElementById(site.id);
  for (const figure of section ? parts(section, "histogram") : []) brush(figure, place);
});

document.addEventListener("pointerover", (event) => {
  lightUp(event.target);
  pointAt(event.target instanceof Element ? event.target.closest("[data-tip]") : null);
});
document.addEventListener("focusin", (event) => {
  lightUp(event.target);
  pointAt(event.target instanceof Element ? event.target.closest("[data-tip]") : null);
});
document.addEventListener("focusout", () => pointAt(null));
addEventListener("scroll", () => pointAt(pointed), { passive: true });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") pointAt(null); });
addEventListener("beforeprint", drawAll);
matchMedia("print").addEventListener("change", (event) => { if (event.matches) drawAll(); });

control.hidden = false;
document.body.classList.add("live");
const setHeight = () => document.documentElement.style.setProperty("--control", `${control.offsetHeight}px`);
addEventListener("resize", setHeight);
requestAnimationFrame(setHeight);
