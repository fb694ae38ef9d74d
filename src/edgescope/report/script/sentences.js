// The sentences on top of the page, at any threshold, and the graphs in its gallery.

/** A sentence of the page, or a part of one, see edgescope.report.sentence_templates. @param {string} name @param {Record<string, string | number>} [values] */
const filled = (name, values = {}) => data.sentences[name].replace(/\{(\w+)\}/g, (_, key) => String(values[key]));

/** @param {number} many */
const have = (many) => (many === 1 ? "has" : "have");

/** The sentences on top. @param {Counted[]} found */
const sentences = (found) => {
  const over = found.filter(({ all }) => all.trained?.over);
  const [axis, limit] = above(asked.axis).split(" above ");
  let before = filled("uncompared");
  if (compared) {
    const many = found.filter(({ all }) => all.untrained?.over).length;
    const where = data.members ? filled("models", { members: data.members }) : filled("model");
    before = filled("before", { where, many: many ? filled("many", { sites: plural(many, "site"), have: have(many) }) : filled("none_before") });
  }
  const values = { over: over.length, sites: plural(found.length, "site"), have: have(over.length), exceeds: filled("exceeds", { axis, limit }), before };
  const first = filled(over.length ? "over" : found.length > 1 ? "none" : "only", values);
  const busiest = over.reduce((/** @type {Counted | null} */ best, each) => (!best || each.all.trained.share > best.all.trained.share ? each : best), null);
  const rates = busiest?.shares.trained.filter((row) => row.edges).map((row) => filled("rate", { rate: percent(row.rate), kind: kindOfEdge(row.type, data.rows, true) }));
  return {
    // Beside a doubt, that nothing exceeds a threshold would sound as if all were well.
    first: over.length || !data.doubt ? first : filled("doubt", { doubt: data.doubt, rule: filled("limit", { axis, limit }) }),
    where: busiest && rates ? filled("where", { site: busiest.site.site, rates: listing(rates), rings: data.kekulised ? filled("rings") : "" }) : "",
    largest: data.largest[over.length ? 1 : 0],
  };
};

const drawGallery = () => {
  const gallery = document.querySelector('[data-live="gallery"]');
  if (!gallery || !Object.keys(data.graphs).length) return;
  const limits = data.sites.map((site) => ({ axis: axisAt(site), limit: limitAt(site, axisAt(site)) }));
  /** The row of every graph that is most times over its threshold. @type {Map<number, {row: Kept, times: number, at: Asked}>} */
  const found = new Map();
  for (const row of data.kept) {
    const { axis, limit } = limits[row[0]];
    if (limit === null) continue;
    const times = sizeOf(row, axis) / limit;
    const graph = data.graphs[row[1]];
    if (times > 1 && times > (found.get(row[1])?.times ?? 0) && graph && (row[2] >= 0 || !graph.smiles)) found.set(row[1], { row, times, at: { axis, limit } });
  }
  const tops = [...found.values()].sort((a, b) => b.times - a.times).slice(0, 12);
  const cards = tops.map(({ row, at }) => {
    const made = card(row, at);
    made.querySelector("p")?.append(", at ", element("code", {}, [data.sites[row[0]].site]));
    return made;
  });
  const key = element("p", { class: "legend-line" }, [`Colour of ${Object.values(data.graphs).some((graph) => graph.smiles) ? "a bond" : "an edge"}: just over the threshold `, mapScale(1).querySelector(".scale") ?? "", " the largest of its site"]);
  const lacks = [...new Set(tops.map(({ row, at }) => lackSaid(data.sites[row[0]], at)))].filter(Boolean);
  const missing = lacks.map((text) => element("p", { class: "reading" }, [text]));
  const nothing = element("p", { class: "nothing" }, [`No graph on this page holds an activation over the threshold; a lower one shows the largest. ${data.sites[0].note}`]);
  gallery.replaceChildren(...(cards.length ? [key, ...missing, element("ul", { class: "molecules" }, cards)] : [nothing]));
};
