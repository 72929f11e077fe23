/** The service's HTTP API. The key lives in this module's memory, and nowhere else. */

let key = "";

/** @param {string} secret */
export function useKey(secret) {
  key = secret;
}

export function hasKey() {
  return key !== "";
}

/** What the service refused, in its own words. `status` is 0 where it did not answer. */
export class Problem extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super(body?.detail || body?.error || `The server answered ${status}.`);
    this.status = status;
    this.code = body?.code || "";
    /** @type {{index: number, field: string | null, detail: string}[]} */
    this.errors = body?.errors || [];
    this.title = body?.title || "";
    /** @type {number | null} */
    this.retryAfter = null;
    this.ms = 0;
  }
}

/**
 * @typedef {object} Request
 * @property {string} path
 * @property {any} [body] sent as JSON with POST
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 */

/**
 * @typedef {object} Reply
 * @property {any} data
 * @property {number} ms from the request's start to the end of its answer
 * @property {Headers} headers
 */

/**
 * Raises Problem, and AbortError where `signal` says so.
 * @param {Request} request
 * @param {AbortSignal} [signal]
 * @returns {Promise<Reply>}
 */
export async function send(request, signal) {
  const started = performance.now();
  const response = await reached(request, signal);
  const text = await response.text();
  const ms = performance.now() - started;
  if (!response.ok) throw problem(response, text, ms);
  return { data: parsed(text), ms, headers: response.headers };
}

/** @param {Request} request @param {AbortSignal} [signal] */
async function reached(request, signal) {
  const headers = { ...request.headers };
  if (request.body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers.Authorization = `Bearer ${key}`;
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  try {
    return await fetch(request.path, { method: methodOf(request), headers, body, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, { detail: "The server does not answer. Is it running?", code: "unreachable" });
  }
}

/** @param {Request} request */
export function methodOf(request) {
  return request.method || (request.body === undefined ? "GET" : "POST");
}

/** @param {Response} response @param {string} text @param {number} ms */
function problem(response, text, ms) {
  const found = new Problem(response.status, parsed(text));
  const wait = Number(response.headers.get("retry-after"));
  found.retryAfter = wait > 0 ? wait : null;
  found.ms = ms;
  return found;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {string} model @param {string} rest what follows the name */
export function modelPath(model, rest = "") {
  return `v1/models/${encodeURIComponent(model)}${rest}`;
}
