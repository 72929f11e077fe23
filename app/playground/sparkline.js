/** The last values as small bars; none where there was nothing to measure. */

import { h, svg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

/** @param {string} name @param {number} points how many values it holds @param {(value: number) => string} inWords */
export function sparkline(name, points, inWords) {
  /** @type {(number | null)[]} */
  const values = [];
  const bars = svg("path", { class: "spark-bars" });
  const number = h("dd", { className: "number" }, "\u2013");
  const most = h("span", { className: "hint number" }, "\u00a0");
  const picture = svg("svg", { viewBox: `0 -2 ${WIDTH} ${HEIGHT + 4}`, preserveAspectRatio: "none", "aria-hidden": "true" }, bars);
  return {
    element: h("div", { className: "spark" }, h("dt", {}, name), number, h("dd", { className: "course" }, picture, most)),
    /** @param {number | null} value null where there was none */
    push: (value) => {
      values.push(value);
      if (values.length > points) values.shift();
      const top = Math.max(...values.map((one) => one ?? 0));
      bars.setAttribute("d", barsOf(values, points, top));
      if (value !== null) number.textContent = inWords(value);
      number.classList.toggle("past", value === null);
      most.textContent = top ? `max ${inWords(top)}` : "\u00a0";
    },
  };
}

/** @param {(number | null)[]} values @param {number} points @param {number} top */
function barsOf(values, points, top) {
  const first = points - values.length;
  const bar = (/** @type {number} */ value, /** @type {number} */ index) => {
    const x = (WIDTH * (first + index + 0.5)) / points;
    return `M${x.toFixed(1)} ${HEIGHT}V${(HEIGHT - (HEIGHT * value) / top).toFixed(1)}`;
  };
  return values.map((value, index) => (value ? bar(value, index) : "")).join("");
}
