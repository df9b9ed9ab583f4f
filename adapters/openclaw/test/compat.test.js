// The effect of a model's `compat`, compared with OpenClaw's own transport: the same model and conversation, once through
// that transport and once through this plugin and the component, leave as the same messages.
//
// Left out of the comparison is what differs on purpose: the words between tool results and a user message, and for an
// empty result, are our own; a result that is an error says so; several blocks of text are one text; and which reasoning
// goes back in a member of its own is the component's decision.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { provider } from "../src/provider.js";
import { EMPTY_RESULT, requestBody } from "../src/request.js";
import { started, TOKEN } from "./support.js";
import { streamed, upstream } from "./upstream.js";

const TOOLS = process.env.TOOLS_DIR ?? join(homedir(), ".cache/model-provider-tools");
const TRANSPORTS = join(TOOLS, "openclaw/node_modules/@openclaw/ai/dist/transports.mjs");
const skip = existsSync(TRANSPORTS) ? false : `no OpenClaw in ${TOOLS}: run scripts/install-openclaw`;

const manifest = JSON.parse(readFileSync(new URL("../openclaw.plugin.json", import.meta.url), "utf8"));
const usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, totalTokens: 0, cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 } };
const from = { api: "openai-completions", provider: "huggingface", model: "Qwen/Qwen3-8B", usage, timestamp: 1 };
const user = (content) => ({ role: "user", content, timestamp: 1 });
const said = (...content) => ({ role: "assistant", content, stopReason: content.some(({ type }) => type === "toolCall") ? "toolUse" : "stop", ...from });
const result = (id, ...content) => ({ role: "toolResult", toolCallId: id, toolName: "look", content, isError: false, timestamp: 1 });
const text = (value) => ({ type: "text", text: value });
const thinking = (value) => ({ type: "thinking", thinking: value, thinkingSignature: "reasoning_content" });
const call = (id, args = {}) => ({ type: "toolCall", id, name: "look", arguments: args });
const picture = { type: "image", mimeType: "image/png", data: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==" };

const conversations = {
  "a call, its result, a user": [user("q"), said(call("a")), result("a", text("x")), user("r")],
  "a call whose result is last": [user("q"), said(call("a", { at: 1 })), result("a", text("x"))],
  "a call with text, and an answer": [user("q"), said(text("let me"), call("a")), result("a", text("x")), said(text("done")), user("r")],
  "two calls": [user("q"), said(call("a"), call("b")), result("a", text("x")), result("b", text("y")), user("r")],
  "a result with a picture": [user("q"), said(call("a")), result("a", text("x"), picture), user("r")],
  "reasoning and text": [user("q"), said(thinking("hm"), text("a")), user("r")],
  "reasoning alone": [user("q"), said(thinking("hm")), user("r")],
  "blank reasoning": [user("q"), said(thinking("  "), text("a")), user("r")],
  "reasoning and a call": [user("q"), said(thinking("hm"), call("a")), result("a", text("x")), user("r")],
  "text alone": [user("q"), said(text("a")), user("r")],
};
/** Blocks as OpenClaw's channels and tools produce them. `compat` has no part in it, so that two of it are enough. */
const blocks = {
  "a question of several blocks": [user([text("one"), text("two"), text("three")])],
  "a question with a picture between blocks": [user([text("one"), picture, text("two")])],
  "a question that is a picture": [user([picture])],
  "a question with an empty block": [user([text(""), text("two")])],
  "an empty question": [user("q"), said(text("a")), user("")],
  "a question without blocks": [user("q"), said(text("a")), user([])],
  "an answer of several blocks": [user("q"), said(text("a"), text("b")), user("r")],
  "an answer with an empty block": [user("q"), said(text(""), text("b")), user("r")],
  "an answer with an indented block": [user("q"), said(text("  a\n"), text("  ")), user("r")],
  "an empty answer": [user("q"), said(text("")), user("r")],
  "an answer without blocks": [user("q"), said(), user("r")],
  "blocks around a call": [user("q"), said(text("a"), call("a"), text("b")), result("a", text("x")), user("r")],
  "a blank block and a call": [user("q"), said(text(" "), call("a")), result("a", text("x")), user("r")],
  "a result of several blocks": [user("q"), said(call("a")), result("a", text("x"), text("y")), user("r")],
  "a result without blocks": [user("q"), said(call("a")), result("a"), user("r")],
  "an empty result": [user("q"), said(call("a")), result("a", text("")), user("r")],
  "a blank result": [user("q"), said(call("a")), result("a", text(" \n")), user("r")],
  "a result that is a picture": [user("q"), said(call("a")), result("a", picture), user("r")],
  "a result with a picture between blocks": [user("q"), said(call("a")), result("a", text("x"), picture, text("y")), user("r")],
  "two results with pictures": [user("q"), said(call("a"), call("b")), result("a", text("x"), picture), result("b", picture), user("r")],
};
const settings = [
  {},
  { requiresAssistantAfterToolResult: true },
  { requiresThinkingAsText: true },
  { requiresAssistantAfterToolResult: true, requiresThinkingAsText: true },
  { requiresThinkingAsText: true, requiresStringContent: true },
  { requiresThinkingAsText: true, requiresReasoningContentOnAssistantMessages: true },
  { requiresReasoningContentOnAssistantMessages: true },
  { requiresToolResultName: true },
];

/** What is compared of a message. */
function compared(message, at, all) {
  const { role, content, tool_calls: calls, reasoning_content: reasoning, ...rest } = message;
  const isBridge = role === "assistant" && all[at - 1]?.role === "tool" && all[at + 1]?.role === "user" && typeof content === "string" && content !== "done";
  const parts = Array.isArray(content) ? content.map((part) => (/^(Image\(s\) from|Attached to)/.test(part.text ?? "") ? "(which result)" : part)) : content;
  const isText = Array.isArray(parts) && parts.every((part) => part.type === "text");
  const whole = isText ? parts.map((part) => part.text).join("\n") : parts;
  const shown = role === "tool" && ["(no output)", EMPTY_RESULT].includes(whole) ? "(nothing)" : whole;
  return { role, content: isBridge ? "(an answer)" : shown, calls, ...rest, hasReasoning: reasoning !== undefined };
}

test("messages leave as OpenClaw's own transport sends them", { skip }, async (t) => {
  const up = await upstream((_, response) => streamed(response, [{ content: "ok" }]));
  t.after(() => up.close());
  const { createOpenAICompletionsTransportStreamFn } = await import(pathToFileURL(TRANSPORTS));
  const { runtime, settings: own } = started(t);
  const sdk = {
    calculateCost() {},
    parseStreamingJson: () => ({}),
    createToolArgumentPreviewSchedule: () => () => false,
    resolveProviderContext: async (context) => context,
    createAssistantMessageEventStream() {
      const events = [];
      const { promise, resolve } = Promise.withResolvers();
      return { events, push: (event) => events.push(event), end: resolve, done: promise };
    },
  };
  const hooks = provider({ runtime, settings: own, manifest, sdk, auth: [], log: { info() {}, warn() {}, error() {} } });
  const ours = hooks.createStreamFn({ config: {} });
  const theirs = createOpenAICompletionsTransportStreamFn();
  for (const compat of settings) {
    const row = { id: from.model, name: "m", api: from.api, provider: from.provider, baseUrl: up.baseUrl, reasoning: true, input: ["text", "image"], cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, contextWindow: 10_000, maxTokens: 100, compat };
    const all = compat.requiresStringContent || Object.keys(compat).length === 0 ? { ...conversations, ...blocks } : conversations;
    for (const [name, messages] of Object.entries(all)) {
      up.requests.length = 0;
      for await (const event of theirs(row, { messages: structuredClone(messages), tools: [] }, { apiKey: TOKEN })) assert.notEqual(event.type, "error", event.error?.errorMessage);
      const stream = ours(row, { messages: structuredClone(messages), tools: [] }, { apiKey: TOKEN });
      await stream.done;
      assert.equal(up.requests.length, 2, `${name}: ${stream.events.at(-1).error?.errorMessage}`);
      const [expected, found] = up.requests.map(({ body }) => body.messages.map(compared));
      if (!compat.requiresReasoningContentOnAssistantMessages) for (const message of [...expected, ...found]) delete message.hasReasoning;
      assert.deepEqual(found, expected, `${name}, ${JSON.stringify(compat)}`);
    }
  }
});

test("a result that is an error says so, and an empty one is not mistaken for a missing one", () => {
  const sent = (entry) => requestBody({ id: from.model, compat: {} }, { messages: [user("q"), said(call("a")), entry] }).messages[2];
  assert.equal(sent(result("a")).content, EMPTY_RESULT);
  assert.equal(sent(result("a", text(" \n"))).content, EMPTY_RESULT);
  assert.deepEqual(sent({ ...result("a", text("no")), isError: true }), { role: "tool", tool_call_id: "a", content: "no", is_error: true });
  assert.deepEqual(sent({ ...result("a"), isError: true }), { role: "tool", tool_call_id: "a", content: "", is_error: true });
});
