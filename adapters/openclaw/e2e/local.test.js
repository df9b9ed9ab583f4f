// Commands of real OpenClaw that need no gateway, with the plugin: configuration, list, one prompt, and what it reports
// to a configuration that it cannot honour.
import assert from "node:assert/strict";
import { test } from "node:test";
import { State, TOKEN, config, missing } from "./openclaw.js";
import { Router } from "./router.js";

const skip = missing || (process.env.HOST_HARNESS ? false : "HOST_HARNESS names no host-harness");

test("a configuration with the plugin's settings is valid, and an unknown setting is not", { skip }, async (t) => {
  const plugin = { "bill-to": "my-org", "max-retries": 1, "max-memory-bytes": 67_108_864, discovery: { enabled: true }, sha256: "0".repeat(64) };
  const state = new State(t, config({ baseUrl: "http://127.0.0.1:9/v1", plugin }));
  const valid = await state.run("config", "validate");
  assert.equal(valid.status, 0, valid.all);
  state.configure(config({ baseUrl: "http://127.0.0.1:9/v1", plugin: { "no-such-setting": 1 } }));
  const invalid = await state.run("config", "validate");
  assert.notEqual(invalid.status, 0);
  assert.match(invalid.all, /additional properties/);
});

test("the list comes from the router, through the component", { skip }, async (t) => {
  const router = await Router.start(t);
  const state = new State(t, config({ baseUrl: router.baseUrl }));
  const { status, stdout, all } = await state.run("models", "list", "--refresh", "--provider", "huggingface", "--json");
  assert.equal(status, 0, all);
  const { models } = JSON.parse(stdout.slice(stdout.indexOf("{")));
  assert.ok(models.some(({ key }) => key === "huggingface/deepseek-ai/DeepSeek-R1"), all);
  assert.ok(models.length > 10, `${models.length} models`);
  const [request] = router.requests;
  assert.equal(request.headers.authorization, `Bearer ${TOKEN}`);
  assert.match(request.headers["user-agent"], /openclaw-huggingface-provider/);
});

test("one question by the command line, to a model with a suffix", { skip }, async (t) => {
  const router = await Router.start(t);
  const state = new State(t, config({ baseUrl: router.baseUrl }));
  const { status, stdout, all } = await state.run("infer", "model", "run", "--local", "--model", "huggingface/Qwen/Qwen3-8B:cheapest", "--prompt", "Hello", "--json");
  assert.equal(status, 0, all);
  assert.match(JSON.parse(stdout.slice(stdout.indexOf("{"))).outputs[0].text, /mock router/);
  assert.equal(router.of("Qwen/Qwen3-8B:cheapest").length, 1);
});

test("what the plugin cannot honour is an error that names it", { skip }, async (t) => {
  const router = await Router.start(t);
  const provider = { request: { proxy: { mode: "env-proxy" } } };
  const state = new State(t, config({ baseUrl: router.baseUrl, provider }));
  const { status, all } = await state.run("infer", "model", "run", "--local", "--model", "huggingface/Qwen/Qwen3-8B", "--prompt", "Hello");
  assert.notEqual(status, 0);
  assert.match(all, /request\.proxy/);
  assert.equal(router.of("Qwen/Qwen3-8B").length, 0);
});
