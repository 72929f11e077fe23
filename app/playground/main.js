/** Assembles the page: the list of models, the one that is chosen, live figures, keys and themes. */

import { addressOf, readAddress, TABS } from "./address.js";
import { modelPath, Problem, send } from "./api.js";
import { fill } from "./dom.js";
import { keyDialog } from "./key_dialog.js";
import { showLive } from "./live.js";
import { modelList } from "./model_list.js";
import { keys } from "./run.js";
import { useShortcuts } from "./shortcuts.js";
import { empty, failed, loading, unknown, unloaded, unreachable } from "./states.js";
import { themeSwitch } from "./theme_switch.js";
import { workbench } from "./workbench.js";

const LOADING_MS = 1000;
const IDLE_MS = 10_000;

const content = byId("content");
const list = modelList(byId("models"));
/** @type {Map<string, Promise<Awaited<ReturnType<typeof workbench>>>>} */
const benches = new Map();
/** @type {any[]} */
let models = [];
let isKnown = false;
/** What the page shows, told apart by this. */
let view = "";

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

async function update() {
  await guarded(async () => {
    models = (await send({ path: "v1/models" })).data.models;
    isKnown = true;
    await show();
  });
}

/** @param {() => Promise<void>} act */
async function guarded(act) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (!isKnown || error.status) showOnce(`problem ${error.message}`, () => unreachable(error, () => keys.ask(update, error)));
  }
}

async function follow() {
  await update();
  setTimeout(follow, models.some((model) => model.state === "LOADING") || !isKnown ? LOADING_MS : IDLE_MS);
}

async function show() {
  const address = readAddress();
  const name = address.model || models.find((model) => model.state === "READY")?.name || models[0]?.name || "";
  const model = models.find((one) => one.name === name);
  list.show(models, name, address.tab);
  document.title = name ? `${name} \u2013 Vitrine` : "Vitrine";
  if (!models.length) return showOnce("empty", empty);
  if (!model) return showOnce(`unknown ${name}`, () => unknown(name, models));
  if (model.state === "LOADING") return showOnce(`loading ${name}`, () => loading(model));
  if (model.state === "FAILED") return showOnce(`failed ${name}`, () => failed(model));
  if (model.state === "UNLOADED") return showOnce(`unloaded ${name}`, () => unloaded(model));
  content.inert = !view.startsWith(`ready ${name} `);
  const bench = await benchOf(name);
  if (readAddress().model !== address.model) return undefined;
  return showOnce(`ready ${name} ${address.tab}`, () => {
    bench.show(address.tab);
    return bench.element;
  });
}

/** @param {string} name */
function benchOf(name) {
  const found = benches.get(name);
  if (found) return found;
  const made = send({ path: modelPath(name) }).then(({ data }) => workbench(data, (tab) => go(name, tab)));
  benches.set(name, made);
  made.catch(() => benches.delete(name));
  return made;
}

/** @param {string} wanted @param {() => Node} make */
function showOnce(wanted, make) {
  if (wanted === view) return;
  view = wanted;
  const made = make();
  if (content.firstChild !== made || content.childNodes.length > 1) fill(content, made);
  content.inert = false;
}

/** @param {string} name @param {string} tab */
function go(name, tab) {
  location.hash = addressOf(name, tab);
}

function present() {
  const { model, tab } = readAddress();
  return { name: model || models.find((one) => one.state === "READY")?.name || "", tab };
}

/** @param {number} step */
function step(step) {
  if (models.length) go(list.neighbour(models, present().name, step), present().tab);
}

async function withBench(/** @type {(bench: Awaited<ReturnType<typeof workbench>>) => void} */ act) {
  const bench = await benches.get(present().name);
  if (bench) act(bench);
}

keys.ask = keyDialog();
const nextTheme = themeSwitch(byId("theme"), byId("theme-name"));
useShortcuts(
  [
    { key: "Enter", text: "Predict, explain or try", anywhere: true, act: () => withBench((bench) => bench.run()) },
    ...TABS.map((tab, index) => ({ key: String(index + 1), text: `The tab \u201c${tab}\u201d`, act: () => go(present().name, tab) })),
    { key: "j", text: "The next model", act: () => step(1) },
    { key: "k", text: "The model before", act: () => step(-1) },
    { key: "i", text: "Type an instance", act: () => withBench((bench) => bench.form.focus()) },
    { key: "e", text: "Another example", act: () => withBench((bench) => bench.form.nextExample()) },
    { key: "t", text: "Another theme", act: nextTheme },
  ],
  byId("help"),
);
addEventListener("hashchange", () => guarded(show));
showLive(byId("live"));
follow();
