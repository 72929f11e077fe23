/** Numbers as people read them. */

const MINUS = "\u2212";
const TOO_SMALL = 0.001;

/** @param {number} share from 0 to 1 */
export function percent(share) {
  if (share > 0 && share < 0.0005) return "<0.1\u202f%";
  return `${(100 * share).toFixed(1)}\u202f%`;
}

/** @param {number} value @param {number} [digits] */
export function signed(value, digits = 2) {
  const text = value.toPrecision(digits);
  const short = text.includes("e") ? value.toExponential(digits - 1) : text;
  return (value > 0 ? "+" : "") + short.replace("-", MINUS);
}

/** An attribution; one that tells nothing beside the largest is about 0. @param {number} value @param {number} share */
export function attribution(value, share) {
  if (share < TOO_SMALL) return value ? "\u22480" : "0";
  return signed(value);
}

/** @param {number} ms */
export function duration(ms) {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)}\u202fs`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)}\u202fs`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)}\u202fms`;
}

/** @param {number} count */
export function count(count) {
  return count.toLocaleString("en");
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${bytes.toFixed(unit && bytes < 10 ? 1 : 0)}\u202f${units[unit]}`;
}

/** @param {number} number @param {string} one @param {string} [many] */
export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}
