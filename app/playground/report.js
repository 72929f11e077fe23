/** What an extension is worth: held-out figures, and answers before and after. */

import { h } from "./dom.js";
import { percent, plural } from "./numbers.js";

/** @param {any} answer of the endpoint that extends labels */
export function reportCard({ report, added, dry_run }) {
  const { labels, old_labels, anchors_taken, accuracy, warnings, confusion } = report;
  return h(
    "article",
    { className: "card report" },
    h("p", { className: "said" }, dry_run ? "Would learn " : "Learned ", h("bdi", {}, added.join(", "))),
    h("p", { className: "hint" }, source(report)),
    h(
      "dl",
      { className: "facts" },
      fact("Right on all examples", accuracy),
      old_labels && h("div", {}, h("dt", {}, "Right on old labels"), h("dd", {}, `${percent(old_labels.before)} \u2192 ${percent(old_labels.after)}`)),
      fact("Of made-up old texts, taken for new", anchors_taken),
    ),
    labels.length > 0 && labelTable(labels),
    warnings.map((/** @type {string} */ warning) => h("p", { className: "warning", dir: "auto" }, warning)),
    confusion && h("details", {}, h("summary", {}, "What was taken for what"), confusionTable(confusion)),
  );
}

/** @param {any} report */
function source({ examples, folds, anchors }) {
  if (!examples) return "Without examples a label is there, and all but silent until it is taught.";
  return `Measured on ${plural(examples, "example")} held out in ${folds} turns; ${plural(anchors, "made-up text")} stood for the old labels.`;
}

/** @param {string} name @param {number | null} share */
function fact(name, share) {
  return share === null || share === undefined ? null : h("div", {}, h("dt", {}, name), h("dd", {}, percent(share)));
}

/** @param {any[]} labels */
function labelTable(labels) {
  const heads = ["Label", "Examples", "Found", "Rightly so"];
  const rows = labels.map((one) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("bdi", {}, one.label), one.new && h("span", { className: "badge" }, "new")),
      h("td", { className: "number" }, String(one.support)),
      h("td", { className: "number", title: "Recall" }, shareOrNone(one.recall)),
      h("td", { className: "number", title: "Precision" }, shareOrNone(one.precision)),
    ),
  );
  return h("table", { className: "numbers" }, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows));
}

/** @param {number | null} share */
function shareOrNone(share) {
  return share === null ? "\u2013" : percent(share);
}

/** @param {{labels: string[], counts: number[][]}} confusion */
function confusionTable({ labels, counts }) {
  const most = Math.max(...counts.flat(), 1);
  const body = counts.map((row, index) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("bdi", {}, labels[index])),
      row.map((one, other) => h("td", { className: other === index ? "right" : "", vars: { "--share": one / most } }, one ? String(one) : "\u00b7")),
    ),
  );
  const shown = body.filter((_, index) => counts[index].some(Boolean));
  return h(
    "div",
    { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "What was taken for what" },
    h(
      "table",
      { className: "confusion" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "is \\ taken for"), labels.map((label) => h("th", { scope: "col" }, h("bdi", {}, label))))),
      h("tbody", {}, shown),
    ),
  );
}

/** The examples themselves, as they were answered before and are now. @param {any[]} examples @param {any[]} before @param {any[]} after */
export function changesOf(examples, before, after) {
  if (!before.length) return null;
  const rows = before.map((was, index) =>
    h(
      "tr",
      {},
      h("td", { dir: "auto", className: "example" }, lineOf(examples[index].instance)),
      h("td", {}, answer(was)),
      h("td", { className: [examples[index].label].flat().includes(after[index].label) ? "right" : "" }, answer(after[index])),
    ),
  );
  return h(
    "article",
    { className: "card" },
    h("h2", {}, "The examples, before and after"),
    h("p", { className: "hint" }, "It learned from these, so they flatter it; the figures above do not."),
    h("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "The examples, before and after" }, h("table", { className: "numbers changes" }, h("thead", {}, h("tr", {}, ["Example", "Before", "After"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows))),
  );
}

/** @param {any} prediction */
function answer({ label, score }) {
  return [h("bdi", {}, label), " ", h("span", { className: "number" }, percent(score))];
}

/** @param {any} instance @returns {string} */
function lineOf(instance) {
  if (typeof instance === "string") return instance;
  return Object.values(instance).map((value) => (value && typeof value === "object" ? lineOf(value) : String(value))).join(" \u00b7 ");
}
