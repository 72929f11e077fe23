/** All that is done with one model. It is made once and kept, so that what was typed stays. */

import { TABS } from "./address.js";
import { modelPath, send } from "./api.js";
import { fill, h } from "./dom.js";
import { examplesFor } from "./examples.js";
import { explainTab } from "./explain.js";
import { instanceForm } from "./form.js";
import { placard } from "./placard.js";
import { predictTab } from "./predict.js";
import { tabList } from "./tabs.js";
import { teachTab } from "./teach.js";

/**
 * @param {any} details of a model that is ready
 * @param {(tab: string) => void} go shows another tab
 */
export async function workbench(details, go) {
  const examples = await examplesFor(details);
  const form = instanceForm(details, examples.instances);
  const plate = h("div", {}, placard(details));
  let version = details.version;

  async function refresh() {
    const { data } = await send({ path: modelPath(details.name) });
    version = data.version;
    fill(plate, placard(data));
    tabs.explain.refresh(data);
    tabs.teach.refresh(data);
    preview();
  }

  const noteVersion = (/** @type {string} */ answered) => {
    if (answered !== version) refresh();
  };
  /** @type {Record<string, any>} */
  const tabs = {
    predict: predictTab(details, form, noteVersion),
    explain: explainTab(details, form, noteVersion),
    teach: teachTab(details, examples, refresh),
  };
  const texts = { predict: "Predict", explain: "Explain", teach: "Teach" };
  const list = tabList(TABS.map((name) => ({ name, text: texts[/** @type {"predict"} */ (name)], panel: tabs[name].element })), go);
  let shown = TABS[0];

  function preview() {
    const { exchange, request } = tabs[shown];
    try {
      exchange.preview(request());
    } catch {
      exchange.preview(null);
    }
  }

  const element = h("div", { className: "workbench", dataset: { inputs: details.inputs.length } }, plate, list.elements);
  element.addEventListener("input", preview);
  element.addEventListener("change", preview);
  return {
    element,
    form,
    run: () => tabs[shown].run(),
    show: (/** @type {string} */ tab) => {
      shown = tab;
      list.show(tab);
      tabs[tab].element.querySelector(".form-place")?.append(form.element);
      tabs[tab].show?.();
      preview();
    },
  };
}
