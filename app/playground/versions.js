/** The label versions of a model, and the way back to one. */

import { modelPath, Problem, send } from "./api.js";
import { fill, h } from "./dom.js";
import { refusal } from "./refusal.js";
import { keys } from "./run.js";

/** @param {any} details of a model @param {() => Promise<void>} changed is told that another version answers */
export function versionList(details, changed) {
  const list = h("ol", { className: "versions", reversed: true });
  const trouble = h("div", {});
  const element = h("section", { className: "card version-card", ariaLabel: "Versions" }, h("h2", {}, "Versions"), list, trouble);

  async function load() {
    try {
      const { data } = await send({ path: modelPath(details.name, "/versions") });
      fill(list, data.versions.map((/** @type {any} */ one) => row(one, data.versions)).reverse());
    } catch (error) {
      fill(trouble, refusal(/** @type {Error} */ (error)));
    }
  }

  /** @param {number} version */
  async function activate(version) {
    fill(trouble);
    try {
      const { headers } = await send({ path: modelPath(details.name, "/labels") });
      const path = modelPath(details.name, `/versions/${version}:activate`);
      await send({ path, method: "POST", headers: { "If-Match": headers.get("etag") || "*" } });
      await changed();
    } catch (error) {
      fill(trouble, refusal(/** @type {Error} */ (error)));
      if (error instanceof Problem && error.status === 401) keys.ask(() => activate(version), error);
    }
  }

  function row(/** @type {any} */ one, /** @type {any[]} */ all) {
    const parent = all.find((other) => other.version === one.parent);
    const came = parent?.labels && one.labels ? one.labels.filter((/** @type {string} */ label) => !parent.labels.includes(label)) : [];
    return h(
      "li",
      { className: one.active ? "active" : "" },
      h("span", { className: "version-number" }, String(one.version)),
      h(
        "div",
        { className: "version-what" },
        h("p", {}, came.length ? ["+ ", h("bdi", {}, came.join(", "))] : one.version === 1 ? "As it came in the archive" : one.problem || ""),
        one.created && h("p", { className: "hint", dir: "auto" }, [when(one.created), one.author, one.reason].filter(Boolean).join(" \u00b7 ")),
      ),
      one.active
        ? h("span", { className: "badge" }, "answers now")
        : h("button", { type: "button", disabled: one.state !== "ok", onclick: () => activate(one.version), ariaLabel: `Use version ${one.version}` }, "Use this"),
    );
  }

  return { element, load };
}

/** @param {string | undefined} created */
function when(created) {
  return created && new Date(created).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
