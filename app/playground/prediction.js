/** A prediction as bars, one for each label. */

import { h } from "./dom.js";
import { percent, signed } from "./numbers.js";

const SHOWN = 12;

/** @param {any} prediction @param {number} index @param {number} count of all predictions */
export function predictionCard(prediction, index, count) {
  const { scores, warnings } = prediction;
  const chosen = new Set(prediction.labels || [prediction.label]);
  const rows = scores.map((/** @type {any} */ one) => bar(one, chosen.has(one.label)));
  const rest = rows.slice(SHOWN);
  const className = scores.some((/** @type {any} */ one) => one.logit !== undefined) ? "bars with-logits" : "bars";
  return h(
    "article",
    { className: "card prediction" },
    count > 1 && h("h2", {}, `Instance ${index + 1}`),
    headline(prediction),
    h("ol", { className }, rows.slice(0, SHOWN)),
    rest.length > 0 && h("details", {}, h("summary", {}, `${rest.length} more labels`), h("ol", { className }, rest)),
    warnings.map((/** @type {string} */ warning) => h("p", { className: "warning", dir: "auto" }, warning)),
  );
}

/** @param {any} prediction */
function headline({ label, labels, score }) {
  const said = labels ? labels.join(", ") || "no label above 50\u202f%" : label;
  return h("p", { className: "said" }, h("bdi", {}, said), !labels && h("span", { className: "number" }, percent(score)));
}

/** @param {{label: string, score: number, logit?: number}} one @param {boolean} isChosen */
function bar({ label, score, logit }, isChosen) {
  return h(
    "li",
    { className: isChosen ? "chosen" : "" },
    h("bdi", { className: "label", title: label }, label),
    h("span", { className: "track", ariaHidden: "true" }, h("span", { className: "filled", vars: { "--share": score } })),
    h("span", { className: "number" }, percent(score)),
    logit !== undefined && h("span", { className: "number logit" }, signed(logit, 3)),
  );
}
