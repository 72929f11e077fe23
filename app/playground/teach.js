/** The tab that teaches labels from examples, and goes back to older versions. */

import { modelPath, send } from "./api.js";
import { fill, h, labelled } from "./dom.js";
import { exchange } from "./exchange.js";
import { instanceForm } from "./form.js";
import { labelGroups } from "./label_groups.js";
import { plural } from "./numbers.js";
import { changesOf, reportCard } from "./report.js";
import { runner } from "./run.js";
import { versionList } from "./versions.js";

const MOST_COMPARED = 200;

/**
 * @param {any} details of a model
 * @param {{instances: any[], teach: Record<string, any[]> | null}} examples
 * @param {() => Promise<void>} changed is told that another version answers
 */
export function teachTab(details, examples, changed) {
  let present = details;
  const place = h("div", { className: "answers" }, h("p", { className: "empty" }, "What the labels would be worth, and what would become of the old ones, will be here."));
  const own = exchange();
  const groups = labelGroups(details, examples.teach);
  const reason = h("input", { autocomplete: "off", dir: "auto" });
  const dryRun = h("button", { type: "button", className: "primary" }, "Try it", h("kbd", {}, "Ctrl \u21b5"));
  const publish = h("button", { type: "button" }, "Teach it");
  const versions = versionList(details, changed);

  function request(/** @type {boolean} */ isDryRun) {
    const { labels, examples } = groups.value();
    const path = modelPath(details.name, "/labels");
    return { path, body: { labels, examples, dry_run: isDryRun, ...(reason.value && { reason: reason.value }) } };
  }

  const run = runner({
    button: dryRun,
    place,
    exchange: own,
    ask: async (signal) => {
      const reply = await send(request(true), signal);
      fill(place, reportCard(reply.data));
      own.answered({ ...reply, data: {} }, "Tried, nothing changed,");
    },
  });

  runner({
    button: publish,
    place,
    exchange: own,
    ask: async (signal) => {
      const sent = request(false);
      const etag = await etagOf(details.name);
      const instances = sent.body.examples.slice(0, MOST_COMPARED).map((one) => one.instance);
      const before = await predictions(details.name, instances);
      const reply = await send({ ...sent, headers: { "If-Match": etag, "Idempotency-Key": freshKey() } }, signal);
      const after = await predictions(details.name, instances);
      fill(place, reportCard(reply.data), changesOf(sent.body.examples, before, after));
      own.answered(reply, `Learned ${plural(reply.data.added.length, "label")}`);
      await changed();
    },
  });

  return {
    element: h(
      "div",
      { className: "work" },
      h(
        "div",
        { className: "ask" },
        h("p", { className: "hint lead" }, "Name a new label and give examples of it, ten or more. Old labels may have examples too: they say what must stay as it is."),
        groups.element,
        details.text_input && details.kind === "text" ? null : builder(details, examples.instances, groups),
        h("div", { className: "options" }, labelled("Reason, for the record", reason)),
        h("div", { className: "go" }, dryRun, publish),
      ),
      h("div", { className: "told" }, place, own.element, versions.element),
    ),
    run,
    request: () => request(false),
    exchange: own,
    show: () => versions.load(),
    /** After labels have come or gone. @param {any} newer */
    refresh: (newer) => {
      present = newer;
      groups.refresh(present);
      versions.load();
    },
  };
}

/** Makes examples with the form, where they are more than a line of text. @param {any} details @param {any[]} instances @param {ReturnType<typeof labelGroups>} groups */
function builder(details, instances, groups) {
  const form = instanceForm(details, instances);
  const add = h("button", { type: "button" }, "Add to the last label");
  add.addEventListener("click", () => form.instances().forEach(groups.append));
  return h("details", { className: "more builder" }, h("summary", {}, "Make an example with the form"), form.element, add);
}

/** @param {string} model */
async function etagOf(model) {
  const { headers } = await send({ path: modelPath(model, "/labels") });
  return headers.get("etag") || "*";
}

/** @param {string} model @param {any[]} instances @returns {Promise<any[]>} */
async function predictions(model, instances) {
  if (!instances.length) return [];
  const body = { instances, parameters: { top_k: 1 } };
  const { data } = await send({ path: modelPath(model, ":predict"), body });
  return data.predictions;
}

function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
