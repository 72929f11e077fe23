/** A request as the line of a shell. */

import { hasKey, methodOf } from "./api.js";

/** @param {import("./api.js").Request} request */
export function curl(request) {
  const url = new URL(request.path, document.baseURI).href;
  const headers = Object.entries(request.headers || {}).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  if (hasKey()) headers.push('-H "Authorization: Bearer $VITRINE_KEY"');
  const isPlainPost = request.body === undefined && methodOf(request) === "POST";
  const parts = [
    "curl -s",
    isPlainPost && "-X POST",
    ...headers,
    request.body !== undefined && `--json ${quoted(JSON.stringify(request.body))}`,
    quoted(url),
  ];
  return parts.filter(Boolean).join(" ");
}

/** @param {string} text */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
