// A client of npm doing what the benches do: `ask.mjs openai KEY ROUNDS ANSWER STREAM50 STREAM500`, with NODE_MODULES in
// the environment. The last three are base URLs of mocks, each with its one answer. Says one JSON value a line: the call,
// its median time, and the CPU time of the process for each call, in microseconds.

import assert from "node:assert";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const [, , client, key, rounds, answer, stream50, stream500] = process.argv;
assert.equal(client, "openai");
const { OpenAI } = createRequire(join(process.env.NODE_MODULES, "none.js"))("openai");
const asked = {
  model: "meta-llama/Llama-3.3-70B-Instruct",
  messages: [{ role: "user", content: "say it in many words ".repeat(12) }],
  max_tokens: 46,
};

const clients = new Map();
function at(baseURL) {
  if (!clients.has(baseURL)) clients.set(baseURL, new OpenAI({ baseURL, apiKey: key, maxRetries: 0 }));
  return clients.get(baseURL);
}

/** Microseconds. */
function now() {
  return Number(process.hrtime.bigint()) / 1_000;
}

async function short() {
  const said = await at(answer).chat.completions.create(asked);
  assert(said.choices[0].message.content.length > 100);
}

async function streamed(url, events) {
  let pieces = 0;
  for await (const chunk of await at(url).chat.completions.create({ ...asked, stream: true })) {
    if (chunk.choices[0]?.delta.content) pieces += 1;
  }
  assert.equal(pieces, events);
}

async function first() {
  const started = now();
  let took;
  for await (const _ of await at(stream50).chat.completions.create({ ...asked, stream: true })) took ??= now() - started;
  return took;
}

async function list() {
  let models = 0;
  for await (const _ of at(answer).models.list()) models += 1;
  assert.equal(models, 136);
}

/** Calls, and says what a call takes; the first ones warm up. A call may time itself. */
async function report(name, call, count) {
  for (let at = 0; at < 3; at += 1) await call();
  const times = [];
  const before = process.cpuUsage();
  for (let at = 0; at < count; at += 1) {
    const started = now();
    const own = await call();
    times.push(own ?? now() - started);
  }
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ call: name, time: times[times.length >> 1], cpu: (user + system) / count }));
}

const many = Number(rounds);
const few = Math.max(1, Math.floor(many / 5));
await report("short", short, many);
await report("first", first, many);
await report("stream50", () => streamed(stream50, 47), many);
await report("stream500", () => streamed(stream500, 497), few);
await report("list", list, few);
