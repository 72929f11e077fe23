/** A button that asks the service: one request at a time, and what comes of it. */

import { hasKey, Problem } from "./api.js";
import { fill } from "./dom.js";
import { Unreadable } from "./form.js";
import { refusal } from "./refusal.js";

/** Asks for a key; set by the page. @type {{ask: (again: () => void, error: Problem) => void}} */
export const keys = { ask: () => {} };

/**
 * @param {object} parts
 * @param {HTMLButtonElement} parts.button
 * @param {HTMLElement} parts.place where the answer, or the error, is shown
 * @param {ReturnType<import("./exchange.js").exchange>} parts.exchange
 * @param {(signal: AbortSignal) => Promise<void>} parts.ask shows its answer in `place` itself
 * @param {(errors: {index: number, detail: string}[]) => void} [parts.complain]
 */
export function runner({ button, place, exchange, ask, complain = () => {} }) {
  /** @type {AbortController | null} */
  let running = null;

  async function run() {
    running?.abort();
    const own = (running = new AbortController());
    button.ariaBusy = "true";
    exchange.waiting();
    complain([]);
    try {
      await ask(own.signal);
    } catch (error) {
      if (!own.signal.aborted) show(/** @type {Error} */ (error));
    } finally {
      if (running === own) {
        running = null;
        button.ariaBusy = "false";
      }
    }
  }

  function show(/** @type {Error} */ error) {
    const isKnown = error instanceof Problem || error instanceof Unreadable;
    exchange.failed(error);
    fill(place, refusal(error));
    if (!isKnown) throw error;
    if (error instanceof Unreadable) complain([{ index: error.index, detail: error.message }]);
    if (error instanceof Problem) {
      complain(error.errors);
      if (needsKey(error)) keys.ask(run, error);
    }
  }

  button.addEventListener("click", run);
  return run;
}

/** @param {Problem} error */
function needsKey(error) {
  return error.status === 401 || (error.status === 403 && hasKey());
}
