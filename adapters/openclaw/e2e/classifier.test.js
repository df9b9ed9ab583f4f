// The table of error kinds against the classifier of the installed OpenClaw itself: each kind, with messages as the
// component writes them, has to come out with the reason of the table.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { REASONS, classifyFailoverReason, errorMessage, matchesContextOverflowError } from "../src/errors.js";
import { DIST, missing } from "./openclaw.js";

const plugin = { id: "huggingface", classifyFailoverReason, matchesContextOverflowError };

/** The classifier is in a file without a stable name: the one that defines it. */
async function classifier() {
  for (const name of readdirSync(DIST).filter((file) => /^classify-.*\.mjs$/.test(file))) {
    const text = readFileSync(`${DIST}/${name}`, "utf8");
    const found = /export \{.*\bclassifyFailoverReason as (\w+)/.exec(text);
    if (found) return (await import(pathToFileURL(`${DIST}/${name}`)))[found[1]];
  }
  throw new Error("OpenClaw's classifier was not found");
}

/** What the component says of each kind, at its most misleading. */
const MESSAGES = {
  "invalid-request": ["The service refuses the request: `temperature` must be at most 2.", "messages[1].content has no text"],
  "invalid-reference": ['invalid model reference "x": expected huggingface/ORG/NAME[:SUFFIX]'],
  unauthenticated: ["The service rejected the credential: Invalid username or password.", "There is no credential."],
  "permission-denied": ["This authentication method does not have sufficient permissions to call Inference Providers."],
  "payment-required": ["You have depleted your monthly included credits. Purchase pre-paid credits to continue."],
  "model-unavailable": ["The requested model 'a/b' does not exist", "Model a/b is not supported by any provider you have enabled.", "This model reached its end of life."],
  "context-overflow": ["This model's maximum context length is 8192 tokens, however you requested 9000 tokens.", "inputs tokens + max_new_tokens must be <= 4096"],
  unsupported: ["a/b is not a multimodal model", "This model does not support tools."],
  "content-filtered": ["The content was filtered."],
  "rate-limited": ["Rate limit reached for model on tokens per minute (TPM): Limit 300000, Used 299695. Please try again in 149.8ms.", "Too many requests", "slow down"],
  upstream: ["The backend failed: internal error", "Service temporarily unavailable", "overloaded, rate of errors is high", "insufficient credits", "the model was not found in our cache", "invalid api key of the backend", "prompt is too long for this node"],
  timeout: ["no byte of a response within 120000 ms", "the component exceeded the limit max-wall-clock-ms (900000)"],
  transport: ["The connection was refused.", "The response broke off before its end.", "its name does not resolve"],
  denied: ["request blocked: the response is longer than max-response-bytes (200000)", "invalid baseUrl: expected an https URL"],
  protocol: ["The response could not be parsed as JSON."],
  internal: ["the component exceeded the limit max-guest-time-ms (10000)", "the component exceeded the limit max-memory-bytes (134217728)", "the component trapped: unreachable"],
  other: ["Something else."],
};

for (const [kind, messages] of Object.entries(MESSAGES)) {
  test(`${kind} is ${REASONS[kind]} to OpenClaw`, { skip: missing }, async () => {
    const classify = await classifier();
    for (const message of messages) {
      const text = errorMessage({ kind, message, status: kind === "rate-limited" ? 429 : undefined });
      assert.equal(classify(text, { provider: "huggingface", providerPlugin: plugin }), REASONS[kind], text);
    }
  });
}
