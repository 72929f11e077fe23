/** What was last sent and how it went: the state of the run, and the same request as a curl line. */

import { Problem } from "./api.js";
import { copyText } from "./clipboard.js";
import { curl } from "./curl.js";
import { fill, h } from "./dom.js";
import { duration } from "./numbers.js";

export function exchange() {
  /** @type {import("./api.js").Request | null} */
  let shown = null;
  const draw = () => (line.textContent = shown ? curl(shown) : "# The form holds JSON that cannot be read.");
  const state = h("p", { className: "state", role: "status" }, "Nothing was asked yet.");
  const line = h("code", {});
  const copy = h("button", { type: "button", className: "quiet copy" }, "Copy");
  copy.addEventListener("click", async () => {
    await copyText(line.textContent);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  const details = h(
    "details",
    { className: "curl" },
    h("summary", {}, "The same with curl"),
    h("div", { className: "line" }, h("pre", { tabIndex: 0, ariaLabel: "curl line", role: "region" }, line), copy),
  );
  return {
    element: h("section", { className: "exchange", ariaLabel: "Last answer" }, state, details),
    /** @param {import("./api.js").Request | null} request null where it cannot be sent as it is */
    preview: (request) => {
      shown = request;
      draw();
    },
    waiting: () => fill(state, h("span", { className: "spinner", ariaHidden: "true" }), "Asking \u2026"),
    /** @param {import("./api.js").Reply} reply @param {string} said in a few words */
    answered: (reply, said) => {
      const { version } = reply.data;
      draw();
      fill(state, h("strong", {}, said), ` in ${duration(reply.ms)}`, version && `, by version ${version}`);
    },
    /** @param {Error} error */
    failed: (error) => {
      const status = error instanceof Problem && error.status ? ` (${error.status}, ${duration(error.ms)})` : "";
      fill(state, h("strong", {}, "No answer"), status);
    },
  };
}
