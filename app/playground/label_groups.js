/** Labels with their examples, one a line: a text, or an instance as JSON. */

import { fill, freshId, h } from "./dom.js";
import { Unreadable } from "./form.js";

/** @param {any} details of a model @param {Record<string, any[]> | null} example labels with examples to fill in */
export function labelGroups(details, example) {
  let present = details;
  const isPlain = details.kind === "text" && Boolean(details.text_input);
  const known = h("datalist", { id: freshId() });
  const list = h("div", { className: "groups" });
  const add = h("button", { type: "button", className: "quiet", onclick: () => { append("", []).focus(); changed(); } }, "+ Add a label");

  function append(/** @type {string} */ label, /** @type {any[]} */ instances) {
    const name = h("input", { value: label, className: "label-name", ariaLabel: "Label", placeholder: "label", autocomplete: "off", dir: "auto" });
    name.setAttribute("list", known.id);
    const badge = h("span", { className: "badge" });
    const lines = h("textarea", {
      value: instances.map(lineOf).join("\n"),
      rows: 4,
      dir: "auto",
      ariaLabel: "Examples, one a line",
      placeholder: isPlain ? "one example a line" : `one example a line, as JSON: ${JSON.stringify(details.example)}`,
    });
    const remove = h("button", { type: "button", className: "quiet remove", ariaLabel: "Remove this label", title: "Remove", onclick: () => { group.remove(); add.focus(); changed(); } }, "\u00d7");
    const group = h("div", { className: "group" }, h("div", { className: "group-head" }, name, badge, remove), lines);
    group.addEventListener("input", () => describe(group));
    list.append(group);
    describe(group);
    return name;
  }

  function describe(/** @type {Element} */ group) {
    const { label, lines } = partsOf(group);
    const kind = !label ? "" : present.labels.includes(label) ? "old label" : "new label";
    const badge = /** @type {HTMLElement} */ (group.querySelector(".badge"));
    badge.textContent = [kind, lines.length ? `${lines.length}` : ""].filter(Boolean).join(" \u00b7 ");
    badge.title = `${lines.length} examples`;
  }

  function lineOf(/** @type {any} */ instance) {
    return typeof instance === "string" ? instance.replaceAll("\n", " ") : JSON.stringify(instance);
  }

  function instanceOf(/** @type {string} */ line) {
    if (isPlain || !/^[{["]/.test(line)) return line;
    try {
      return JSON.parse(line);
    } catch {
      throw new Unreadable(`This example is not JSON that can be read: ${line.slice(0, 80)}`, 0);
    }
  }

  function changed() {
    list.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function refresh(/** @type {any} */ newer) {
    present = newer;
    fill(known, present.labels.map((/** @type {string} */ label) => h("option", { value: label })));
    [...list.children].forEach(describe);
  }

  function fillIn(/** @type {Record<string, any[]>} */ groups) {
    fill(list);
    for (const [label, instances] of Object.entries(groups)) append(label, instances);
    changed();
  }

  append("", []);
  refresh(details);
  return {
    element: h(
      "div",
      { className: "label-groups" },
      known,
      list,
      h("div", { className: "form-tools" }, add, example && h("button", { type: "button", className: "quiet", onclick: () => fillIn(example) }, "Fill in an example")),
    ),
    refresh,
    append: (/** @type {any} */ instance) => {
      const lines = /** @type {HTMLTextAreaElement} */ (list.lastElementChild?.querySelector("textarea"));
      lines.value = [lines.value.trim(), lineOf(instance)].filter(Boolean).join("\n");
      lines.dispatchEvent(new Event("input", { bubbles: true }));
    },
    /** Labels that are new, and the examples of all. Raises Unreadable. */
    value: () => {
      const groups = [...list.children].map(partsOf).filter(({ label, lines }) => label || lines.length);
      const labelOf = (/** @type {string} */ label) => (present.multilabel ? [label] : label);
      return {
        labels: [...new Set(groups.map(({ label }) => label))].filter((label) => !present.labels.includes(label)),
        examples: groups.flatMap(({ label, lines }) => lines.map((line) => ({ instance: instanceOf(line), label: labelOf(label) }))),
      };
    },
  };
}

/** @param {Element} group */
function partsOf(group) {
  const name = /** @type {HTMLInputElement} */ (group.querySelector("input"));
  const lines = /** @type {HTMLTextAreaElement} */ (group.querySelector("textarea"));
  return { label: name.value.trim(), lines: lines.value.split("\n").map((line) => line.trim()).filter(Boolean) };
}
