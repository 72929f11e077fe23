/** An explanation: the text coloured by what its words say, or a signed bar for each field. */

import { columnsOf, fieldsOf, keyOf, rootOf, sideBySide } from "./attributions.js";
import { h } from "./dom.js";
import { attribution, percent, signed } from "./numbers.js";

/** @typedef {import("./attributions.js").Field} Field */
/** @typedef {import("./attributions.js").Piece} Piece */

/** @param {any} explanation @param {any} instance @param {number} count of all instances */
export function explanationCard(explanation, instance, count) {
  const fields = fieldsOf(explanation, instance);
  const isBars = fields.length > 1 && fields.every((field) => marksOf(field).length === 1);
  const columns = columnsOf(fields);
  const rows = columns.length ? sideBySide(fields, columns, explanation.method === "biome") : fields.map((field) => [field]);
  return h(
    "article",
    { className: "card explanation" },
    count > 1 && h("h2", {}, `Instance ${explanation.instance + 1}`),
    h(
      "p",
      { className: "said" },
      h("bdi", {}, explanation.target),
      h("span", { className: "number" }, percent(explanation.score)),
    ),
    h("div", { className: "picture" }, table(rows, columns, isBars)),
    legend(isBars),
    h("p", { className: "hint" }, howItWasMade(explanation)),
    explanation.warnings.map((/** @type {string} */ warning) => h("p", { className: "warning", dir: "auto" }, warning)),
    numbers(explanation),
  );
}

/** @param {any} explanation */
function howItWasMade({ method, n_steps, delta }) {
  const parts = [method.replaceAll("_", " ")];
  if (n_steps) parts.push(`${n_steps} steps`);
  if (delta !== null) parts.push(`\u0394 ${Math.abs(delta) < 5e-7 ? "0" : signed(delta)}`);
  return parts.join(" \u00b7 ");
}

/** @param {(Field | undefined)[][]} rows @param {string[]} columns @param {boolean} isBars */
function table(rows, columns, isBars) {
  const isAlone = rows.length === 1 && !columns.length;
  if (isAlone && rows[0][0]) return h("p", { className: "text", dir: "auto" }, rows[0][0].pieces.map(piece));
  const span = isBars ? 3 : 2;
  return h(
    "table",
    { className: columns.length ? "fields pair" : "fields" },
    columns.length > 0 && h("thead", {}, h("tr", {}, columns.map((name) => h("th", { colSpan: span, scope: "colgroup" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((field) => cells(field, columns.length > 0, isBars))))),
  );
}

/** @param {Field | undefined} field @param {boolean} isPair @param {boolean} isBars */
function cells(field, isPair, isBars) {
  if (!field) return h("td", { className: "none", colSpan: isBars ? 3 : 2 });
  const of = isPair ? rootOf(field.name) : undefined;
  const name = h("th", { scope: "row", className: "field-name", dataset: { of } }, h("bdi", {}, keyOf(field.name) || (isPair ? "" : field.name)));
  if (!isBars) return [name, h("td", { className: "text", dir: "auto" }, field.pieces.map(piece))];
  const [mark] = marksOf(field);
  return [name, h("td", { className: "value", dir: "auto" }, field.pieces.map((one) => one.text)), h("td", { className: "signed" }, signedBar(mark))];
}

/** @param {Field} field */
function marksOf(field) {
  return field.pieces.filter((piece) => piece.value !== null);
}

/** @param {Piece} piece */
function piece(piece) {
  if (piece.value === null) return piece.text;
  const side = sideOf(piece.value);
  return h(
    "mark",
    { className: piece.added ? `${side} added` : side, vars: { "--share": piece.share.toFixed(3) }, title: signed(piece.value, 3) },
    piece.text,
  );
}

/** @param {Piece} mark */
function signedBar({ value, share }) {
  const side = sideOf(value || 0);
  return [
    h("span", { className: "axis", ariaHidden: "true" }, h("span", { className: `filled ${side}`, vars: { "--share": share.toFixed(3) } })),
    h("span", { className: "number" }, attribution(value || 0, share)),
  ];
}

/** @param {number} value */
function sideOf(value) {
  if (!value) return "neither";
  return value > 0 ? "for" : "against";
}

/** @param {boolean} isBars */
function legend(isBars) {
  if (isBars) return h("p", { className: "legend" }, "To the right, orange: for the label. To the left, blue, hatched: against it.");
  return h(
    "p",
    { className: "legend" },
    h("mark", { className: "for", vars: { "--share": 0.6 } }, "orange, underlined"),
    " speaks for the label, ",
    h("mark", { className: "against", vars: { "--share": 0.6 } }, "blue, dotted"),
    " against it; the stronger, the more.",
  );
}

/** @param {any} explanation */
function numbers({ attributions }) {
  const rows = attributions.map((/** @type {any} */ part) =>
    h(
      "tr",
      {},
      h("td", {}, h("bdi", {}, part.text || "(added by the model)")),
      h("td", { className: "hint" }, h("bdi", {}, part.field)),
      h("td", { className: "number" }, signed(part.attribution, 3)),
    ),
  );
  return h(
    "details",
    {},
    h("summary", {}, "As numbers"),
    h("table", { className: "numbers" }, h("thead", {}, h("tr", {}, ["Text", "Field", "Attribution"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)),
  );
}
