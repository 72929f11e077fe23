/** The part of the address after #: #/MODEL/TAB, so that what is shown can be shared. */

export const TABS = ["predict", "explain", "teach"];

/** @returns {{model: string, tab: string}} */
export function readAddress() {
  const [, model = "", tab = ""] = location.hash.split("/");
  return { model: decoded(model), tab: TABS.includes(tab) ? tab : TABS[0] };
}

/** @param {string} model @param {string} tab */
export function addressOf(model, tab) {
  return `#/${encodeURIComponent(model)}/${tab}`;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
