// From a cell, a type or a range to the graphs that hold it; one graph opened alone; what is pointed at.

const SHOWN = 6;

/** Kept rows of a graph at a site. @type {Map<string, Kept[]>} */
const keptAt = new Map();
/** @type {Map<Kept, [string, string]>} */
const namedEnds = new Map();

const sortKept = () => {
  data.kept.forEach((row, at) => {
    const key = `${row[1]} ${row[0]}`;
    if (!keptAt.has(key)) keptAt.set(key, []);
    keptAt.get(key)?.push(row);
    if (data.ends.length) namedEnds.set(row, data.ends[at]);
  });
};

/** The names of both ends' nodes. @param {Kept} row @returns {[string, string]} */
const endsOf = (row) => namedEnds.get(row) ?? [String(row[3]), String(row[4])];

/** @param {number} graph */
const graphName = (graph) => {
  const label = data.graphs[graph]?.label;
  return label ? `graph ${graph} (${label})` : `graph ${graph}`;
};

/** What the edge of a row is; data that write rings as single and double bonds call none aromatic. @param {Kept} row */
const kindOfRow = (row) => {
  const [type, graph] = [data.types[row[5]], data.graphs[row[1]]];
  const aromatic = graph?.links.some(([a, b, , , known]) => known && ((a === row[3] && b === row[4]) || (a === row[4] && b === row[3])));
  return aromatic && graph.smiles && type !== "aromatic" ? `aromatic bond (${type} in the data)` : kindOfEdge(type, data.rows);
};

/** @param {Kept} row */
const rowSaid = (row) => `ratio ${number(row[9])}, value ${number(row[8])}, ${kindOfRow(row)} ${row[3]} to ${row[4]}, head ${row[6]}, channel ${row[7]}`;

/** Rows with the largest measure first. @param {Kept[]} rows @param {Axis} axis */
const largestFirst = (rows, axis) => [...rows].sort((a, b) => sizeOf(b, axis) - sizeOf(a, axis));

/** The first row of every graph. @param {Kept[]} rows */
const onePerGraph = (rows) => {
  const seen = new Set();
  return rows.filter((row) => !seen.has(row[1]) && seen.add(row[1]));
};

/** @param {string} text */
const csvCell = (text) => {
  // A text that a table would take for a formula is marked as text.
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
};

/** @param {(string | number | null)[][]} rows */
const csvText = (rows) => rows.map((row) => row.map((cell) => csvCell(cell === null || Number.isNaN(cell) ? "" : String(cell))).join(",")).join("\r\n") + "\r\n";

/** @param {string} name @param {(string | number | null)[][]} rows */
const saveCsv = (name, rows) => {
  const link = element("a", { download: name, href: URL.createObjectURL(new Blob([csvText(rows)], { type: "text/csv" })) });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(/** @type {HTMLAnchorElement} */ (link).href), 0);
};

/** @param {Kept[]} rows */
const rowsTable = (rows) => [
  ["site", "graph", "identifiers", "smiles", "edge", "source", "target", "type", "head", "channel", "value", "ratio"],
  ...rows.map((row) => [data.sites[row[0]].site, row[1], data.graphs[row[1]]?.label ?? "", data.graphs[row[1]]?.smiles ?? "", row[2], row[3], row[4], data.types[row[5]], row[6], row[7], row[8], row[9]]),
];

/** Say so where bonds over a threshold may be without colour. @param {Site} site @param {Asked} at */
const lackSaid = (site, { axis, limit }) => {
  const floor = site.floors[axis];
  if (floor !== null && limit >= floor) return "";
  const what = floor === null ? `no activation for its ${axis} alone` : `none up to a ${axis} of ${number(floor)}`;
  return `The scan kept ${what}, so more may be over this threshold than is coloured or listed.`;
};

/** The scale of colours at a site. @param {Site} site @param {Axis} axis @param {number} limit */
const scaleAt = (site, axis, limit) => ({ axis, low: limit, high: Math.max(site.largest[axis].trained ?? 0, limit * 1.01) });

/** Draw a graph as it is at one site. @param {number} graph @param {number} place @param {Asked} at @param {Kept} [most] */
const drawAt = (graph, place, at, most) => {
  const site = data.sites[place];
  const rows = keptAt.get(`${graph} ${place}`) ?? [];
  return drawGraph(data.graphs[graph], rows, { ...scaleAt(site, at.axis, at.limit), title: `${graphName(graph)} at ${site.site}` }, most);
};

/** @typedef {{axis: Axis, limit: number}} Asked */

/** A card with one graph. @param {Kept} row @param {Asked} at */
const card = (row, at) => {
  const inside = [];
  if (data.graphs[row[1]]) inside.push(drawAt(row[1], row[0], at, row));
  const name = graphName(row[1]);
  const over = sizeOf(row, at.axis) > at.limit ? "" : " (under the threshold)";
  inside.push(element("p", {}, [element("b", {}, [name[0].toUpperCase() + name.slice(1)]), `: ${rowSaid(row)}${over}`]));
  if (data.graphs[row[1]]?.values) inside.push(element("p", {}, [String(data.graphs[row[1]].values)]));
  if (data.graphs[row[1]]?.smiles) inside.push(element("p", { class: "smiles" }, [element("code", {}, [data.graphs[row[1]].smiles])]));
  const open = element("button", { type: "button", class: "plain" }, ["All sites"]);
  open.setAttribute("aria-label", `All sites of ${name}`);
  open.addEventListener("click", () => openGraph(row[1], at.axis));
  if (data.graphs[row[1]]) inside.push(open);
  return element("li", { class: "molecule" }, inside);
};

/** Show rows below a figure. @param {Element} figure @param {string} title @param {string[]} notes @param {Kept[]} rows @param {Asked} at */
const showLinked = (figure, title, notes, rows, at) => {
  const section = figure.closest("section");
  section?.querySelectorAll(".linked").forEach((old) => old.remove());
  const found = onePerGraph(largestFirst(rows, at.axis)).slice(0, SHOWN);
  const heading = element("h4", { tabindex: -1 }, [title]);
  const shut = element("button", { type: "button", class: "plain" }, ["Close"]);
  const save = element("button", { type: "button", class: "plain" }, ["Save as CSV"]);
  const from = document.activeElement;
  const panel = element("div", { class: "linked", role: "region", "aria-label": title }, [heading]);
  panel.append(element("p", { class: "reading" }, [found.length ? notes.join(" ") : ["None among the activations on this page.", ...notes].join(" ")]));
  panel.append(element("ul", { class: "molecules" }, found.map((row) => card(row, at))));
  panel.append(element("p", {}, found.length ? [save, " ", shut] : [shut]));
  save.addEventListener("click", () => saveCsv("massive-activations.csv", rowsTable(largestFirst(rows, at.axis))));
  const close = () => {
    panel.remove();
    if (from instanceof HTMLElement || from instanceof SVGElement) if (from.isConnected) from.focus();
  };
  shut.addEventListener("click", close);
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  figure.after(panel);
  heading.focus({ preventScroll: true });
  panel.scrollIntoView({ block: "nearest" });
};

/** @param {Element} figure @param {number} place @param {number} type @param {Asked} at */
const showType = (figure, place, type, at) => {
  const rows = data.kept.filter((row) => row[0] === place && row[5] === type);
  const of = kindOfEdge(data.types[type], data.rows, true);
  showLinked(figure, `Where the ${of} with the largest ${at.axis}s are, at ${data.sites[place].site}`, [data.sites[place].note, lackSaid(data.sites[place], at)], rows, at);
};

/** @param {Element} figure @param {number} place @param {number[]} cell type, head and channel @param {Asked} at */
const showCell = (figure, place, [type, head, channel], at) => {
  const rows = data.kept.filter((row) => row[0] === place && row[5] === type && row[6] === head && row[7] === channel);
  const of = kindOfEdge(data.types[type], data.rows, true);
  showLinked(figure, `The largest ${at.axis}s on ${of} in head ${head}, channel ${channel}, at ${data.sites[place].site}`, [data.sites[place].note, lackSaid(data.sites[place], at)], rows, at);
};

/** @param {Element} figure @param {number} place @param {number} low @param {number} high @param {Asked} at */
const showRange = (figure, place, low, high, at) => {
  const site = data.sites[place];
  const own = largestFirst(data.kept.filter((row) => row[0] === place), "ratio");
  // A graph belongs where its largest is.
  const rows = onePerGraph(own).filter((row) => (row[9] ?? 0) > low && (row[9] ?? 0) <= high);
  const known = graphsOver(site, "trained", "ratio", low).over - graphsOver(site, "trained", "ratio", high).over;
  showLinked(figure, `Graphs whose largest ratio is from ${number(low)} to ${number(high)}, at ${site.site}`, [`There are ${count(known)}.`, site.note], rows, { ...at, axis: "ratio" });
};

/** Open one graph alone, with all sites side by side. @param {number} graph @param {Axis} axis */
const openGraph = (graph, axis) => {
  const known = data.graphs[graph];
  const name = graphName(graph);
  const from = document.activeElement;
  const heading = element("h3", {}, [name[0].toUpperCase() + name.slice(1)]);
  const [first, shut] = [0, 1].map(() => element("button", { type: "button", class: "plain" }, ["Close"]));
  heading.append(" ", first);
  const dialog = /** @type {HTMLDialogElement} */ (element("dialog", { class: "alone", "aria-label": name }, [heading]));
  if (known.values) dialog.append(element("p", {}, [known.values]));
  else if (data.attention.no_values) dialog.append(element("p", { class: "reading" }, [`True and predicted values are not shown: ${data.attention.no_values}.`]));
  if (known.smiles) dialog.append(element("p", { class: "smiles" }, [element("code", {}, [known.smiles])]));
  const rows = data.kept.filter((row) => row[1] === graph);
  const top = largestFirst(rows, axis)[0];
  const busiest = top ? data.sites[top[0]].site.split(":")[0] : "";
  const strip = element("ul", { class: "strip" });
  data.sites.forEach((site, place) => {
    const limit = limitAt(site, axis);
    const own = largestFirst(rows.filter((row) => row[0] === place), axis);
    const said = own.length ? `largest ${axis} ${number(sizeOf(own[0], axis))}` : "none among the largest, which alone the scan keeps";
    const drawing = limit === null ? [] : [drawAt(graph, place, { axis, limit })];
    strip.append(element("li", { "data-site": site.id }, [...drawing, element("p", {}, [element("b", {}, [site.short]), ` ${said}`])]));
  });
  const table = element("table", { class: "numbers" }, [
    element("caption", {}, [`The largest activations, site by site`]),
    element("thead", {}, [element("tr", {}, ["site", "from", "to", "type", "head", "channel", "value", "ratio"].map((text) => element("th", { scope: "col" }, [text])))]),
    element("tbody", {}, largestFirst(rows, axis).sort((a, b) => a[0] - b[0]).map((row) =>
      element("tr", { "data-site": data.sites[row[0]].id }, [
        element("th", { scope: "row" }, [data.sites[row[0]].short]),
        ...[row[3], row[4], data.types[row[5]], row[6], row[7], number(row[8]), number(row[9])].map((text) => element("td", {}, [String(text)])),
      ]))),
  ]);
  const save = element("button", { type: "button", class: "plain" }, ["Save as CSV"]);
  save.addEventListener("click", () => saveCsv(`graph-${graph}.csv`, rowsTable(rows)));
  const lacks = data.sites.flatMap((site) => {
    const limit = limitAt(site, axis);
    return limit !== null && lackSaid(site, { axis, limit }) ? [site.short] : [];
  });
  const missing = lacks.length ? [element("p", { class: "reading" }, [`Not everything over the threshold was kept at ${listing(lacks)}, so more may be over it than is coloured.`])] : [];
  dialog.append(strip, ...missing, ...attentionOf(graph, known, busiest), element("div", { class: "scroll" }, [table]), element("p", {}, [save, " ", shut]));
  for (const each of [first, shut]) each.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (from instanceof HTMLElement && from.isConnected) from.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
};

const tip = element("div", { class: "tip", "aria-hidden": "true" });
tip.hidden = true;

/** @type {Element | null} */
let pointed = null;

/** Say what is pointed at, beside it. @param {Element | null} target */
const pointAt = (target) => {
  const of = target?.isConnected ? target : null;
  pointed = of;
  const text = of?.getAttribute("data-tip");
  tip.hidden = !text;
  if (!of || !text) return;
  tip.textContent = text;
  (of.closest("dialog") ?? document.body).append(tip);
  const box = of.getBoundingClientRect();
  const own = tip.getBoundingClientRect();
  const left = Math.min(Math.max(box.left + box.width / 2 - own.width / 2, 6), innerWidth - own.width - 6);
  const above = box.top - own.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 6 ? above : box.bottom + 8}px`;
};

let lit = "";

/** Set off a site wherever it is. @param {EventTarget | null} target */
const lightUp = (target) => {
  if (!(target instanceof Element)) return;
  const of = target.closest("[data-site], section.site");
  const site = of ? of.getAttribute("data-site") ?? of.id : "";
  if (site === lit && !site) return;
  lit = site;
  for (const old of document.querySelectorAll(".lit")) if (old.getAttribute("data-site") !== site) old.classList.remove("lit");
  if (site) for (const each of document.querySelectorAll(`[data-site="${site}"]`)) each.classList.add("lit");
};
