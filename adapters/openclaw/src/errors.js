// From the contract's error kinds to OpenClaw's failover reasons.
//
// OpenClaw classifies by the error message alone. The kind is therefore at the end of each message as a mark, and
// the classifier reads nothing else: what an upstream wrote does not decide it. OpenClaw calls a plugin only where its own
// patterns find nothing, or where a message could be about an exceeded limit; "max" and "request" in the mark make every
// message of ours one of those. What they say is so: the component makes one request at most.

/** Each kind of the contract, and what OpenClaw does about it. */
export const REASONS = {
  "invalid-request": "format",
  "invalid-reference": "model_not_found",
  unauthenticated: "auth",
  "permission-denied": "auth",
  "payment-required": "billing",
  "model-unavailable": "model_not_found",
  "context-overflow": "context_overflow",
  unsupported: "format",
  "content-filtered": "format",
  "rate-limited": "rate_limit",
  upstream: "server_error",
  timeout: "timeout",
  transport: "timeout",
  denied: "format",
  protocol: "server_error",
  // A component that traps or runs into a limit does so again: not one of the reasons that OpenClaw retries.
  internal: "unclassified",
  other: "unclassified",
};

const MARK = /\[huggingface:([a-z-]+), max\. 1 request\]/g;

/** The text for OpenClaw: what happened, what to do, the mark of the kind. */
export function errorMessage({ kind, message, hint, status, code, backend, requestId }) {
  const known = Object.hasOwn(REASONS, kind) ? kind : "other";
  const facts = [status && `HTTP ${status}`, code && `code ${code}`, backend && `backend ${backend}`, requestId && `request ${requestId}`];
  const details = facts.filter(Boolean).join(", ");
  const text = [message, hint, details && `(${details})`].filter(Boolean).join(" ").replace(MARK, "").trim();
  return `Hugging Face: ${text} [huggingface:${known}, max. 1 request]`;
}

/** The kind that a message ends with; `undefined` if it is not one of ours. */
export function kindOf(message) {
  const kind = [...String(message ?? "").matchAll(MARK)].at(-1)?.[1];
  return kind !== undefined && Object.hasOwn(REASONS, kind) ? kind : undefined;
}

/** OpenClaw's hook `classifyFailoverReason`. */
export function classifyFailoverReason({ errorMessage: message }) {
  const kind = kindOf(message);
  return kind === undefined ? undefined : REASONS[kind];
}

/** OpenClaw's hook `matchesContextOverflowError`. */
export function matchesContextOverflowError({ errorMessage: message }) {
  const kind = kindOf(message);
  return kind === undefined ? undefined : kind === "context-overflow";
}
