// What the sandbox costs until the first token: this plugin and OpenClaw's own transport in turns, in one process,
// against one router in another. `node e2e/first-token.js [TURNS]`; prints medians in milliseconds.
import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readSettings } from "../src/limits.js";
import { provider } from "../src/provider.js";
import { acquire } from "../src/runtime.js";
import { streamed, upstream } from "../test/upstream.js";

const HERE = fileURLToPath(import.meta.url);
const deltas = [{ role: "assistant", content: "" }, ...Array.from({ length: 50 }, (_, at) => ({ content: `word ${at} ` }))];

if (process.send) {
  const { baseUrl } = await upstream((_, response) => streamed(response, deltas));
  process.send(baseUrl);
} else {
  await measure(Number(process.argv[2] ?? 40));
}

async function measure(turns) {
  const tools = process.env.TOOLS_DIR ?? join(homedir(), ".cache/model-provider-tools");
  const sdkFile = (name) => pathToFileURL(join(tools, "openclaw/node_modules/openclaw/dist/plugin-sdk", `${name}.js`)).href;
  const llm = await import(sdkFile("llm"));
  const child = fork(HERE, [], { stdio: "inherit" });
  const baseUrl = await new Promise((resolve) => child.once("message", resolve));

  const stateDir = mkdtempSync(join(tmpdir(), "first-token-"));
  const settings = readSettings({});
  const log = { info() {}, warn: console.error, error: console.error };
  const { runtime } = acquire(settings, { stateDir, logger: log });
  const manifest = JSON.parse(readFileSync(new URL("../openclaw.plugin.json", import.meta.url), "utf8"));
  const hooks = provider({ runtime, settings, manifest, sdk: llm, auth: [], log });

  const model = { id: "Qwen/Qwen3-8B", name: "x", api: "openai-completions", provider: "huggingface", baseUrl, reasoning: false, input: ["text"], cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, contextWindow: 40_000, maxTokens: 8_000 };
  // About what an agent's turn sends: 40 KB of instructions, 20 messages, 12 tools.
  const context = {
    systemPrompt: "Instructions. ".repeat(3_000),
    messages: Array.from({ length: 20 }, (_, at) => ({ role: "user", content: `Message ${at}. `.repeat(40), timestamp: at })),
    tools: Array.from({ length: 12 }, (_, at) => ({ name: `tool_${at}`, description: "Does it.", parameters: { type: "object", properties: { a: { type: "string" } } } })),
  };
  const options = { apiKey: "hf_TokenOfTheMeasurement" };
  const ways = {
    plugin: () => hooks.createStreamFn({ config: {} })(model, context, options),
    bundled: () => llm.streamSimple(model, context, options),
  };
  const samples = { plugin: [], bundled: [] };
  for (let turn = 0; turn < turns + 5; turn += 1) {
    for (const [name, start] of Object.entries(ways)) {
      const sample = await first(start);
      if (turn >= 5) samples[name].push(sample);
      // As a person would: the next worker has time to get ready.
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }
  for (const key of ["first", "whole"]) {
    const of = (name) => median(samples[name].map((sample) => sample[key]));
    console.log(`${key === "first" ? "first token" : "whole response"}: plugin ${of("plugin").toFixed(1)} ms, bundled ${of("bundled").toFixed(1)} ms, difference ${(of("plugin") - of("bundled")).toFixed(1)} ms (medians of ${turns})`);
  }
  await runtime.close();
  rmSync(stateDir, { recursive: true, force: true });
  child.kill();
  process.exit(0);
}

async function first(start) {
  const began = performance.now();
  let token;
  for await (const event of start()) {
    if (event.type === "error") throw new Error(event.error.errorMessage);
    if (event.type === "text_delta") token ??= performance.now() - began;
  }
  return { first: token, whole: performance.now() - began };
}

function median(values) {
  return values.sort((one, more) => one - more)[Math.floor(values.length / 2)];
}
