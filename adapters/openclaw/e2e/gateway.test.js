// One gateway of real OpenClaw with the plugin: turns, tools, fallback, abort, swaps, and guests that misbehave.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { COMPONENT, hostile, noHostile, sleep } from "../test/support.js";
import { Gateway, State, TOKEN, config, missing } from "./openclaw.js";
import { Router } from "./router.js";

const skip = missing || (process.env.HOST_HARNESS ? false : "HOST_HARNESS names no host-harness");
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
/** The same component with another digest. */
const other = () => Buffer.concat([readFileSync(COMPONENT), Buffer.from([0, 3, 1, 0x78, 0x79])]);

describe("a gateway", { skip }, () => {
  let router;
  let state;
  let gateway;
  let component;

  const ends = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  before(async () => {
    const t = { after: (end) => ends.push(end) };
    router = await Router.start(t);
    state = new State(t);
    component = join(state.folder, "component.wasm");
    copyFileSync(COMPONENT, component);
    const settings = config({ baseUrl: router.baseUrl, plugin: { component, "max-guest-time-ms": 8_000 } });
    const failing = { primary: "huggingface/scenario-404-model/x", fallbacks: ["huggingface/Qwen/Qwen3-8B"] };
    settings.agents.entries = { main: {}, failing: { model: failing } };
    state.configure(settings);
    gateway = await Gateway.start(t, state);
  });

  /** Puts a component in place: a call that begins later uses it. */
  function swap(bytes) {
    writeFileSync(component, bytes);
  }

  /** The same, and waits until it is loaded. */
  async function load(bytes) {
    swap(bytes);
    for (let turn = 0; turn < 600 && !gateway.output.includes(digest(bytes)); turn += 1) await sleep(100);
    assert.ok(gateway.output.includes(digest(bytes)), gateway.output.slice(-4000));
  }

  test("a turn is streamed through the component", async () => {
    const pieces = await gateway.stream("What is number 7?", { user: "stream" });
    assert.ok(pieces.length > 3, `${pieces.length} pieces: ${pieces.raw}\n${gateway.output.slice(-2000)}`);
    assert.match(pieces.map(({ text }) => text).join(""), /mock router/);
    assert.ok(pieces.at(-1).at - pieces[0].at > 50, "the pieces came at once");
    const [request] = router.of("Qwen/Qwen3-8B");
    assert.equal(request.headers.authorization, `Bearer ${TOKEN}`);
    assert.match(request.headers["user-agent"], /openclaw-huggingface-provider/);
    assert.ok(gateway.output.includes("component loaded"));
  });

  test("the command line asks the gateway", async () => {
    const argv = ["agent", "--agent", "main", "--session-id", "cli", "--message", "Hello from the command line", "--json"];
    const environment = { OPENCLAW_GATEWAY_PORT: String(gateway.port) };
    const { status, stdout, all } = await state.runWith({ environment }, ...argv);
    assert.equal(status, 0, all);
    assert.match(stdout, /mock router/);
  });

  test("a tool is called, its result goes back, and so does the reasoning of that turn", async () => {
    const { text } = await gateway.ask("Use a tool.", { user: "tools", model: "huggingface/tools/loop" });
    const requests = router.of("tools/loop");
    assert.ok(requests.length >= 2, `${requests.length} requests: ${text}`);
    const { messages } = requests[1].body;
    const call = messages.find(({ tool_calls: calls }) => calls)?.tool_calls[0];
    assert.ok(call, JSON.stringify(messages.slice(-3)));
    assert.equal(messages.find(({ role }) => role === "tool").tool_call_id, call.id);
    const assistant = messages.find(({ tool_calls: calls }) => calls);
    assert.ok(assistant.reasoning_content ?? assistant.reasoning, `no reasoning: ${JSON.stringify(assistant)}`);
    assert.match(text, /The tool says|mock router/);
  });

  test("a model that is not there makes OpenClaw ask its own fallback", async () => {
    const { status, text } = await gateway.ask("Is anybody there?", { user: "fallback", agent: "failing" });
    assert.equal(status, 200, text);
    assert.match(text, /mock router/);
    assert.equal(router.of("scenario-404-model/x").length, 1, "the missing model is asked once");
  });

  test("a client that goes away ends the request upstream", async () => {
    const controller = new AbortController();
    const request = gateway.stream("Hold on.", { user: "abort", model: "huggingface/held/abort", signal: controller.signal }).catch(() => {});
    const held = await router.isHeld("held/abort");
    controller.abort();
    const began = Date.now();
    await Promise.race([held.closed, sleep(60_000).then(() => assert.fail("the upstream request goes on"))]);
    await request;
    assert.ok(Date.now() - began < 30_000);
  });

  test("between turns the component is replaced, without a restart", async () => {
    swap(other());
    const { text } = await gateway.ask("And now?", { user: "swap" });
    assert.match(text, /mock router/);
    assert.ok(gateway.output.includes(`component replaced`) && gateway.output.includes(digest(other())), gateway.output.slice(-2000));
  });

  test("during a turn the component is replaced: that turn ends on the old one, the next is on the new one", async () => {
    const turn = gateway.ask("Take your time.", { user: "during", model: "huggingface/held/during" });
    const held = await router.isHeld("held/during");
    swap(readFileSync(COMPONENT));
    assert.match((await gateway.ask("Meanwhile?", { user: "meanwhile" })).text, /mock router/);
    held.release();
    assert.equal((await turn).text, "begun and ended");
  });

  test("a broken file changes nothing, and the gateway says why", async () => {
    swap(Buffer.from("broken"));
    assert.match((await gateway.ask("Still there?", { user: "broken" })).text, /mock router/);
    assert.match(gateway.output, /not taken: .*the one before stays in service/);
    swap(readFileSync(COMPONENT));
  });

  test("a guest that spins is ended, and the gateway answers others meanwhile", { skip: noHostile }, async () => {
    swap(hostile({ chat: "loop" }));
    const samples = [];
    let ended = false;
    const turn = gateway.ask("Spin.", { user: "spin" }).finally(() => (ended = true));
    let stopped;
    while (!ended && !stopped) {
      const at = performance.now();
      samples.push({ at, ms: await gateway.latency() });
      if (gateway.output.includes("exceeded the limit max-guest-time-ms")) stopped = performance.now();
      await sleep(20);
    }
    assert.ok(stopped, `the guest was not ended: ${(await turn).text}\n${gateway.output.slice(-4000)}`);
    // The guest ran for the last 8 s before it was ended; the time before is the preparation of the turn.
    const meanwhile = samples.filter(({ at }) => at > stopped - 7_000 && at < stopped - 200).map(({ ms }) => ms).sort((one, more) => one - more);
    assert.ok(meanwhile.length > 20, `${meanwhile.length} of ${samples.length} samples, ended after ${stopped - samples[0].at} ms`);
    const share = (part) => meanwhile[Math.floor((meanwhile.length - 1) * part)];
    console.log(`latency beside a spinning guest: median ${share(0.5).toFixed(1)} ms, 95 % ${share(0.95).toFixed(1)} ms, ${meanwhile.length} samples`);
    assert.ok(share(0.5) < 50, `median ${share(0.5)} ms`);
    swap(readFileSync(COMPONENT));
    await turn;
    assert.match((await gateway.ask("Better?", { user: "after-spin" })).text, /mock router/);
  });

  test("a guest that grows is stopped at its limit, and the gateway with the next component is well", { skip: noHostile }, async () => {
    const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.process.pid}/status`, "utf8"))[1]) / 1024;
    await load(hostile({ chat: "memory-1000" }));
    const before = resident();
    let most = before;
    const timer = setInterval(() => (most = Math.max(most, resident())), 20);
    const { text } = await gateway.ask("Grow.", { user: "grow" });
    clearInterval(timer);
    assert.match(gateway.output, /exceeded the limit max-memory-bytes|the component trapped/, text);
    assert.ok(most - before < 600, `it grew by ${most - before} MiB`);
    swap(readFileSync(COMPONENT));
    assert.match((await gateway.ask("Better?", { user: "after-grow" })).text, /mock router/);
  });
});
