/** What a picture of an explanation shows: which text in which field, and how strongly it is coloured. */

import { valueAt } from "./schema.js";

const PAIRS = [["record1", "record2"], ["text", "text_pair"]];
const ADDED = "(added by the model)";
const JOINTS = ["##", "\u0120", "\u2581"];

/**
 * @typedef {object} Piece a text with its attribution; plain text between two tokens has none
 * @property {string} text
 * @property {number | null} value
 * @property {number} share of the largest attribution, from 0 to 1
 * @property {boolean} added whether it is the model's own, not the caller's
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {Piece[]} pieces
 */

/** @param {any} explanation @param {any} instance @returns {Field[]} in the order in which the model reads */
export function fieldsOf(explanation, instance) {
  const parts = explanation.attributions;
  const most = Math.max(...parts.map((/** @type {any} */ part) => Math.abs(part.attribution)), 0) || 1;
  return [...byField(parts)].map(([name, own]) => ({ name, pieces: pieces(name, own, most, valueAt(instance, name)) }));
}

/** The inputs that stand side by side. @param {Field[]} fields @returns {string[]} */
export function columnsOf(fields) {
  const roots = new Set(fields.map((field) => rootOf(field.name)));
  return PAIRS.find((pair) => roots.size === 2 && pair.every((root) => roots.has(root))) || [];
}

/**
 * Rows of fields for `columns`: those of the same key beside each other, or of the same position.
 * @param {Field[]} fields @param {string[]} columns @param {boolean} byPosition
 * @returns {(Field | undefined)[][]}
 */
export function sideBySide(fields, columns, byPosition) {
  const sides = columns.map((root) => fields.filter((field) => rootOf(field.name) === root));
  if (byPosition) return Array.from({ length: Math.max(...sides.map((side) => side.length)) }, (_, row) => sides.map((side) => side[row]));
  const keys = new Set(sides.flat().map((field) => keyOf(field.name)));
  return [...keys].map((key) => sides.map((side) => side.find((field) => keyOf(field.name) === key)));
}

/** @param {string} name */
export function keyOf(name) {
  return name.split(".").slice(1).join(".");
}

/** @param {string} name */
export function rootOf(name) {
  return name.split(".")[0];
}

/** The tokens of a field's key are read right before it, and stay with it. @param {any[]} parts */
function byField(parts) {
  /** @type {string[]} */
  const homes = [];
  let home = "";
  for (const part of [...parts].reverse()) {
    const isKey = part.start === null && part.text && home.startsWith(`${part.field}.`);
    home = isKey ? home : part.field;
    homes.unshift(home);
  }
  /** @type {Map<string, any[]>} */
  const fields = new Map();
  parts.forEach((part, index) => fields.set(homes[index], [...(fields.get(homes[index]) || []), part]));
  return fields;
}

/** @param {string} field @param {any[]} parts @param {number} most @param {any} value @returns {Piece[]} */
function pieces(field, parts, most, value) {
  const text = typeof value === "string" ? [...value] : null;
  /** @type {Piece[]} */
  const found = [];
  const say = (/** @type {string} */ said) => said && found.push({ text: said, value: null, share: 0, added: false });
  let end = 0;
  for (const part of parts) {
    const share = Math.abs(part.attribution) / most;
    const isOwn = part.start !== null && text !== null;
    if (isOwn && part.end <= end && part.end > 0 && part.start < end) continue;
    if (isOwn) say(text.slice(end, part.start).join(""));
    else if (found.length) say(" ");
    const shown = isOwn ? text.slice(Math.max(part.start, end), part.end).join("") : tokenText(part, field);
    found.push({ text: shown || "\u2423", value: part.attribution, share, added: part.start === null });
    if (isOwn) end = Math.max(end, part.end);
  }
  if (text) say(text.slice(end).join(""));
  return found;
}

/** @param {any} part @param {string} field */
function tokenText(part, field) {
  let text = part.text;
  for (const joint of JOINTS) if (text.startsWith(joint) && text.length > joint.length) text = text.slice(joint.length);
  const key = `${keyOf(field)} `;
  return (text.startsWith(key) ? text.slice(key.length) : text).trim() || ADDED;
}
