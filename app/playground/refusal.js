/** An error in words, where its answer would have been. */

import { Problem } from "./api.js";
import { h } from "./dom.js";
import { plural } from "./numbers.js";

/** @param {Error} error */
export function refusal(error) {
  const problem = error instanceof Problem ? error : null;
  const wait = problem?.retryAfter;
  return h(
    "div",
    { className: "refusal", role: "alert" },
    h("h2", {}, problem?.title || (problem ? "No answer" : "This cannot be sent")),
    h("p", { dir: "auto" }, error.message),
    wait && h("p", { className: "hint" }, `Try again in ${plural(wait, "second")}.`),
  );
}
