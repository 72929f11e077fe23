/** Shortcuts: what they are, and the dialog that shows them. Single keys can be switched off. */

import { h } from "./dom.js";

const KEPT = "vitrine.single-keys";

/**
 * @typedef {object} Shortcut
 * @property {string} key
 * @property {string} text
 * @property {() => void} act
 * @property {boolean} [anywhere] with Ctrl or \u2318, in a field too
 */

/** @param {Shortcut[]} shortcuts @param {HTMLElement} button that shows them */
export function useShortcuts(shortcuts, button) {
  const switchBox = h("input", { type: "checkbox", checked: kept() !== "off", onchange: () => keep(switchBox.checked ? "on" : "off") });
  const dialog = h(
    "dialog",
    { className: "dialog", ariaLabel: "Shortcuts" },
    h("h2", {}, "Shortcuts"),
    h("dl", { className: "shortcuts" }, shortcuts.map(({ key, text, anywhere }) => h("div", {}, h("dt", {}, h("kbd", {}, anywhere ? `Ctrl ${key === "Enter" ? "\u21b5" : key}` : key)), h("dd", {}, text)))),
    h("label", { className: "check" }, switchBox, "Single keys work (outside of text fields)"),
    h("form", { method: "dialog", className: "go" }, h("button", { type: "submit", className: "primary" }, "Close")),
  );
  document.body.append(dialog);
  const help = () => dialog.showModal();
  button.addEventListener("click", help);

  document.addEventListener("keydown", (event) => {
    const isAnywhere = event.ctrlKey || event.metaKey;
    const found = [...shortcuts, { key: "?", text: "", act: help, anywhere: false }].find(
      (one) => one.key === event.key && Boolean(one.anywhere) === isAnywhere,
    );
    if (!found || document.querySelector("dialog[open]")) return;
    if (!isAnywhere && (event.altKey || isTyping(event.target) || !switchBox.checked)) return;
    event.preventDefault();
    found.act();
  });
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** @param {string} value */
function keep(value) {
  try {
    localStorage.setItem(KEPT, value);
  } catch {
    // It holds until the page is closed.
  }
}
