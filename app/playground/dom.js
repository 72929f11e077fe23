/** Elements by code. What is shown of others' data is only ever text. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] `onclick` and so on are listeners, `vars` custom properties of CSS
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @param {any} element
 * @param {Record<string, any>} properties
 * @param {any[]} children
 */
function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) set(element, name, value);
  element.append(...shown(children));
  return element;
}

/** @param {any} element @param {string} name @param {any} value */
function set(element, name, value) {
  if (value === undefined || value === null) return;
  if (name === "vars") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, String(one));
  else if (name === "dataset") Object.assign(element.dataset, defined(value));
  else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name in element && !(element instanceof SVGElement)) element[name] = value;
  else if (value !== false) element.setAttribute(name, value === true ? "" : value);
}

/** @param {Record<string, any>} values */
function defined(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** @param {any[]} children */
function shown(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map(
    (child) => (child instanceof Node ? child : String(child)),
  );
}

/** @param {Element} element @param {...(Child | Child[])} children */
export function fill(element, ...children) {
  element.replaceChildren(...shown(children));
}

let last = 0;

/** An id that no other element of the page has. */
export function freshId() {
  last += 1;
  return `v${last}`;
}

/**
 * A control under its label.
 * @param {Child} label
 * @param {any} control
 * @param {string} [hint]
 */
export function labelled(label, control, hint) {
  control.id ||= freshId();
  const note = hint ? h("small", { id: freshId(), className: "hint" }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { className: "control" }, h("label", { htmlFor: control.id }, label), control, note);
}

/** @param {[string, string][]} options value and text @param {string} [value] */
export function select(options, value) {
  const element = h("select", {}, options.map(([key, text]) => h("option", { value: key }, text)));
  if (value !== undefined) element.value = value;
  return element;
}
