// Counts over any threshold, from the histograms that the page holds; see edgescope.statistics.

/** @typedef {[number, number, number, number]} Rule */
/** @typedef {"ratio" | "magnitude"} Axis */
/** @typedef {number[]} Runs */
/** @typedef {{edges: (number | null)[], types: (Runs | null)[], graphs: Runs}} AxisCounts */
/** @typedef {{seen: (number | null)[], ratio: AxisCounts, magnitude: AxisCounts}} StateCounts */
/** @typedef {{id: string, site: string, short: string, axis: Axis, heads: number, channels: number,
 *   bins: Record<Axis, {edge: Rule, map: Rule}>, limits: Record<Axis, number | null>,
 *   largest: Record<Axis, Record<string, number | null>>, counts: Record<string, StateCounts>,
 *   maps: Record<Axis, Runs[][]>, note: string, floors: Record<Axis, number | null>}} Site */
/** @typedef {[number, string] | null} Packed digits per number, and the digits */
/** @typedef {{pairs: number[][], maps: [number, number, Packed, Packed][]}} Attention */
/** @typedef {{label: string, smiles: string, values?: string, attention?: Attention, nodes: [string, number, number, string][],
 *   links: [number, number, number, number, number][]}} Graph */
/** @typedef {[number, number, number, number, number, number, number, number, number, number | null]} Kept */
/** @typedef {{rows: string, axis: Axis, doubt: string, largest: string[], sentences: Record<string, string>, kekulised: boolean, members: number, floor: number, types: string[],
 *   sites: Site[], kept: Kept[], ends: [string, string][], graphs: Record<string, Graph>,
 *   attention: {layers: [string, number][], absent: string, missing?: string, no_values?: string}}} Data */
/** @typedef {{type: string, place: number, edges: number, over: number, rate: number, low: number, high: number}} Share */

const LARGEST = 0x7f7fffff;
const Z = 1.959963984540054; // of the normal law, for 95 %
const bits = new DataView(new ArrayBuffer(4));

/** The value of an edge between bins. @param {Rule} rule @param {number} at */
const binEdge = ([first, shift, lowest, size], at) => {
  if (at <= 0) return 0;
  if (at >= size) return Infinity;
  bits.setInt32(0, Math.min(Math.max(first - 1 + (at + lowest) * 2 ** shift, 0), LARGEST));
  return bits.getFloat32(0);
};

/** The number of the edge between bins that is closest to a threshold. @param {Rule} rule @param {number} threshold */
const binNear = ([first, shift, lowest, size], threshold) => {
  bits.setFloat32(0, threshold);
  const at = Math.floor((bits.getInt32(0) - (first - 1) + 2 ** (shift - 1)) / 2 ** shift) - lowest;
  return Math.min(Math.max(at, 1), size - 1);
};

/** @type {Map<Runs, {first: number, tails: Float64Array}>} */
const summed = new Map();

/** Sums of the counts from every bin on. @param {Runs} runs */
const tailsOf = (runs) => {
  const known = summed.get(runs);
  if (known) return known;
  /** @type {number[]} */
  const counts = [];
  for (const each of runs.slice(1)) {
    if (each < 0) for (let gap = 0; gap < -each; gap++) counts.push(0);
    else counts.push(each);
  }
  const tails = new Float64Array(counts.length + 1);
  for (let at = counts.length - 1; at >= 0; at--) tails[at] = tails[at + 1] + counts[at];
  const found = { first: runs.length ? runs[0] : 0, tails };
  summed.set(runs, found);
  return found;
};

/** How many are in a bin or in a higher one. @param {Runs} runs @param {number} bin */
const from = (runs, bin) => {
  const { first, tails } = tailsOf(runs);
  return tails[Math.min(Math.max(bin - first, 0), tails.length - 1)];
};

/** Wilson interval of a rate at 95 %. @param {number} k @param {number} n @returns {[number, number]} */
const wilson = (k, n) => {
  if (!n) return [NaN, NaN];
  const p = k / n;
  const size = 2 * (n + Z ** 2);
  const centre = (2 * n * p + Z ** 2) / size;
  const delta = (Z / size) * Math.sqrt(4 * n * p * (1 - p) + Z ** 2);
  return [k ? centre - delta : 0, k === n ? 1 : centre + delta];
};

/** Edges over a threshold, by type. @param {Site} site @param {string} state @param {Axis} axis @param {number} limit @param {string[]} types @returns {Share[]} */
const sharesOf = (site, state, axis, limit, types) => {
  const counts = site.counts[state];
  const bin = binNear(site.bins[axis].edge, limit);
  /** @type {Share[]} */
  const found = [];
  types.forEach((type, place) => {
    if (!counts.seen[place]) return;
    const edges = counts[axis].edges[place] ?? 0;
    const over = from(counts[axis].types[place] ?? [], bin);
    const [low, high] = wilson(over, edges);
    found.push({ type, place, edges, over, rate: edges ? over / edges : NaN, low, high });
  });
  return found;
};

/** @param {Share[]} rows */
const allTypes = (rows) => {
  const edges = rows.reduce((sum, row) => sum + row.edges, 0);
  const over = rows.reduce((sum, row) => sum + row.over, 0);
  return { edges, over, share: edges ? over / edges : NaN };
};

/** Share of the edges of a type over a threshold, head by head and channel by channel. @param {Site} site @param {Axis} axis @param {number} limit @param {number} place */
const mapOf = (site, axis, limit, place) => {
  const bin = binNear(site.bins[axis].map, limit);
  const edges = site.counts.trained[axis].edges[place] ?? 0;
  return site.maps[axis][place].map((cell) => from(cell, bin) / edges);
};

/** Graphs whose largest is over a threshold, and all. @param {Site} site @param {string} state @param {Axis} axis @param {number} limit */
const graphsOver = (site, state, axis, limit) => {
  const runs = site.counts[state][axis].graphs;
  return { over: from(runs, binNear(site.bins[axis].edge, limit)), graphs: from(runs, 0) };
};
