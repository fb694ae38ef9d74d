// Molecules and neighbourhoods, drawn from the places of their nodes.

/** @typedef {{size: number, row: Kept}} Top the largest activation of a bond or edge, and its measure */

/** Length of what is 1 in the places of a molecule, and of other nodes. */
const [UNIT, APART] = [24, 58];

/** @param {Kept} row @param {Axis} axis */
const sizeOf = (row, axis) => (axis === "ratio" ? row[9] ?? 0 : Math.abs(row[8]));

/** The scale of colours: pale at the threshold, dark at the largest. @param {number} size @param {number} low @param {number} high */
const colourOf = (size, low, high) => shade(0.12 + 0.66 * (high > low ? Math.log(size / low) / Math.log(high / low) : 1));

/** The largest activation of every link, in whichever direction. @param {Graph} graph @param {Kept[]} rows @param {Axis} axis @returns {Map<number, Top>} */
const topsOf = (graph, rows, axis) => {
  const places = new Map(graph.nodes.map(([name], at) => [name, at]));
  const links = new Map(graph.links.map(([a, b], at) => [a < b ? `${a} ${b}` : `${b} ${a}`, at]));
  const found = new Map();
  for (const row of rows) {
    const [source, target] = endsOf(row).map((name) => places.get(name));
    if (source === undefined || target === undefined) continue;
    const link = links.get(source < target ? `${source} ${target}` : `${target} ${source}`);
    const size = sizeOf(row, axis);
    if (link !== undefined && size > (found.get(link)?.size ?? 0)) found.set(link, { size, row });
  }
  return found;
};

/** Say what a link is and what it holds. @param {Graph} graph @param {number} link @param {Top | undefined} top */
const linkSaid = (graph, link, top) => {
  const [a, b, order, ring, aromatic] = graph.links[link];
  const atom = (/** @type {number} */ at) => (graph.smiles ? `${graph.nodes[at][3] || "C"} ${graph.nodes[at][0]}` : graph.nodes[at][0]);
  const kind = !order ? data.rows : `${aromatic ? "aromatic" : ["", "single", "double", "triple"][order] ?? ""} bond${ring ? " in a ring" : ""}`;
  const lines = [`${atom(a)} \u2013 ${atom(b)}: ${kind}`];
  if (!top) return [...lines, "not over the threshold, or not among what the page holds"];
  const { row } = top;
  return [
    ...lines,
    `ratio ${number(row[9])}, value ${number(row[8])}`,
    `head ${row[6]}, channel ${row[7]}, from ${row[3]} to ${row[4]}${order ? "" : `, ${kindOfEdge(data.types[row[5]], data.rows)}`}`,
    data.sites[row[0]].site,
  ];
};

/** Draw a graph with the links over the threshold coloured. @param {Graph} graph @param {Kept[]} rows of one site @param {{axis: Axis, low: number, high: number, title: string}} asked @param {Kept} [most] whose atoms are numbered */
const drawGraph = (graph, rows, { axis, low, high, title }, most) => {
  // Names of nodes need room.
  const longest = Math.max(...graph.nodes.map((node) => node[3].length));
  const unit = graph.smiles ? UNIT : Math.max(APART, 50 + 6.2 * longest);
  const margin = graph.smiles ? 26 : Math.max(26, 10 + 3.1 * longest);
  const xs = graph.nodes.map((node) => node[1] * unit);
  const ys = graph.nodes.map((node) => node[2] * unit);
  const [left, top] = [Math.min(...xs) - margin, Math.min(...ys) - 30];
  const [width, height] = [Math.max(...xs) - left + margin, Math.max(...ys) - top + 22];
  // Small molecules keep the length of their bonds, large ones fill the width.
  const wide = Math.max(width, 240);
  const drawing = svg("svg", { viewBox: `${left - (wide - width) / 2} ${top} ${wide} ${Math.max(height, 110)}`, class: "graph", role: "group", "aria-label": title });
  const tops = topsOf(graph, rows, axis);
  const under = svg("g");
  const lines = svg("g", { class: "bonds" });
  const over = svg("g");
  graph.links.forEach(([a, b, order], link) => {
    const held = tops.get(link);
    const massive = held && held.size > low ? held : undefined;
    // An edge from a node to itself is a ring beside it.
    const d = a === b ? `M${xs[a]} ${ys[a]}m0-9a9 9 0 1 1 .1 0` : `M${xs[a]} ${ys[a]}L${xs[b]} ${ys[b]}`;
    if (massive) under.append(svg("path", { d, class: "massive", stroke: colourOf(massive.size, low, high) }));
    if (a === b) lines.append(svg("path", { d }));
    else lines.append(...bondLines([xs[a], ys[a]], [xs[b], ys[b]], order, middleOf(graph, link, xs, ys)));
    const said = linkSaid(graph, link, massive ?? held);
    over.append(svg("path", { d, class: "reach", "data-tip": said.join("\n"), ...(massive ? { tabindex: 0, role: "img", "aria-label": said.join("; ") } : {}) }));
  });
  drawing.append(under, lines);
  graph.nodes.forEach(([, , , text], at) => {
    if (!text) return;
    const size = graph.smiles ? 8 + 3.2 * (text.length - 1) : 7 + 3.1 * text.length;
    drawing.append(svg("rect", { x: xs[at] - size, y: ys[at] - 9, width: 2 * size, height: 18, rx: 7, class: graph.smiles ? "atom" : "node" }), svg("text", { x: xs[at], y: ys[at] + 4.5, "text-anchor": "middle" }, [text]));
  });
  if (graph.smiles && most) for (const name of endsOf(most)) {
    const at = graph.nodes.findIndex((node) => node[0] === name);
    if (at >= 0) drawing.append(svg("text", { x: xs[at] + 11, y: ys[at] - 8, class: "note" }, [name]));
  }
  if (!graph.smiles) for (const { size, row } of tops.values()) if (size > low && row[3] !== row[4]) over.prepend(arrowHead(graph, row, xs, ys));
  drawing.append(over);
  return drawing;
};

/** @typedef {[number, number]} Point */

/** The lines of a bond: the second and third are shorter and on the side of the ring. @param {Point} from @param {Point} to @param {number} order @param {Point} middle */
const bondLines = (from, to, order, middle) => {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy) || 1;
  const [nx, ny] = [-dy / length, dx / length];
  const side = (middle[0] - from[0]) * nx + (middle[1] - from[1]) * ny < 0 ? -1 : 1;
  const line = (/** @type {number} */ shift, /** @type {number} */ cut) => svg("path", { d: `M${from[0] + nx * shift + dx * cut} ${from[1] + ny * shift + dy * cut}L${to[0] + nx * shift - dx * cut} ${to[1] + ny * shift - dy * cut}` });
  const made = [line(0, 0)];
  if (order === 2 || order === 3) made.push(line(4 * side, 0.12));
  if (order === 3) made.push(line(-4 * side, 0.12));
  return made;
};

/** The middle of what is bound to a link, on whose side a double bond is drawn. @param {Graph} graph @param {number} link @param {number[]} xs @param {number[]} ys @returns {Point} */
const middleOf = (graph, link, xs, ys) => {
  const [a, b] = graph.links[link];
  const near = graph.links.flatMap(([p, q, , ring]) => ((p === a || p === b) !== (q === a || q === b) ? [{ at: p === a || p === b ? q : p, ring }] : []));
  const rings = near.filter((each) => each.ring);
  const used = rings.length ? rings : near;
  const mean = (/** @type {number[]} */ of) => used.reduce((sum, { at }) => sum + of[at], 0) / (used.length || 1);
  return [mean(xs), mean(ys)];
};

/** @param {Graph} graph @param {Kept} row @param {number[]} xs @param {number[]} ys */
const arrowHead = (graph, row, xs, ys) => {
  const [source, target] = endsOf(row).map((name) => graph.nodes.findIndex((node) => node[0] === name));
  const turn = (Math.atan2(ys[target] - ys[source], xs[target] - xs[source]) * 180) / Math.PI;
  const [x, y] = [xs[source] + 0.62 * (xs[target] - xs[source]), ys[source] + 0.62 * (ys[target] - ys[source])];
  return svg("path", { d: "M0 0L-9-4.5v9z", transform: `translate(${x} ${y}) rotate(${turn})`, class: "head" });
};
