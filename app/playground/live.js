/** Live figures from /metrics: batch size, queue and latency. */

import { fill, h } from "./dom.js";
import { duration } from "./numbers.js";
import { buckets, parse, quantile, total } from "./prometheus.js";
import { sparkline } from "./sparkline.js";

const NOTE = "Of all requests in the last two minutes; latency is the median.";
const EVERY_MS = 2000;
const POINTS = 60;
const ASKS = /:(predict|explain)$|\/infer$/;
const LATENCY = "vitrine_http_request_duration_seconds";

/** @typedef {{items: number, batches: number, queued: number, seconds: Map<number, number>}} Reading */

/** @param {Element} place */
export function showLive(place) {
  const batch = sparkline("Batch size", POINTS, (value) => value.toFixed(value < 10 ? 1 : 0));
  const queue = sparkline("Queue", POINTS, (value) => value.toFixed(0));
  const latency = sparkline("Latency", POINTS, duration);
  const note = h("p", { className: "hint" }, NOTE);
  fill(place, h("h2", {}, "Live"), h("dl", { className: "sparks" }, batch.element, queue.element, latency.element), note);

  /** @type {Reading | null} */
  let before = null;

  async function tick() {
    if (document.visibilityState === "hidden") return;
    const now = await reading();
    note.textContent = now ? NOTE : "This server shows no metrics here.";
    if (now && before) {
      const batches = now.batches - before.batches;
      const median = quantile(before.seconds, now.seconds, 0.5);
      batch.push(batches > 0 ? (now.items - before.items) / batches : null);
      queue.push(now.queued);
      latency.push(median === null ? null : 1000 * median);
    }
    before = now;
  }

  tick();
  setInterval(tick, EVERY_MS);
}

/** @returns {Promise<Reading | null>} null where there are none to read */
async function reading() {
  try {
    const response = await fetch("metrics");
    return response.ok ? readingOf(await response.text()) : null;
  } catch {
    return null;
  }
}

/** @param {string} text @returns {Reading} */
function readingOf(text) {
  const samples = parse(text);
  return {
    items: total(samples, "vitrine_batch_items_sum"),
    batches: total(samples, "vitrine_batch_items_count"),
    queued: total(samples, "vitrine_queue_items"),
    seconds: buckets(samples, LATENCY, (labels) => ASKS.test(labels.route)),
  };
}
