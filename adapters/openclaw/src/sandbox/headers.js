// Which header fields a guest may set. Both sides of the sandbox check here: the guest's `wasi:http`, and the network
// worker before it sends.

/** Set by the host alone, of one connection only, or a way to take a response apart. */
const FORBIDDEN = new Set([
  "authorization", "proxy-authorization", "proxy-authenticate", "www-authenticate", "cookie", "cookie2", "set-cookie",
  "host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade", "expect",
  "http2-settings", "via", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
  "accept-encoding", "accept-charset", "content-encoding", "range", "if-range",
]);

/** @param {string} name */
export function isForbidden(name) {
  const lower = name.toLowerCase();
  return FORBIDDEN.has(lower) || lower.startsWith("proxy-") || lower.startsWith("sec-");
}

/** @param {string} name */
export function isName(name) {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name);
}

/** @param {string} value */
export function isValue(value) {
  return /^[\t\x20-\x7e\x80-\uffff]*$/.test(value);
}
