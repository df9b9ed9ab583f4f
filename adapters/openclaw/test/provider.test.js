// The provider's hooks, with the real component, against a router of the test; OpenClaw's SDK is played here.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { kindOf } from "../src/errors.js";
import { provider } from "../src/provider.js";
import { started, TOKEN } from "./support.js";
import { chunk, streamed, upstream } from "./upstream.js";

const manifest = JSON.parse(readFileSync(new URL("../openclaw.plugin.json", import.meta.url), "utf8"));
const model = (baseUrl, rest = {}) => ({ id: "Qwen/Qwen3-8B", name: "Qwen3 8B", api: "openai-completions", provider: "huggingface", baseUrl, reasoning: true, input: ["text"], cost: { input: 1, output: 2 }, maxTokens: 100, ...rest });
const user = (content) => ({ role: "user", content, timestamp: 1 });

class HttpError extends Error {
  constructor(id, status) {
    super(`${id} ${status}`);
    this.status = status;
  }
}

/** What the hooks use of OpenClaw's SDK. */
function sdk() {
  return {
    calculateCost: (_, usage) => (usage.cost.total = 1),
    parseStreamingJson: () => ({}),
    createToolArgumentPreviewSchedule: () => () => false,
    resolveProviderContext: async (context) => context,
    LiveModelCatalogHttpError: HttpError,
    runLiveProviderCatalog: async ({ run }) => {
      try {
        return { ...(await run()), outcome: "ready" };
      } catch (error) {
        return { outcome: error.status === 401 ? "auth-rejected" : "unavailable" };
      }
    },
    createAssistantMessageEventStream() {
      const events = [];
      const { promise, resolve } = Promise.withResolvers();
      return { events, push: (event) => events.push(event), end: resolve, done: promise };
    },
  };
}

async function set(t, respond, config = {}) {
  const up = await upstream(respond);
  t.after(() => up.close());
  const { runtime, settings, lines } = started(t, config);
  const log = { info() {}, warn: (text) => lines.push(text), error: (text) => lines.push(text) };
  const hooks = provider({ runtime, settings, manifest, sdk: sdk(), auth: [], log });
  const ask = async (context, options = {}, { openclaw = {}, row = {} } = {}) => {
    const stream = hooks.createStreamFn({ config: openclaw })(model(up.baseUrl, row), { messages: [user("hi")], ...context }, { apiKey: TOKEN, ...options });
    await stream.done;
    const last = stream.events.at(-1);
    return { events: stream.events, message: last.message ?? last.error, last };
  };
  return { up, hooks, ask, lines };
}
const hello = (_, response) => streamed(response, [{ role: "assistant", reasoning_content: "Hm. " }, { content: "Hel" }, { content: "lo" }]);

test("events come in OpenClaw's order, and the message has reasoning, text and usage", async (t) => {
  const { ask } = await set(t, hello);
  const { events, message } = await ask({});
  const types = events.map(({ type }) => type).filter((type, at, all) => type !== all[at - 1]);
  assert.deepEqual(types, ["start", "thinking_start", "thinking_delta", "thinking_end", "text_start", "text_delta", "text_end", "done"]);
  assert.deepEqual(message.content.map(({ type, text, thinking }) => [type, text ?? thinking]), [["thinking", "Hm. "], ["text", "Hello"]]);
  assert.equal(message.stopReason, "stop");
  assert.deepEqual([message.usage.input, message.usage.output, message.usage.totalTokens], [7, 3, 10]);
});

test("a tool call becomes one of OpenClaw's, and goes back with its result and reasoning", async (t) => {
  const call = { index: 0, id: "call_1", type: "function", function: { name: "look", arguments: '{"at":' } };
  const { up, ask } = await set(t, (_, response) =>
    streamed(response, [{ reasoning_content: "Look. " }, { tool_calls: [call] }, { tool_calls: [{ index: 0, function: { arguments: '"x"}' } }] }], "tool_calls"),
  );
  const tools = [{ name: "look", description: "Looks.", parameters: { type: "object", properties: { at: { type: "string" } } } }];
  const { message, events } = await ask({ tools });
  assert.equal(message.stopReason, "toolUse");
  const { id, name, arguments: args } = message.content.find(({ type }) => type === "toolCall");
  assert.deepEqual([id, name, args], ["call_1", "look", { at: "x" }]);
  assert.ok(events.some(({ type }) => type === "toolcall_end"));
  const result = { role: "toolResult", toolCallId: id, toolName: name, content: [{ type: "text", text: "seen" }], isError: false, timestamp: 2 };
  await ask({ tools, messages: [user("hi"), message, result] });
  const { messages } = up.requests[1].body;
  assert.equal(messages[1].tool_calls[0].id, "call_1");
  assert.deepEqual(JSON.parse(messages[1].tool_calls[0].function.arguments), { at: "x" });
  assert.equal((messages[1].reasoning_content ?? messages[1].reasoning).trim(), "Look.");
  assert.deepEqual([messages[2].role, messages[2].tool_call_id, messages[2].content], ["tool", "call_1", "seen"]);
});

test("system prompt, pictures and options leave as they are meant", async (t) => {
  const { up, ask } = await set(t, hello);
  const picture = { type: "image", mimeType: "image/png", data: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==" };
  const { message } = await ask({ systemPrompt: "Be short.", messages: [user([{ type: "text", text: "see" }, picture])] }, { temperature: 0.2, topP: 0.9, maxTokens: 33, stop: ["X"], seed: 5, reasoning: "low" }, { row: { id: "Qwen/Qwen2.5-VL-7B-Instruct", input: ["text", "image"] } });
  assert.ok(up.requests[0], message.errorMessage);
  const { body } = up.requests[0];
  assert.equal(body.messages[0].role, "system");
  assert.equal(body.messages[1].content[1].image_url.url, `data:image/png;base64,${picture.data}`);
  assert.deepEqual([body.temperature, body.top_p, body.max_tokens, body.stop, body.seed, body.reasoning_effort], [0.2, 0.9, 33, ["X"], 5, "low"]);
});

test("OpenClaw's payload hooks see the request and may change it", async (t) => {
  const { up, ask } = await set(t, hello);
  await ask({}, { onPayload: (payload) => void Object.assign(payload, { chat_template_kwargs: { thinking: false }, top_k: 4 }) });
  await ask({}, { onPayload: (payload) => ({ ...payload, temperature: 1 }) });
  assert.deepEqual(up.requests[0].body.chat_template_kwargs, { thinking: false });
  assert.equal(up.requests[0].body.top_k, 4);
  assert.equal(up.requests[1].body.temperature, 1);
});

test("headers of the model are sent, and win over the key where they are the credential", async (t) => {
  const { up, ask } = await set(t, hello);
  await ask({}, {}, { row: { headers: { "X-HF-Bill-To": "my-org" } } });
  await ask({}, {}, { row: { headers: { Authorization: "Bearer of-the-operator" } } });
  assert.equal(up.requests[0].headers["x-hf-bill-to"], "my-org");
  assert.equal(up.requests[1].headers.authorization, "Bearer of-the-operator");
});

test("the setting bill-to is the component's own", async (t) => {
  const { up, ask } = await set(t, hello, { "bill-to": "other-org" });
  await ask({});
  assert.equal(up.requests[0].headers["x-hf-bill-to"], "other-org");
});

test("compat of the model is honoured", async (t) => {
  const { up, ask } = await set(t, hello);
  await ask({}, { maxTokens: 9 }, { row: { compat: { supportsUsageInStreaming: false, maxTokensField: "max_completion_tokens" } } });
  assert.equal(up.requests[0].body.stream_options, undefined);
  assert.equal(up.requests[0].body.max_completion_tokens, 9);
});

test("a key that the router repeats is not shown: over deltas, with an escape, in a call, in an error", async (t) => {
  const escape = (text) => text.replace("T", "\\\\u0054");
  let fails = false;
  const { ask, lines } = await set(t, (_, response) => {
    if (fails) return response.writeHead(400, { "content-type": "application/json" }).end(`{"error":{"message":"not with ${escape(TOKEN).replaceAll("\\\\", "\\")}"}}`);
    const pieces = [TOKEN.slice(0, 4), TOKEN.slice(4, 11), TOKEN.slice(11)];
    const call = { index: 0, id: "call_1", type: "function", function: { name: "look", arguments: '{"at":"' } };
    streamed(response, [
      ...pieces.map((reasoning_content) => ({ reasoning_content })),
      ...pieces.map((content) => ({ content })),
      { content: ` and ${TOKEN} again` },
      { tool_calls: [call] },
      ...pieces.map((text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
      { tool_calls: [{ index: 0, function: { arguments: '"}' } }] },
    ], "tool_calls");
  });
  const { events, message } = await ask({ tools: [{ name: "look", description: "Looks.", parameters: { type: "object" } }] });
  assert.equal(message.stopReason, "toolUse", message.errorMessage);
  // Seven characters may show where the rest comes later.
  const masked = new RegExp(`^(\\*{7}|${TOKEN.slice(0, 7)})\\*{${TOKEN.length - 7}}`);
  assert.match(message.content.find(({ type }) => type === "text").text, new RegExp(`${masked.source} and \\*{${TOKEN.length}} again$`));
  assert.match(message.content.find(({ type }) => type === "thinking").thinking, new RegExp(`${masked.source}$`));
  fails = true;
  const { message: failed } = await ask({});
  assert.match(failed.errorMessage, /not with \*+/);
  for (const shown of [TOKEN, TOKEN.slice(7), TOKEN.slice(0, 9)]) {
    assert.ok(!JSON.stringify([events, message, failed, lines]).includes(shown), shown);
  }
});

test("a failure is one error event whose message ends with the mark of its kind", async (t) => {
  const { up, ask } = await set(t, (_, response) => response.writeHead(429, { "content-type": "application/json" }).end('{"error":{"message":"Too many"}}'));
  const { last, message } = await ask({});
  assert.equal(last.type, "error");
  assert.equal(message.stopReason, "error");
  assert.match(message.errorMessage, /\[huggingface:rate-limited, max\. 1 request\]$/);
  assert.equal(up.requests.length, 1);
});

test("what came before a cut stays in the message of the error", async (t) => {
  const { ask } = await set(t, (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ content: "half" }), () => response.destroy());
  });
  const { message } = await ask({});
  assert.equal(message.content[0].text, "half");
  assert.equal(kindOf(message.errorMessage), "transport");
});

test("an aborted call ends as aborted", async (t) => {
  const controller = new AbortController();
  const { ask } = await set(t, (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ content: "x" }));
    controller.abort();
    return new Promise((resolve) => response.once("close", resolve));
  });
  const { last, message } = await ask({}, { signal: controller.signal });
  assert.deepEqual([last.type, last.reason, message.stopReason], ["error", "aborted", "aborted"]);
});

test("without a key nothing is sent", async (t) => {
  const { up, ask } = await set(t, hello);
  const { message } = await ask({}, { apiKey: undefined });
  assert.equal(kindOf(message.errorMessage), "unauthenticated");
  assert.equal(up.requests.length, 0);
});

const unsupported = {
  "request.proxy": { request: { proxy: { mode: "env-proxy" } } },
  "request.tls": { request: { tls: { insecureSkipVerify: true } } },
  "request.auth": { request: { auth: { mode: "header", headerName: "x", value: "y" } } },
  localService: { localService: { command: "x" } },
};
for (const [name, entry] of Object.entries(unsupported)) {
  test(`${name} is an error that names it, and nothing is sent`, async (t) => {
    const { up, ask } = await set(t, hello);
    const { message } = await ask({}, {}, { openclaw: { models: { providers: { huggingface: entry } } } });
    assert.ok(message.errorMessage.includes(name), message.errorMessage);
    assert.equal(kindOf(message.errorMessage), "denied");
    assert.equal(up.requests.length, 0);
  });
}

test("a base URL that is no place for a key is refused", async (t) => {
  const { ask } = await set(t, hello);
  for (const baseUrl of ["http://router.example/v1", "ftp://x/", "https://u:p@x.example/v1", "https://x.example/v1?key=1", "nothing"]) {
    const { message } = await ask({}, {}, { row: { baseUrl } });
    assert.match(message.errorMessage, /invalid baseUrl: .*expected/, baseUrl);
  }
});

const list = (_, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ object: "list", data: [{ id: "Qwen/Qwen3-8B", object: "model" }, { id: "org/other", object: "model" }] }));
};
const catalogContext = (config, keys) => ({ config, resolveProviderApiKey: () => keys });

test("the catalog asks with the key for discovery and gives the marker back as it came", async (t) => {
  const { up, hooks } = await set(t, list);
  const config = { models: { providers: { huggingface: { baseUrl: up.baseUrl } } } };
  const found = await hooks.catalog.run(catalogContext(config, { apiKey: "HF_TOKEN", discoveryApiKey: TOKEN }));
  assert.equal(found.provider.apiKey, "HF_TOKEN");
  assert.deepEqual(found.provider.models.map(({ id }) => id), ["Qwen/Qwen3-8B", "org/other"]);
  assert.equal(up.requests[0].headers.authorization, `Bearer ${TOKEN}`);
  const offline = await hooks.catalog.run(catalogContext(config, { apiKey: "secretref-managed" }));
  assert.equal(offline.provider.models.length, manifest.modelCatalog.providers.huggingface.models.length);
  assert.equal(up.requests.length, 1, "a marker was sent");
  assert.equal(await hooks.catalog.run(catalogContext(config, { apiKey: undefined })), null);
});

test("with discovery off nothing is asked, and no other provider is served", async (t) => {
  const { up, hooks } = await set(t, list, { discovery: { enabled: false } });
  assert.equal(await hooks.catalog.run(catalogContext({}, { apiKey: TOKEN, discoveryApiKey: TOKEN })), null);
  assert.equal(await hooks.catalog.run({ ...catalogContext({}, {}), providerIds: ["together"] }), null);
  assert.equal(up.requests.length, 0);
});

test("a key that is refused, and a list that fails, are told apart", async (t) => {
  let status = 401;
  const { up, hooks } = await set(t, (_, response) => response.writeHead(status, { "content-type": "application/json" }).end("{}"));
  const config = { models: { providers: { huggingface: { baseUrl: up.baseUrl } } } };
  const context = catalogContext(config, { apiKey: TOKEN, discoveryApiKey: TOKEN });
  assert.equal((await hooks.catalog.run(context)).outcome, "auth-rejected");
  status = 500;
  assert.equal((await hooks.catalog.run(context)).outcome, "unavailable");
});

test("suffixes are resolved by the component; what is no reference is not a model", async (t) => {
  const { up, hooks } = await set(t, list);
  const config = { models: { providers: { huggingface: { baseUrl: up.baseUrl } } } };
  const base = model(up.baseUrl, { contextWindow: 40_960 });
  const context = (modelId) => ({ config, modelId, modelRegistry: { find: (_, id) => (id === base.id ? base : undefined) } });
  for (const suffix of ["fastest", "cheapest", "preferred", "together"]) {
    const found = await hooks.prepareDynamicModel(context(`${base.id}:${suffix}`));
    assert.deepEqual([found.id, found.contextWindow, found.baseUrl], [`${base.id}:${suffix}`, 40_960, up.baseUrl]);
    assert.deepEqual(hooks.resolveDynamicModel(context(`${base.id}:${suffix}`)), found);
  }
  assert.equal(await hooks.prepareDynamicModel(context("not a reference")), undefined);
  assert.equal(hooks.resolveDynamicModel(context("not a reference")), undefined);
  assert.match(hooks.buildUnknownModelHint({ modelId: "not a reference" }), /reference/);
  assert.equal(hooks.resolveDynamicModel(context("org/unheard-of")).id, "org/unheard-of");
});

test("the manifest's list is the one without a key", async (t) => {
  const { hooks } = await set(t, list);
  const { provider: found } = await hooks.staticCatalog.run();
  assert.equal(found.models.length, 10);
  assert.equal(found.baseUrl, "https://router.huggingface.co/v1");
});
