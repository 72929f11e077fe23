/** What can be typed into an input, told from its JSON Schema and an example. */

/** @typedef {"text" | "fields" | "list" | "json"} Shape */

/** @type {Record<Shape, string>} */
export const SHAPE_NAMES = { text: "Text", fields: "Fields", list: "List", json: "JSON" };

/**
 * @typedef {object} Input
 * @property {string} name
 * @property {boolean} required
 * @property {Shape[]} shapes the first is the one to begin with
 * @property {any} example
 */

/**
 * @param {any} details of a model
 * @returns {Input[]}
 */
export function inputsOf(details) {
  const { properties = {}, required = [] } = details.instance_schema;
  return details.inputs.map((/** @type {string} */ name) => {
    const example = details.example[name];
    const shapes = shapesOf(properties[name] || {});
    const first = shapeOf(example);
    return {
      name,
      required: required.includes(name),
      shapes: [first, ...shapes.filter((shape) => shape !== first)],
      example,
    };
  });
}

/** @param {any} schema @returns {Shape[]} */
function shapesOf(schema) {
  const choices = schema.oneOf || schema.anyOf || [schema];
  /** @type {Shape[]} */
  const shapes = choices.flatMap((/** @type {any} */ choice) => [choice.type].flat().map((type) => shapeFor(type, choice)));
  return [...new Set(shapes)];
}

/** @param {string} type @param {any} schema @returns {Shape} */
function shapeFor(type, schema) {
  if (type === "string") return "text";
  if (type === "object" && !schema.properties) return "fields";
  if (type === "array" && [undefined, "string"].includes(schema.items?.type)) return "list";
  return "json";
}

/** @param {any} value @returns {Shape} */
export function shapeOf(value) {
  if (value === undefined || typeof value === "string") return "text";
  if (Array.isArray(value)) return value.every(isText) ? "list" : "json";
  if (value && typeof value === "object") return Object.values(value).every(isText) ? "fields" : "json";
  return "json";
}

/** @param {any} value */
function isText(value) {
  return typeof value === "string";
}

/** The same content in another shape, as far as it goes. @param {any} value @param {Shape} shape */
export function reshaped(value, shape) {
  const texts = textsOf(value);
  if (shape === "text") return texts.join(", ");
  if (shape === "list") return texts;
  if (shape === "fields") return shapeOf(value) === "fields" ? value : { text: texts.join(", ") };
  return value;
}

/** @param {any} value @returns {string[]} */
function textsOf(value) {
  if (typeof value === "string") return value ? [value] : [];
  if (value && typeof value === "object") return Object.values(value).flatMap(textsOf);
  return [];
}

/** @param {any} value whether nothing was typed */
export function isBlank(value) {
  return textsOf(value).length === 0 && shapeOf(value) !== "json";
}

/** An instance as it is sent: a plain text where that is all of it. @param {any} details @param {any} instance */
export function compact(details, instance) {
  const names = Object.keys(instance);
  const only = instance[details.text_input];
  return names.length === 1 && typeof only === "string" ? only : instance;
}

/** An instance with the names of its inputs. @param {any} details @param {any} instance */
export function named(details, instance) {
  return typeof instance === "string" ? { [details.text_input]: instance } : instance;
}

/** What is at `field` (an input with the keys that lead on) of an instance. @param {any} instance @param {string} field */
export function valueAt(instance, field) {
  if (instance === null || typeof instance !== "object") return undefined;
  if (Object.hasOwn(instance, field)) return instance[field];
  for (const [key, value] of Object.entries(instance)) {
    if (field.startsWith(`${key}.`)) return valueAt(value, field.slice(key.length + 1));
  }
  return undefined;
}
