/** What stands beside a model: its name, where it comes from, what it can say. */

import { h } from "./dom.js";
import { count, size } from "./numbers.js";

/** @type {Record<string, string>} */
const KINDS = {
  text: "Text classifier",
  pair: "Classifier of pairs",
  record: "Record classifier",
  record_pair: "Classifier of record pairs",
  document: "Document classifier",
  relation: "Relation classifier",
};
const SHOWN_LABELS = 24;

/** @param {any} details of a model */
export function placard(details) {
  const { labels, source } = details;
  const rest = labels.slice(SHOWN_LABELS);
  return h(
    "section",
    { className: "placard" },
    h("h1", {}, h("bdi", {}, details.name)),
    h("p", { className: "origin" }, [KINDS[details.kind] || details.kind, details.multilabel && "several labels at once", `${source.architecture}, ${source.library} ${source.versions}`].filter(Boolean).join(" \u00b7 ")),
    h(
      "dl",
      { className: "facts" },
      fact("Version", details.version),
      fact("Labels", count(labels.length)),
      fact(details.inputs.length > 1 ? "Inputs" : "Input", details.inputs.join(", ")),
      fact("Weights", `${count(details.parameters)} (${size(details.size_bytes)})`),
    ),
    h("ul", { className: "labels", ariaLabel: "Labels" }, labels.slice(0, SHOWN_LABELS).map(chip)),
    rest.length > 0 && h("details", {}, h("summary", {}, `${count(rest.length)} more labels`), h("ul", { className: "labels", ariaLabel: "More labels" }, rest.map(chip))),
  );
}

/** @param {string} label */
function chip(label) {
  return h("li", {}, h("bdi", {}, label));
}

/** @param {string} name @param {string} value */
function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}
