// What may be imported, and how a request in OpenAI's form becomes one of the contract.
import assert from "node:assert/strict";
import { test } from "node:test";
import { IMPORTS, RequestError, VERSION, chatRequest, mismatch, settingsImport } from "../src/contract.js";

const provider = `openclaw:model-provider/provider@${VERSION}.0`;

test("a component with the listed imports and this version fits", () => {
  assert.equal(mismatch(IMPORTS, ["provider", provider]), undefined);
  assert.equal(mismatch([], [`openclaw:model-provider/provider@${VERSION}.7`]), undefined);
});

test("each import that is not listed is refused by name", () => {
  for (const name of ["wasi:filesystem/types@0.2.3", "wasi:sockets/tcp", "wasi:cli/environment", "env/x"]) {
    assert.match(mismatch([...IMPORTS, name], [provider]), new RegExp(`imports ${name.replace(/[.:/]/g, "\\$&")};`));
  }
});

test("another version, and no provider at all, are told apart", () => {
  assert.match(mismatch([], ["openclaw:model-provider/provider@9.0.0"]), /speaks openclaw:model-provider@9\.0\.0; this adapter speaks/);
  assert.match(mismatch([], ["something"]), /does not export/);
});

test("fields go to fields, what is unknown to extras, what the component writes itself nowhere", () => {
  const request = chatRequest({
    model: "huggingface/a/b",
    messages: [{ role: "user", content: "hi" }],
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0.5,
    top_p: 0.9,
    max_tokens: 7,
    seed: 3,
    stop: "END",
    reasoning_effort: "low",
    chat_template_kwargs: { thinking: true },
    parallel_tool_calls: false,
  });
  assert.equal(request.temperature, 0.5);
  assert.equal(request.topP, 0.9);
  assert.equal(request.maxOutputTokens, 7);
  assert.equal(request.seed, 3n);
  assert.deepEqual(request.stop, ["END"]);
  assert.equal(request.reasoningEffort, "low");
  assert.deepEqual(request.extras, [
    { key: "chat_template_kwargs", valueJson: '{"thinking":true}' },
    { key: "parallel_tool_calls", valueJson: "false" },
  ]);
});

test("an unknown role or tool choice is a request error that says what was expected", () => {
  assert.throws(() => chatRequest({ model: "m", messages: [{ role: "alien", content: "" }] }), RequestError);
  assert.throws(() => chatRequest({ model: "m", messages: [], tool_choice: "maybe" }), /expected auto, none, required/);
});

test("the component's own retries are off, and its settings are passed on", () => {
  const settings = { baseUrl: "https://x.example/v1", hasCredential: true, times: { connect: 1, firstByte: 2, idle: 3, list: 4 }, own: { "bill-to": "org" }, models: [], aliases: [], listedIds: [] };
  const snapshot = settingsImport(() => settings)["openclaw:model-provider/settings"].get();
  assert.equal(snapshot.maxRetries, 0);
  assert.equal(snapshot.credential, "attached-by-host");
  assert.deepEqual(snapshot.extras, [{ key: "bill-to", valueJson: '"org"' }]);
});

test("prices of the configuration become decimal text without an exponent", () => {
  const models = [{ id: "a/b", cost: { input: 1e-7, output: 2.5, cacheRead: 0 } }];
  const found = settingsImport(() => ({ models, aliases: [] }))["openclaw:model-provider/settings"].findConfigured("a/b");
  assert.deepEqual(found.price, { input: "0.0000001", output: "2.5", cachedInput: "0" });
});
