/** The tab that predicts. */

import { modelPath, send } from "./api.js";
import { fill, h, labelled, select } from "./dom.js";
import { exchange } from "./exchange.js";
import { percent, plural } from "./numbers.js";
import { predictionCard } from "./prediction.js";
import { runner } from "./run.js";

/**
 * @param {any} details of a model
 * @param {ReturnType<import("./form.js").instanceForm>} form
 * @param {(version: string) => void} answeredBy is told which version answered
 */
export function predictTab(details, form, answeredBy) {
  const place = h("div", { className: "answers" }, h("p", { className: "empty" }, "The answer will be here."));
  const own = exchange();
  const topK = select([["", "All labels"], ["1", "The best"], ["3", "The best 3"], ["5", "The best 5"]]);
  const logits = h("input", { type: "checkbox" });
  const button = h("button", { type: "button", className: "primary" }, "Predict", h("kbd", {}, "Ctrl \u21b5"));

  function request() {
    /** @type {Record<string, any>} */
    const parameters = {};
    if (topK.value) parameters.top_k = Number(topK.value);
    if (logits.checked) parameters.logits = true;
    const body = Object.keys(parameters).length ? { instances: form.instances(), parameters } : { instances: form.instances() };
    return { path: modelPath(details.name, ":predict"), body };
  }

  const run = runner({
    button,
    place,
    exchange: own,
    complain: form.complain,
    ask: async (signal) => {
      const reply = await send(request(), signal);
      const { predictions, version } = reply.data;
      fill(place, predictions.map((/** @type {any} */ one, /** @type {number} */ index) => predictionCard(one, index, predictions.length)));
      own.answered(reply, inWords(predictions));
      answeredBy(version);
    },
  });

  return {
    element: h(
      "div",
      { className: "work" },
      h("div", { className: "ask" }, h("div", { className: "form-place" }), h("div", { className: "options" }, labelled("Show", topK), check("Logits", logits)), h("div", { className: "go" }, button)),
      h("div", { className: "told" }, place, own.element),
    ),
    run,
    request,
    exchange: own,
  };
}

/** @param {any[]} predictions */
function inWords(predictions) {
  if (predictions.length > 1) return plural(predictions.length, "answer");
  const [{ label, labels, score }] = predictions;
  if (labels) return labels.length ? labels.join(", ") : "No label above 50\u202f%";
  return `${label}, ${percent(score)}`;
}

/** @param {string} text @param {HTMLInputElement} box */
export function check(text, box) {
  return h("label", { className: "check" }, box, text);
}
