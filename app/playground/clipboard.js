/** Copying, also where a page over plain HTTP may not use the clipboard itself. */

import { h } from "./dom.js";

/** @param {string} text */
export async function copyText(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // Not allowed; the old way asks nobody.
    }
  }
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const box = h("textarea", { value: text, className: "unseen", readOnly: true });
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
  focused?.focus();
}
