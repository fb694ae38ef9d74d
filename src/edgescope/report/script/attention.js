// What attends to what in one graph: a matrix per head, of weights or of scores.

const SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Numbers from their digits, see edgescope.report.live.packed_numbers. @param {Packed} of @returns {number[]} */
const unpacked = (of) => {
  if (!of) return [];
  const [width, text] = of;
  const strange = [NaN, -Infinity, Infinity];
  const found = [];
  for (let at = 0; at < text.length; at += width) {
    let code = 0;
    for (let digit = at; digit < at + width; digit++) code = 64 * code + SYMBOLS.indexOf(text[digit]);
    if (code < strange.length) found.push(strange[code]);
    else if (width === 2) found.push((code - 2048) / 1000);
    else found.push(Number(`${(code % 2048) - 1024}e${Math.floor(code / 2048) - 64}`));
  }
  return found;
};

/** @typedef {{source: number, target: number, weight: number[], logit: number[]}} Pair numbers by head */

/** What a layer computes between the nodes of a graph. @param {Graph} graph @param {number} layer @returns {Pair[]} */
const pairsAt = (graph, layer) => (graph.attention?.maps ?? []).filter((map) => map[0] === layer).flatMap(([, which, weights, logits]) => {
  const ends = graph.attention?.pairs[which] ?? [];
  const heads = data.attention.layers[layer][1];
  const [weight, logit] = [unpacked(weights), unpacked(logits)];
  return Array.from({ length: ends.length / 2 }, (_, at) => ({
    source: ends[2 * at], target: ends[2 * at + 1],
    weight: weight.slice(heads * at, heads * (at + 1)), logit: logit.slice(heads * at, heads * (at + 1)),
  }));
});

/** @typedef {"weight" | "logit"} Stage */
/** What readers know them as. @type {Record<Stage, string>} */
const STAGE_NAMES = { weight: "weight", logit: "score" };

/** A weight with three decimals, a score as other numbers. @param {Stage} stage @param {number | undefined} value */
const stageText = (stage, value) => {
  if (value === undefined) return NO_VALUE;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : number(value);
  return stage === "weight" && Math.abs(value) < 10 ? fixed(value, 3) : number(value);
};

/** The name of a node. @param {Graph} graph @param {number} at */
const nodeName = (graph, at) => (graph.smiles ? `${graph.nodes[at][3] || "C"} ${graph.nodes[at][0]}` : graph.nodes[at][0]);

/** The nodes that a layer knows in their order; of a molecule all. @param {Graph} graph @param {Pair[]} pairs */
const nodesOf = (graph, pairs) => {
  if (graph.smiles) return graph.nodes.map((_, at) => at);
  const seen = new Set(pairs.flatMap(({ source, target }) => [source, target]));
  return graph.nodes.map((_, at) => at).filter((at) => seen.has(at));
};

/** Draw the matrix of one head. @param {Graph} graph @param {Pair[]} pairs @param {number} head @param {Stage} stage @param {{low: number, high: number}} scale @param {string} title */
const drawMatrix = (graph, pairs, head, stage, { low, high }, title) => {
  const nodes = nodesOf(graph, pairs);
  const order = new Map(nodes.map((node, at) => [node, at]));
  const size = Math.min(320 / Math.max(nodes.length, 1), 48);
  const side = size * nodes.length;
  const left = graph.smiles ? 44 : 24 + 5.4 * Math.max(4, ...nodes.map((at) => nodeName(graph, at).length));
  const drawing = svg("svg", { viewBox: `0 0 ${left + side + 4} ${side + left + 4}`, class: "chart matrix", style: `max-width:${Math.max(left + side + 4, 150)}px`, role: "group", "aria-label": title });
  drawing.append(svg("rect", { x: left, y: 2, width: side, height: side, class: "none" }));
  /** Parallel edges stand in one cell. @type {Map<string, Pair[]>} */
  const cells = new Map();
  for (const pair of pairs) {
    const key = `${order.get(pair.target)} ${order.get(pair.source)}`;
    cells.set(key, [...(cells.get(key) ?? []), pair]);
  }
  const sorted = [...cells].map(([key, held]) => ({ row: Number(key.split(" ")[0]), column: Number(key.split(" ")[1]), held }));
  sorted.sort((a, b) => a.row - b.row || a.column - b.column);
  sorted.forEach(({ row, column, held }, place) => {
    const values = held.map((pair) => pair[stage][head]).filter((value) => value !== undefined);
    const known = values.filter(Number.isFinite);
    const top = known.length ? Math.max(...known) : NaN;
    const several = held.length > 1 ? ` (${held.length} edges)` : "";
    const of = (/** @type {Stage} */ which) => held.map((pair) => stageText(which, pair[which][head])).join(" and ");
    const said = [`${nodeName(graph, held[0].target)} attends to ${nodeName(graph, held[0].source)}${several}`, `weight ${of("weight")}, score ${of("logit")}`, `head ${head}`];
    const share = high > low ? (top - low) / (high - low) : 1;
    drawing.append(svg("rect", {
      x: left + size * column, y: 2 + size * row, width: Math.max(size - 0.6, 1), height: Math.max(size - 0.6, 1), role: "button",
      tabindex: place ? -1 : 0, class: Number.isNaN(top) ? "cell broken" : "cell", "data-row": row, "data-column": column,
      "aria-label": said.join("; "), "data-tip": said.join("\n"), ...(Number.isNaN(top) ? {} : { fill: shade(share) }),
    }));
    // Where there is room the number itself stands in its cell.
    if (size > 30 && values.length) drawing.append(svg("text", { x: left + size * (column + 0.5), y: 6 + size * (row + 0.5), "text-anchor": "middle", class: share > 0.6 ? "number pale" : "number", "aria-hidden": "true" }, [stage === "weight" && Math.abs(top) < 10 ? fixed(top, 2) : number(Number(top.toPrecision(2)))]));
  });
  const every = Math.ceil(nodes.length / 26);
  nodes.forEach((node, at) => {
    if (at % every) return;
    const middle = size * (at + 0.5);
    drawing.append(
      svg("text", { x: left - 4, y: 2 + middle + 4, "text-anchor": "end" }, [nodeName(graph, node)]),
      svg("text", { transform: `translate(${left + middle + 4} ${side + 8}) rotate(-90)`, "text-anchor": "end" }, [nodeName(graph, node)]),
    );
  });
  nearestKeys(/** @type {SVGElement} */ (drawing));
  return drawing;
};

/** Let arrows go to the next cell in their direction. @param {SVGElement} drawing */
const nearestKeys = (drawing) => {
  const cells = /** @type {SVGElement[]} */ ([...drawing.querySelectorAll(".cell")]);
  const at = (/** @type {SVGElement} */ cell) => [Number(cell.dataset.column), Number(cell.dataset.row)];
  /** @type {Record<string, [number, number]>} */
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  drawing.addEventListener("keydown", (event) => {
    const here = /** @type {SVGElement} */ (event.target);
    const way = ways[event.key];
    if (!way || !cells.includes(here)) return;
    event.preventDefault();
    const [x, y] = at(here);
    let [best, least] = [/** @type {SVGElement | null} */ (null), Infinity];
    for (const cell of cells) {
      const [dx, dy] = [at(cell)[0] - x, at(cell)[1] - y];
      const [along, aside] = way[0] ? [dx * way[0], Math.abs(dy)] : [dy * way[1], Math.abs(dx)];
      // What lies straight ahead before what lies aside.
      if (along > 0 && along + 40 * aside < least) [best, least] = [cell, along + 40 * aside];
    }
    if (!best) return;
    here.setAttribute("tabindex", "-1");
    best.setAttribute("tabindex", "0");
    best.focus();
  });
};

/** The part of an opened graph that says what attends to what. @param {number} number_ @param {Graph} graph @param {string} first the layer to begin with @returns {Element[]} */
const attentionOf = (number_, graph, first) => {
  const heading = element("h4", {}, ["What attends to what"]);
  if (!graph.attention) return [heading, element("p", { class: "nothing" }, [data.attention.absent])];
  const known = [...new Set(graph.attention.maps.map((map) => map[0]))];
  const layer = /** @type {HTMLSelectElement} */ (element("select", { name: "layer" }, known.map((each) => element("option", { value: each }, [data.attention.layers[each][0] || "the model"]))));
  const begin = known.find((each) => data.attention.layers[each][0] === first);
  if (begin !== undefined) layer.value = String(begin);
  const stages = /** @type {Stage[]} */ (["weight", "logit"]);
  const radios = stages.map((stage) => /** @type {HTMLInputElement} */ (element("input", { type: "radio", name: "stage", value: stage })));
  radios[0].checked = true;
  const fields = element("fieldset", {}, [element("legend", {}, ["Show"]), ...radios.map((radio, at) => element("label", {}, [radio, at ? " scores, before the softmax" : " weights, after the softmax"]))]);
  const save = element("button", { type: "button", class: "plain" }, ["Matrices as CSV"]);
  const form = element("form", { class: "attention", "aria-label": "Which attention" }, [element("label", {}, ["Layer ", layer]), " ", fields, " ", save]);
  form.addEventListener("submit", (event) => event.preventDefault());
  const holder = element("div", { "aria-live": "polite" });
  const show = () => {
    const at = Number(layer.value);
    const stage = radios[0].checked ? "weight" : "logit";
    const pairs = pairsAt(graph, at);
    const values = pairs.flatMap((pair) => pair[stage]);
    const finite = values.filter(Number.isFinite);
    const what = STAGE_NAMES[stage];
    if (!values.length) return holder.replaceChildren(element("p", { class: "nothing" }, [`This layer has no ${what}s.`]));
    // Weights are shares of a node's attention.
    const within = stage === "weight" && finite.every((value) => value >= 0 && value <= 1);
    const [low, high] = within ? [0, 1] : [Math.min(...finite), Math.max(...finite)];
    const bar = mapScale(1).querySelector(".scale") ?? "";
    const broken = finite.length < values.length ? [" \u00a0 ", element("span", { class: "swatch broken" }), " not finite"] : [];
    const key = element("p", { class: "legend-line" }, [`${what}: ${finite.length ? stageText(stage, low) : NO_VALUE} `, bar, ` ${finite.length ? stageText(stage, high) : NO_VALUE} \u00a0 `, element("span", { class: "swatch none" }), " no edge", ...broken]);
    const panels = Array.from({ length: data.attention.layers[at][1] }, (_, head) => element("div", {}, [
      element("p", { class: "panel" }, [`head ${head}`]),
      drawMatrix(graph, pairs, head, stage, { low, high }, `${graphName(number_)}, ${data.attention.layers[at][0]}, head ${head}: ${what}s, who attends by row, to whom by column`),
    ]));
    holder.replaceChildren(key, element("div", { class: "maps" }, panels));
  };
  save.addEventListener("click", () => saveCsv(`attention-graph-${number_}.csv`, [
    ["layer", "head", "source", "target", "weight", "score"],
    ...known.flatMap((each) => pairsAt(graph, each).flatMap((pair) => Array.from({ length: data.attention.layers[each][1] }, (_, head) => [data.attention.layers[each][0], head, nodeName(graph, pair.source), nodeName(graph, pair.target), pair.weight[head] ?? null, pair.logit[head] ?? null]))),
  ]));
  form.addEventListener("change", show);
  show();
  const other = graph.smiles ? "" : " Only nodes that are drawn are here; a node may attend to others as well.";
  const missing = data.attention.missing ? ` Without matrices: ${data.attention.missing}.` : "";
  const read = element("p", { class: "reading" }, [element("b", {}, ["How to read this."]), ` A row is the ${graph.smiles ? "atom" : "node"} that attends, a column the one that it attends to; the darker, the more. The weights of a row sum to 1 where the layer's softmax does so; scores are what enters it. Arrow keys go from cell to cell.${other}${missing}`]);
  return [heading, form, holder, read];
};
