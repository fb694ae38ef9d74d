// Numbers as the rest of the page writes them; see edgescope.plots.formats.

const NO_VALUE = "\u2013";
const SPACE = "\u00a0";

/** Round half to even, which is what the page was written with. @param {number} value @param {number} places */
const fixed = (value, places) => {
  const scaled = value * 10 ** places;
  const low = Math.floor(scaled);
  const tie = scaled - low === 0.5 && Number.isInteger(value * 2 ** (places + 1));
  return (tie ? (low % 2 ? low + 1 : low) / 10 ** places : value).toFixed(places);
};

/** @param {number} size positive @param {number} places */
const exponential = (size, places) => {
  const [digits, power] = size.toExponential(60).split("e");
  const cut = places + 2;
  const tie = /^50*$/.test(digits.slice(cut)) && Number(digits[cut - 1]) % 2 === 0;
  return tie ? `${digits.slice(0, cut)}e${power}` : size.toExponential(places);
};

/** @param {string} digits */
const grouped = (digits) => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** A whole number, in full. @param {number} value */
const count = (value) => grouped(String(value));

/** @param {number} value */
const scientific = (value) => {
  if (!Number.isFinite(value)) return value > 0 ? "\u221e" : "-\u221e";
  const [digits, exponent] = exponential(Math.abs(value), 2).split("e");
  const power = String(Number(exponent)).replace(/[-\d]/g, (c) => "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"["-0123456789".indexOf(c)]);
  const sign = value < 0 ? "-" : "";
  return digits === "1.00" && !sign ? `10${power}` : `${sign}${digits}\u00d710${power}`;
};

/** A ratio or a magnitude, with three significant digits. @param {number | null | undefined} value */
const number = (value) => {
  if (value === null || value === undefined || Number.isNaN(value)) return NO_VALUE;
  const size = Math.abs(value);
  const sign = value < 0 ? "-" : "";
  if (size === 0 || (size >= 1e3 && size < 1e7) || (size < 1e3 && Number.isInteger(size))) return sign + grouped(fixed(size, 0));
  if (!(size >= 1e-4 && size < 1e7)) return scientific(value);
  if (size >= 1) return sign + fixed(size, size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return sign + Number(exponential(size, 2)).toPrecision(3);
};

/** A share; what is not quite all is never 100 %. @param {number | null | undefined} share */
const percent = (share) => {
  if (share === null || share === undefined || Number.isNaN(share)) return NO_VALUE;
  const value = 100 * share;
  let text;
  if (share === 0 || share === 1) text = fixed(value, 0);
  else if (value > 99) text = "> 99";
  else if (value >= 10) text = fixed(value, 0);
  else if (value >= 0.001) text = fixed(value, 1 - Math.floor(Math.log10(value)));
  else text = scientific(value);
  return `${text}${SPACE}%`;
};

/** An interval of shares. @param {number} low @param {number} high */
const interval = (low, high) => {
  if (Number.isNaN(low) || Number.isNaN(high)) return NO_VALUE;
  const width = 100 * (high - low);
  const places = width ? Math.min(Math.max(Math.ceil(-Math.log10(width)), 0) + 1, 6) : 1;
  const [start, end] = [low, high].map((share) => (share ? fixed(100 * share, places) : "0"));
  return `${start} to ${end}${SPACE}%`;
};

/** @param {number} many @param {string} noun */
const plural = (many, noun) => `${count(many)} ${noun}${many === 1 ? "" : "s"}`;

/** @param {string[]} items */
const listing = (items) => (items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`);

/** Name an edge by its type. @param {string} type @param {string} rows "edge" or "node" */
const kindOfEdge = (type, rows, many = false) => {
  const s = many ? "s" : "";
  if (["single", "double", "triple", "aromatic"].includes(type)) return `${type} bond${s}`;
  return type === "edge" || type === "node" ? `${rows}${s}` : `${type} ${rows}${s}`;
};
