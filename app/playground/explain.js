/** The tab that explains. */

import { modelPath, send } from "./api.js";
import { fill, h, labelled, select } from "./dom.js";
import { exchange } from "./exchange.js";
import { explanationCard } from "./explanation.js";
import { plural } from "./numbers.js";
import { runner } from "./run.js";
import { named } from "./schema.js";

const PREDICTED = "";
const ALL = "all";
/** @type {Record<string, string>} */
const METHODS = {
  integrated_gradients: "Integrated gradients",
  saliency: "Saliency",
  input_x_gradient: "Input \u00d7 gradient",
  smoothgrad: "SmoothGrad",
  occlusion: "Occlusion",
  allennlp: "AllenNLP\u2019s integrated",
  allennlp_simple: "AllenNLP\u2019s simple",
  biome: "biome.text\u2019s own",
};
/** @type {[string, string][]} */
const LEVELS = [["word", "Words"], ["token", "Tokens"], ["field", "Fields"]];
/** @type {[string, string][]} */
const STEPS = [["", "The method\u2019s own"], ["10", "10"], ["50", "50"], ["200", "200"], ["auto", "As many as it takes"]];
/** @type {[string, string][]} */
const NORMS = [["none", "As they are"], ["l1", "Sum to 1 (l1)"], ["l2", "Length 1 (l2)"]];

/**
 * @param {any} details of a model
 * @param {ReturnType<import("./form.js").instanceForm>} form
 * @param {(version: string) => void} answeredBy is told which version answered
 */
export function explainTab(details, form, answeredBy) {
  const place = h("div", { className: "answers" }, h("p", { className: "empty" }, "The explanation will be here."));
  const own = exchange();
  const target = select(targets(details.labels));
  const method = select(details.explain_methods.map((/** @type {string} */ name) => [name, METHODS[name] || name]));
  const level = levels(details.kind === "record_pair" ? "field" : "word");
  const steps = select(STEPS);
  const norm = select(NORMS);
  const button = h("button", { type: "button", className: "primary" }, "Explain", h("kbd", {}, "Ctrl \u21b5"));
  if (isDuplicateDetector(details) && details.explain_methods.includes("biome")) method.value = "biome";

  function request() {
    /** @type {Record<string, any>} */
    const parameters = { method: method.value, level: level.value() };
    if (target.value !== PREDICTED) parameters.target = target.value;
    if (steps.value) parameters.n_steps = steps.value === "auto" ? "auto" : Number(steps.value);
    if (norm.value !== "none") parameters.normalize = norm.value;
    return { path: modelPath(details.name, ":explain"), body: { instances: form.instances(), parameters } };
  }

  const run = runner({
    button,
    place,
    exchange: own,
    complain: form.complain,
    ask: async (signal) => {
      const sent = request();
      const reply = await send(sent, signal);
      const { explanations, version } = reply.data;
      const count = sent.body.instances.length;
      const instanceOf = (/** @type {number} */ index) => named(details, sent.body.instances[index]);
      fill(place, explanations.map((/** @type {any} */ one) => explanationCard(one, instanceOf(one.instance), count)));
      own.answered(reply, explanations.length > 1 ? plural(explanations.length, "explanation") : `Explained ${explanations[0].target}`);
      answeredBy(version);
    },
  });

  return {
    element: h(
      "div",
      { className: "work" },
      h(
        "div",
        { className: "ask" },
        h("div", { className: "form-place" }),
        h("div", { className: "options" }, labelled("What speaks for", target), level.element),
        h(
          "details",
          { className: "more" },
          h("summary", {}, "How"),
          h("div", { className: "options" }, labelled("Method", method), labelled("Steps", steps), labelled("Numbers", norm)),
        ),
        h("div", { className: "go" }, button),
      ),
      h("div", { className: "told" }, place, own.element),
    ),
    run,
    request,
    exchange: own,
    /** After labels have come or gone. @param {any} newer */
    refresh: (newer) => {
      const before = target.value;
      fill(target, targets(newer.labels).map(([key, text]) => h("option", { value: key }, text)));
      target.value = before;
      if (target.selectedIndex < 0) target.value = PREDICTED;
    },
  };
}

/** @param {string[]} labels @returns {[string, string][]} */
function targets(labels) {
  return [[PREDICTED, "Predicted label"], [ALL, "Each label"], ...labels.map((label) => /** @type {[string, string]} */ ([label, label]))];
}

/** What the method of biome.text for pairs of records was made for. @param {any} details */
function isDuplicateDetector({ kind, labels }) {
  return kind === "record_pair" && labels.length === 2 && labels.includes("duplicate");
}

/** @param {string} chosen */
function levels(chosen) {
  const boxes = LEVELS.map(([value, text]) => {
    const box = h("input", { type: "radio", name: "level", value, checked: value === chosen });
    return h("label", {}, box, text);
  });
  const element = h("fieldset", { className: "control segmented" }, h("legend", {}, "By"), h("div", {}, boxes));
  return { element, value: () => element.querySelector("input:checked").value };
}
