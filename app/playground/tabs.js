/** Tabs as the ARIA authoring practices have them: one stop for Tab, arrows go on. */

import { freshId, h } from "./dom.js";

/**
 * @param {{name: string, text: string, panel: HTMLElement}[]} tabs
 * @param {(name: string) => void} chosen
 */
export function tabList(tabs, chosen) {
  const own = tabs.map(({ name, text, panel }) => {
    const id = freshId();
    const body = h("div", { id: freshId(), role: "tabpanel", tabIndex: -1, className: "panel" }, panel);
    body.setAttribute("aria-labelledby", id);
    const button = h("button", { type: "button", id, role: "tab", onclick: () => chosen(name) }, text);
    button.setAttribute("aria-controls", body.id);
    return { name, button, body };
  });
  const bar = h("div", { className: "tabs", role: "tablist", ariaLabel: "What to do" }, own.map(({ button }) => button));

  bar.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const at = own.findIndex(({ button }) => button === document.activeElement);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: own.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const to = own[(next + own.length) % own.length];
    chosen(to.name);
    to.button.focus();
  });

  return {
    elements: [bar, ...own.map(({ body }) => body)],
    show: (/** @type {string} */ name) => {
      for (const one of own) {
        const isShown = one.name === name;
        one.button.ariaSelected = String(isShown);
        one.button.tabIndex = isShown ? 0 : -1;
        one.body.hidden = !isShown;
      }
    },
  };
}
