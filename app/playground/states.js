/** What is shown where there is no model to work with. */

import { h } from "./dom.js";

/** @param {any} model whose archive could not be loaded */
export function failed(model) {
  return h(
    "section",
    { className: "placard state failed-model" },
    h("h1", {}, h("bdi", {}, model.name)),
    h("p", { className: "origin" }, "This model could not be loaded."),
    h("p", { className: "refusal", dir: "auto" }, model.reason),
    h("p", { className: "hint" }, "The other models are not touched by it. ", h("code", {}, "vitrine inspect"), " says more of an archive."),
  );
}

/** @param {any} model */
export function loading(model) {
  return h(
    "section",
    { className: "placard state", ariaBusy: "true" },
    h("h1", {}, h("bdi", {}, model.name)),
    h("p", { className: "origin" }, h("span", { className: "spinner", ariaHidden: "true" }), "It is being loaded. This page goes on by itself."),
  );
}

/** @param {any} model that was put away */
export function unloaded(model) {
  return h(
    "section",
    { className: "placard state" },
    h("h1", {}, h("bdi", {}, model.name)),
    h("p", { className: "origin" }, "This model was unloaded. It stays in the store and answers nothing until it is loaded again."),
  );
}

export function empty() {
  return h(
    "section",
    { className: "placard state" },
    h("h1", {}, "An empty case"),
    h("p", { className: "origin" }, "There is no model in the store."),
    h("p", {}, "Put an archive (model.tar.gz) into the store\u2019s folder under the name that it should have, and start the server again. Or see it with models of its own:"),
    h("pre", {}, h("code", {}, "vitrine serve --store demo-store --demo")),
  );
}

/** @param {string} name @param {any[]} models */
export function unknown(name, models) {
  return h(
    "section",
    { className: "placard state" },
    h("h1", {}, "No such model"),
    h("p", { className: "origin" }, "There is no model named ", h("bdi", {}, name), ` here. ${models.length ? "Choose another." : ""}`),
  );
}

/** @param {import("./api.js").Problem} error @param {() => void} askKey */
export function unreachable(error, askKey) {
  const takesKey = error.status === 401 || error.status === 403;
  return h(
    "section",
    { className: "placard state" },
    h("h1", {}, takesKey ? "Behind a key" : "No answer"),
    h("p", { className: "refusal", role: "alert" }, error.message),
    takesKey ? h("div", { className: "go" }, h("button", { type: "button", className: "primary", onclick: askKey }, "Enter a key")) : h("p", { className: "hint" }, "This page tries again by itself."),
  );
}
