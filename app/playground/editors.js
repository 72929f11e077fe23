/** One editor for each shape of an input. Each has its element, `value()` and a place for the focus. */

import { fill, h } from "./dom.js";

/**
 * @typedef {object} Editor
 * @property {HTMLElement} element
 * @property {() => any} value raises SyntaxError for JSON that is none
 * @property {() => void} focus
 */

/** @type {Record<import("./schema.js").Shape, (value: any, name: string) => Editor>} */
export const EDITORS = { text: textEditor, fields: fieldsEditor, list: listEditor, json: jsonEditor };

/** @param {any} value @param {string} name @returns {Editor} */
function textEditor(value, name) {
  const area = box(value || "", name, 2);
  return { element: area, value: () => area.value, focus: () => area.focus() };
}

/** @param {any} value @param {string} name @returns {Editor} */
function jsonEditor(value, name) {
  const area = box(value === undefined ? "" : JSON.stringify(value, null, 1), name, 4);
  area.classList.add("code");
  area.spellcheck = false;
  return { element: area, value: () => JSON.parse(area.value), focus: () => area.focus() };
}

/** @param {any} value @param {string} name @returns {Editor} */
function fieldsEditor(value, name) {
  const start = Object.entries(value || {});
  const rows = rowsEditor(start.length ? start : [["", ""]], ["", ""], "Add a field", ([key, text], number) => [
    h("input", { className: "key", value: key, ariaLabel: `${name}: name of field ${number}`, dir: "auto", spellcheck: false }),
    box(text, `${name}: text of field ${number}`, 1),
  ]);
  return {
    ...rows,
    value: () => Object.fromEntries(rows.texts().filter(([key, text]) => key || text)),
  };
}

/** @param {any} value @param {string} name @returns {Editor} */
function listEditor(value, name) {
  const start = (value || []).map((/** @type {string} */ text) => [text]);
  const rows = rowsEditor(start.length ? start : [[""]], [""], "Add a text", ([text], number) => [
    box(text, `${name}: text ${number}`, 1),
  ]);
  return { ...rows, value: () => rows.texts().map(([text]) => text).filter(Boolean) };
}

/**
 * Rows that come and go.
 * @param {string[][]} start @param {string[]} blank @param {string} addText
 * @param {(texts: string[], number: number) => any[]} controls
 */
function rowsEditor(start, blank, addText, controls) {
  const list = h("div", { className: "rows" });
  let made = 0;
  const add = (/** @type {string[]} */ texts) => {
    made += 1;
    const own = controls(texts, made);
    const remove = h("button", { type: "button", className: "quiet remove", ariaLabel: `Remove row ${made}`, title: "Remove" }, "\u00d7");
    const row = h("div", { className: "row" }, own, remove);
    remove.addEventListener("click", () => {
      const next = row.nextElementSibling || row.previousElementSibling;
      row.remove();
      (next?.querySelector("input, textarea") || button).focus();
      changed(list);
    });
    list.append(row);
    return own;
  };
  const button = h("button", { type: "button", className: "quiet", onclick: () => { add(blank)[0].focus(); changed(list); } }, `+ ${addText}`);
  start.forEach(add);
  return {
    element: h("div", { className: "many" }, list, button),
    texts: () => [...list.children].map((row) => [...row.querySelectorAll("input, textarea")].map((one) => one.value)),
    focus: () => (list.querySelector("input, textarea") || button).focus(),
  };
}

/** @param {Element} element */
function changed(element) {
  element.dispatchEvent(new Event("input", { bubbles: true }));
}

/** @param {string} value @param {string} name @param {number} rows */
function box(value, name, rows) {
  return h("textarea", { value, rows, ariaLabel: name, dir: "auto" });
}

/**
 * An editor that can change its shape.
 * @param {import("./schema.js").Input} input @param {string} name for those who do not see it
 * @param {(value: any, shape: import("./schema.js").Shape) => any} reshape
 * @param {(control: any) => void} offer takes the control that changes the shape
 */
export function shapedEditor(input, name, reshape, offer) {
  const place = h("div", {});
  /** @type {Editor} */
  let editor;
  const show = (/** @type {any} */ value, /** @type {import("./schema.js").Shape} */ shape) => {
    editor = EDITORS[shape](value, name);
    fill(place, editor.element);
  };
  offer((/** @type {import("./schema.js").Shape} */ shape) => {
    show(reshape(valueOr(editor, ""), shape), shape);
    changed(place);
  });
  return { element: place, show, value: () => editor.value(), focus: () => editor.focus() };
}

/** @param {Editor} editor @param {any} otherwise */
function valueOr(editor, otherwise) {
  try {
    return editor.value();
  } catch {
    return otherwise;
  }
}
