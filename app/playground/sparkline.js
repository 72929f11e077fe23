/** A small line of the last values. */

import { h, svg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

/** @param {string} name @param {number} points how many values it holds @param {(value: number) => string} inWords */
export function sparkline(name, points, inWords) {
  /** @type {(number | null)[]} */
  const values = [];
  const line = svg("path", { class: "spark-line" });
  const dots = svg("path", { class: "spark-dots" });
  const number = h("dd", { className: "number" }, "\u2013");
  const most = h("span", { className: "hint number" }, "\u00a0");
  const picture = svg("svg", { viewBox: `0 -2 ${WIDTH} ${HEIGHT + 4}`, preserveAspectRatio: "none", "aria-hidden": "true" }, line, dots);
  return {
    element: h("div", { className: "spark" }, h("dt", {}, name), number, picture, most),
    /** @param {number | null} value null where there was none */
    push: (value) => {
      values.push(value);
      if (values.length > points) values.shift();
      const top = Math.max(...values.map((one) => one ?? 0));
      const at = (/** @type {number} */ index) => (WIDTH * (points - values.length + index)) / (points - 1);
      const height = (/** @type {number} */ one) => HEIGHT - (top ? (one / top) * HEIGHT : 0);
      line.setAttribute("d", pathOf(values, at, height));
      dots.setAttribute("d", alone(values, at, height));
      if (value !== null) number.textContent = inWords(value);
      number.classList.toggle("past", value === null);
      most.textContent = top ? `max ${inWords(top)}` : "\u00a0";
    },
  };
}

/** @param {(number | null)[]} values @param {(index: number) => number} at @param {(value: number) => number} height */
function pathOf(values, at, height) {
  let isOpen = false;
  return values
    .map((value, index) => {
      if (value === null) {
        isOpen = false;
        return "";
      }
      const command = isOpen ? "L" : "M";
      isOpen = true;
      return `${command}${at(index).toFixed(1)} ${height(value).toFixed(1)}`;
    })
    .join("");
}

/** Values between two gaps, which no line goes through. @param {(number | null)[]} values @param {(index: number) => number} at @param {(value: number) => number} height */
function alone(values, at, height) {
  const isGap = (/** @type {number} */ index) => (values[index] ?? null) === null;
  return values
    .map((value, index) => (value !== null && isGap(index - 1) && isGap(index + 1) ? `M${at(index).toFixed(1)} ${height(value).toFixed(1)}h.01` : ""))
    .join("");
}
