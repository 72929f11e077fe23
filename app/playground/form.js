/** The form of instances, made from a model's inputs. Predict and explain share it. */

import { fill, freshId, h } from "./dom.js";
import { shapedEditor } from "./editors.js";
import { compact, inputsOf, isBlank, named, reshaped, SHAPE_NAMES, shapeOf } from "./schema.js";

/** What cannot be sent as it was typed. */
export class Unreadable extends Error {
  /** @param {string} message @param {number} index of the instance */
  constructor(message, index) {
    super(message);
    this.index = index;
  }
}

/**
 * @param {any} details of a model
 * @param {any[]} examples instances to offer; the first is there at the start
 */
export function instanceForm(details, examples) {
  const inputs = inputsOf(details);
  /** @type {ReturnType<typeof instanceBox>[]} */
  let boxes = [];
  let shownExample = 0;
  const list = h("div", { className: "instances" });
  const add = h("button", { type: "button", className: "quiet", onclick: () => append(undefined).focus() }, "+ Add an instance");
  const another = h("button", { type: "button", className: "quiet", onclick: () => nextExample() }, "Another example");
  another.disabled = examples.length < 2;
  const element = h("div", { className: "instance-form" }, list, h("div", { className: "form-tools" }, add, another));

  function append(/** @type {any} */ instance) {
    const box = instanceBox(details, inputs, instance, () => drop(box));
    boxes.push(box);
    list.append(box.element);
    number();
    return box;
  }

  function drop(/** @type {ReturnType<typeof instanceBox>} */ box) {
    boxes = boxes.filter((one) => one !== box);
    box.element.remove();
    number();
    boxes[0].focus();
  }

  function number() {
    boxes.forEach((box, index) => box.number(index + 1, boxes.length));
    element.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function nextExample() {
    shownExample = (shownExample + 1) % examples.length;
    set([examples[shownExample]]);
  }

  function set(/** @type {any[]} */ instances) {
    boxes = [];
    fill(list);
    for (const instance of instances) append(named(details, instance));
  }

  set([examples[0]]);
  return {
    element,
    set,
    nextExample,
    focus: () => boxes[0].focus(),
    /** The instances as they are sent. Raises Unreadable. */
    instances: () => boxes.map((box, index) => compact(details, box.value(index))),
    /** Says at each instance what is wrong with it, or nothing. */
    complain: (/** @type {{index: number, detail: string}[]} */ errors) => {
      boxes.forEach((box, index) => box.complain(errors.filter((error) => error.index === index).map((error) => error.detail)));
    },
  };
}

/**
 * @param {any} details
 * @param {import("./schema.js").Input[]} inputs
 * @param {any} instance undefined for an empty one
 * @param {() => void} remove
 */
export function instanceBox(details, inputs, instance, remove) {
  const legend = h("legend", {});
  const complaint = h("p", { className: "complaint", id: freshId(), hidden: true });
  const button = h("button", { type: "button", className: "quiet remove", ariaLabel: "Remove this instance", title: "Remove", onclick: remove }, "\u00d7");
  const editors = inputs.map((input) => inputEditor(input, instance?.[input.name], inputs.length));
  const element = h(
    "fieldset",
    { className: "instance", "aria-describedby": complaint.id },
    legend,
    button,
    h("div", { className: inputs.length === 2 ? "inputs pair" : "inputs" }, editors.map((one) => one.element)),
    complaint,
  );
  return {
    element,
    focus: () => editors[0].focus(),
    number: (/** @type {number} */ position, /** @type {number} */ all) => {
      legend.textContent = all > 1 ? `Instance ${position}` : "Instance";
      legend.classList.toggle("unseen", all === 1);
      button.hidden = all === 1;
    },
    complain: (/** @type {string[]} */ sentences) => {
      complaint.hidden = sentences.length === 0;
      complaint.textContent = sentences.join(" ");
      element.classList.toggle("refused", sentences.length > 0);
    },
    value: (/** @type {number} */ index) => {
      /** @type {Record<string, any>} */
      const values = {};
      for (const editor of editors) {
        const value = editor.value(index);
        if (editor.input.required || !isBlank(value)) values[editor.input.name] = value;
      }
      return values;
    },
  };
}

/** @param {import("./schema.js").Input} input @param {any} value @param {number} count of inputs */
function inputEditor(input, value, count) {
  /** @type {(shape: any) => void} */
  let change = () => {};
  const name = count > 1 ? input.name : "instance";
  const editor = shapedEditor(input, name, reshaped, (use) => (change = use));
  const shape = value === undefined ? input.shapes[0] : shapeOf(value);
  const choices = input.shapes.includes(shape) ? input.shapes : [shape, ...input.shapes];
  const picker = h(
    "select",
    { className: "shape", ariaLabel: `${input.name}: written as`, onchange: () => change(picker.value) },
    choices.map((one) => h("option", { value: one }, SHAPE_NAMES[one])),
  );
  picker.value = shape;
  picker.hidden = choices.length < 2;
  editor.show(value ?? emptied(input.example, shape), shape);
  return {
    input,
    element: h(
      "div",
      { className: "input" },
      h("div", { className: "input-head" }, h("span", { className: "name" }, input.name, !input.required && h("em", {}, " optional")), picker),
      editor.element,
    ),
    focus: editor.focus,
    value: (/** @type {number} */ index) => {
      try {
        return editor.value();
      } catch {
        throw new Unreadable(`${input.name} is not JSON that can be read.`, index);
      }
    },
  };
}

/** The fields of an example, without its texts. @param {any} example @param {string} shape */
function emptied(example, shape) {
  if (shape === "fields" && example) return Object.fromEntries(Object.keys(example).map((key) => [key, ""]));
  return shape === "json" ? example : undefined;
}
