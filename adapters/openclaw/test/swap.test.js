// Replacing the component: between calls, during one, with a broken file, with another digest.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ComponentError, ComponentFile } from "../src/component.js";
import { COMPONENT, hostile, noHostile, payload, sleep, started } from "./support.js";
import { chunk, streamed, upstream } from "./upstream.js";

/** The same component with another digest: a custom section more. */
function other(content = 0x79) {
  return Buffer.concat([readFileSync(COMPONENT), Buffer.from([0, 3, 1, 0x78, content])]);
}
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
const serve = async (t, respond) => {
  const up = await upstream(respond);
  t.after(() => up.close());
  return up;
};
const hello = (_, response) => streamed(response, [{ content: "Hello" }]);

test("a new call uses the new file; the file may be written over or renamed over", async (t) => {
  const up = await serve(t, hello);
  const { chat, runtime, path } = started(t);
  await chat(up.baseUrl);
  writeFileSync(path, other());
  await chat(up.baseUrl);
  assert.equal(runtime.file.live.digest, digest(other()));
  copyFileSync(COMPONENT, `${path}.new`);
  renameSync(`${path}.new`, path);
  await chat(up.baseUrl);
  assert.equal(runtime.file.live.digest, digest(readFileSync(COMPONENT)));
});

test("a call under way ends on the old component", async (t) => {
  const gate = Promise.withResolvers();
  let first = true;
  const up = await serve(t, async (request, response) => {
    if (!first) return hello(request, response);
    first = false;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ content: "old" }));
    await gate.promise;
    response.end(`${chunk({ content: " end" })}${chunk({}, { finish_reason: "stop" })}data: [DONE]\n\n`);
  });
  const { chat, runtime, path } = started(t);
  const begun = Promise.withResolvers();
  const events = [];
  const call = chat(up.baseUrl, { onEvents: (more) => (events.push(...more), begun.resolve()) });
  await begun.promise;
  writeFileSync(path, other());
  assert.equal((await chat(up.baseUrl)).text, "Hello");
  assert.equal(runtime.file.live.digest, digest(other()));
  gate.resolve();
  await call;
  assert.equal(events.map(({ val }) => val).join(""), "old end");
});

test("a call gets the file as it was when the call began, also while an earlier one is being loaded", async (t) => {
  const up = await serve(t, hello);
  const { chat, runtime, path } = started(t);
  await chat(up.baseUrl);
  const { file } = runtime;
  const load = file.load.bind(file);
  const loading = Promise.withResolvers();
  const gate = Promise.withResolvers();
  file.load = async (...of) => {
    loading.resolve();
    await gate.promise;
    return load(...of);
  };
  writeFileSync(path, other(0x79));
  const first = file.current();
  await loading.promise;
  writeFileSync(path, other(0x7a));
  const second = file.current();
  gate.resolve();
  assert.equal((await first).digest, digest(other(0x79)));
  assert.equal((await second).digest, digest(other(0x7a)));
});

test("the file's watcher loads it without a call", async (t) => {
  const up = await serve(t, hello);
  const { chat, runtime, path } = started(t);
  await chat(up.baseUrl);
  writeFileSync(path, other());
  for (let turn = 0; turn < 300 && runtime.file.live.digest !== digest(other()); turn += 1) await sleep(100);
  assert.equal(runtime.file.live.digest, digest(other()));
});

test("a broken file changes nothing and says why; so does a missing one", async (t) => {
  const up = await serve(t, hello);
  const { chat, path, lines } = started(t);
  await chat(up.baseUrl);
  for (const bytes of [readFileSync(COMPONENT).subarray(0, 10_000), Buffer.from("not a component"), Buffer.alloc(0)]) {
    writeFileSync(path, bytes);
    assert.equal((await chat(up.baseUrl)).text, "Hello");
    assert.match(lines.at(-1), /not taken: .*the one before stays in service/);
  }
  renameSync(path, `${path}.gone`);
  assert.equal((await chat(up.baseUrl)).text, "Hello");
  assert.match(lines.at(-1), /there is no such file/);
});

test("a file that everybody may write is not taken", async (t) => {
  const up = await serve(t, hello);
  const { chat, path, lines, runtime } = started(t);
  await chat(up.baseUrl);
  writeFileSync(path, other());
  chmodSync(path, 0o666);
  await chat(up.baseUrl);
  assert.match(lines.at(-1), /everybody may write it/);
  chmodSync(path, 0o600);
  await chat(up.baseUrl);
  assert.equal(runtime.file.live.digest, digest(other()));
});

test("with sha256 only that digest is taken", async (t) => {
  const up = await serve(t, hello);
  const { chat, path, lines, runtime } = started(t, { sha256: digest(readFileSync(COMPONENT)) });
  await chat(up.baseUrl);
  writeFileSync(path, other());
  await chat(up.baseUrl);
  assert.equal(runtime.file.live.digest, digest(readFileSync(COMPONENT)));
  assert.ok(lines.at(-1).includes(`its sha256 is ${digest(other())}`), lines.at(-1));
});

test("a first file that is not taken fails each call with the reason", async (t) => {
  const { chat, runtime } = started(t, {}, Buffer.from("nothing"));
  await assert.rejects(chat("http://127.0.0.1:9/v1"), /component .* not taken: /);
  assert.equal(runtime.file.live, undefined);
});

test("another provider's component is not taken", { skip: noHostile }, async (t) => {
  const { chat } = started(t, {}, hostile({ id: "someone" }));
  await assert.rejects(chat("http://127.0.0.1:9/v1"), /it is the provider "someone", expected "huggingface"/);
});

test("a component that spins when it is asked what it is, is not taken", { skip: noHostile }, async (t) => {
  const up = await serve(t, hello);
  const { chat, path, lines } = started(t, { "max-guest-time-ms": 500 });
  await chat(up.baseUrl);
  writeFileSync(path, hostile({ describe: "loop" }));
  assert.equal((await chat(up.baseUrl)).text, "Hello");
  assert.match(lines.at(-1), /max-guest-time-ms/);
  assert.ok(payload);
});

test("a file that the system failed to try is tried again after a while, one that was refused is not", async (t) => {
  const { runtime, path } = started(t);
  await runtime.file.current();
  const { live } = runtime.file;
  const file = new ComponentFile({ path, cache: "", log: { info() {}, error() {} } });
  t.after(() => clearTimeout(file.settling));
  file.live = { ...live, seen: "earlier" };
  file.watchFile = () => {};
  for (const [failure, again] of [
    [Object.assign(new Error("ENOSPC: no space left on device"), { errno: -28 }), 1],
    [Object.assign(new ComponentError("the cache does not keep what is written to it"), { passes: true }), 1],
    [new ComponentError("it imports what is not offered"), 0],
  ]) {
    let tried = 0;
    file.load = async () => {
      tried += 1;
      throw failure;
    };
    writeFileSync(path, other(tried + again));
    await sleep(60);
    await file.current();
    await file.current();
    assert.equal(tried, 1, failure.message);
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 31_000 });
    await file.current();
    assert.equal(tried, 1 + again, failure.message);
    t.mock.timers.reset();
  }
});
