/** Asks for the key that the server wants. It stays in this page's memory until the page is closed. */

import { useKey } from "./api.js";
import { h, labelled } from "./dom.js";

export function keyDialog() {
  const field = h("input", { type: "password", autocomplete: "off", spellcheck: false, required: true });
  const words = h("p", {});
  /** @type {() => void} */
  let again = () => {};
  const dialog = h(
    "dialog",
    { className: "dialog", ariaLabel: "Key" },
    h(
      "form",
      { method: "dialog", onsubmit: () => { useKey(field.value); field.value = ""; again(); } },
      h("h2", {}, "This takes a key"),
      words,
      labelled("Key", field, "Kept in this page\u2019s memory only, until it is closed."),
      h("div", { className: "go" }, h("button", { type: "submit", className: "primary" }, "Use it"), h("button", { type: "button", onclick: () => dialog.close() }, "Not now")),
    ),
  );
  document.body.append(dialog);
  return (/** @type {() => void} */ next, /** @type {Error} */ error) => {
    again = next;
    words.textContent = error.message;
    if (!dialog.open) dialog.showModal();
  };
}
