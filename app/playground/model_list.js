/** The models of the store, to choose from. */

import { addressOf } from "./address.js";
import { fill, h } from "./dom.js";

const WORTH_FILTERING = 9;
/** @type {Record<string, string>} */
const STATES = { LOADING: "is being loaded", FAILED: "could not be loaded", UNLOADED: "is unloaded", READY: "" };

/** @param {Element} place */
export function modelList(place) {
  const filter = h("input", { type: "search", placeholder: "Find a model", ariaLabel: "Find a model", oninput: () => narrow() });
  const list = h("ul", {});
  fill(place, h("h2", {}, "Models"), filter, list);

  function narrow() {
    const wanted = filter.value.toLowerCase();
    for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(wanted);
  }

  return {
    /** @param {any[]} models @param {string} chosen @param {string} tab */
    show: (models, chosen, tab) => {
      const focused = list.contains(document.activeElement) ? document.activeElement.textContent : null;
      filter.hidden = models.length < WORTH_FILTERING;
      fill(list, models.map((model) => entry(model, model.name === chosen, tab)));
      narrow();
      for (const link of list.querySelectorAll("a")) {
        if (link.textContent === focused) link.focus();
        if (link.ariaCurrent === "page") link.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    },
    /** @param {any[]} models @param {string} chosen @param {number} step @returns {string} the model after, or before */
    neighbour: (models, chosen, step) => {
      const at = models.findIndex((model) => model.name === chosen);
      return models[(at + step + models.length) % models.length]?.name ?? chosen;
    },
  };
}

/** @param {any} model @param {boolean} isChosen @param {string} tab */
function entry({ name, state }, isChosen, tab) {
  const link = h(
    "a",
    { href: addressOf(name, tab), className: state.toLowerCase() },
    h("bdi", {}, name),
    state !== "READY" && h("span", { className: "unseen" }, ` ${STATES[state] || state}`),
  );
  if (isChosen) link.ariaCurrent = "page";
  return h("li", {}, link);
}
