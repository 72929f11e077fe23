/** The Prometheus text format, as far as a page needs it. */

/** @typedef {{name: string, labels: Record<string, string>, value: number}} Sample */

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
/** @type {Record<string, string>} */
const ESCAPES = { "\\\\": "\\", '\\"': '"', "\\n": "\n" };

/** @param {string} text @returns {Sample[]} */
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (found) samples.push({ name: found[1], labels: labelsOf(found[2] || ""), value: number(found[3]) });
  }
  return samples;
}

/** @param {string} text */
function labelsOf(text) {
  return Object.fromEntries([...text.matchAll(LABEL)].map(([, name, value]) => [name, value.replace(/\\[\\"n]/g, (one) => ESCAPES[one])]));
}

/** @param {string} text */
function number(text) {
  if (text === "+Inf") return Infinity;
  return text === "-Inf" ? -Infinity : Number(text);
}

/** The sum of all series of a name. @param {Sample[]} samples @param {string} name @param {(labels: Record<string, string>) => boolean} [wanted] */
export function total(samples, name, wanted = () => true) {
  return samples.reduce((sum, one) => (one.name === name && wanted(one.labels) ? sum + one.value : sum), 0);
}

/**
 * Upper bounds of a histogram with how many observations are at most each, all series together.
 * @param {Sample[]} samples @param {string} name @param {(labels: Record<string, string>) => boolean} [wanted]
 * @returns {Map<number, number>}
 */
export function buckets(samples, name, wanted = () => true) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const one of samples) {
    if (one.name !== `${name}_bucket` || !wanted(one.labels)) continue;
    const bound = number(one.labels.le);
    counts.set(bound, (counts.get(bound) || 0) + one.value);
  }
  return counts;
}

/**
 * The quantile of what was observed between two readings; null where nothing was.
 * @param {Map<number, number>} before @param {Map<number, number>} after @param {number} share
 */
export function quantile(before, after, share) {
  const bounds = [...after.keys()].sort((one, other) => one - other);
  const counts = bounds.map((bound) => (after.get(bound) || 0) - (before.get(bound) || 0));
  const all = counts.at(-1) || 0;
  if (all <= 0) return null;
  const index = counts.findIndex((count) => count >= share * all);
  const low = index ? bounds[index - 1] : 0;
  if (!Number.isFinite(bounds[index])) return low;
  const below = index ? counts[index - 1] : 0;
  return low + (bounds[index] - low) * ((share * all - below) / (counts[index] - below));
}
