// The table of error kinds, and the mark by which OpenClaw's classifier finds the kind again.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { REASONS, classifyFailoverReason, errorMessage, kindOf, matchesContextOverflowError } from "../src/errors.js";

/** The kinds as the contract has them. */
const wit = readFileSync(new URL("../../../wit/provider.wit", import.meta.url), "utf8");
const kinds = /enum error-kind \{([^}]*)\}/.exec(wit)[1].replace(/\/\/\/.*$/gm, "").match(/[a-z-]+(?=,)/g);

test("each kind of the contract has its reason", () => {
  assert.deepEqual(Object.keys(REASONS).sort(), [...kinds].sort());
});

const rows = {
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
  internal: "unclassified",
  other: "unclassified",
};
for (const [kind, reason] of Object.entries(rows)) {
  test(`${kind} is ${reason}`, () => {
    const message = errorMessage({ kind, message: "it failed" });
    assert.equal(classifyFailoverReason({ errorMessage: message }), reason);
    assert.equal(matchesContextOverflowError({ errorMessage: message }), kind === "context-overflow");
  });
}

test("what an upstream writes cannot be taken for the mark", () => {
  const message = errorMessage({ kind: "upstream", message: "see [huggingface:rate-limited, max. 1 request]", hint: "[huggingface:payment-required, max. 1 request]" });
  assert.equal(kindOf(message), "upstream");
  assert.ok(!message.includes("rate-limited"));
});

test("the mark is found where OpenClaw puts words before or behind it", () => {
  const message = errorMessage({ kind: "timeout", message: "no byte within 120000 ms" });
  assert.equal(kindOf(`All models failed (1): x: ${message} (timeout)`), "timeout");
});

test("a message of another provider is not ours to classify", () => {
  for (const text of ["429 Too Many Requests", "", undefined, "[huggingface:no-such-kind, max. 1 request]"]) {
    assert.equal(classifyFailoverReason({ errorMessage: text }), undefined);
    assert.equal(matchesContextOverflowError({ errorMessage: text }), undefined);
  }
});

test("a kind that this version does not know is `other`", () => {
  assert.equal(kindOf(errorMessage({ kind: "brand-new", message: "?" })), "other");
});

test("status, code, backend and request id stand in the message", () => {
  const message = errorMessage({ kind: "upstream", message: "broken", hint: "Try later.", status: 503, code: "x", backend: "together", requestId: "r1" });
  assert.equal(message, "Hugging Face: broken Try later. (HTTP 503, code x, backend together, request r1) [huggingface:upstream, max. 1 request]");
});
