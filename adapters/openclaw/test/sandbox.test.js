// The real component in its workers, against a router of the test: what gets out, what gets in, and what ends it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { hostile, noHostile, payload, sleep, started, TOKEN } from "./support.js";
import { chunk, streamed, upstream } from "./upstream.js";

const serve = async (t, respond) => {
  const up = await upstream(respond);
  t.after(() => up.close());
  return up;
};
const hello = (_, response) => streamed(response, [{ role: "assistant", content: "Hel" }, { content: "lo" }]);

test("a response is streamed, and the credential is added where the guest cannot see it", async (t) => {
  const up = await serve(t, hello);
  const { chat } = started(t);
  const { text, summary } = await chat(up.baseUrl);
  assert.equal(text, "Hello");
  assert.equal(summary.usage.outputTokens, 3);
  assert.equal(up.requests[0].headers.authorization, `Bearer ${TOKEN}`);
  assert.equal(up.requests[0].headers["accept-encoding"], "identity");
});

test("events come while the response is still under way", async (t) => {
  let go;
  const up = await serve(t, async (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ content: "first" }));
    await new Promise((resolve) => (go = resolve));
    response.end(`${chunk({ content: " last" })}${chunk({}, { finish_reason: "stop" })}data: [DONE]\n\n`);
  });
  const { chat, runtime } = started(t);
  const seen = [];
  const { promise, resolve } = Promise.withResolvers();
  const call = chat(up.baseUrl, { onEvents: (events) => (seen.push(...events), resolve()) });
  await promise;
  assert.deepEqual(seen.map(({ val }) => val), ["first"]);
  go();
  await call;
  assert.equal(seen.map(({ val }) => val).join(""), "first last");
  assert.ok(runtime);
});

test("a credential that the server repeats reaches nobody, in body and header", async (t) => {
  const up = await serve(t, (request, response) => {
    response.writeHead(401, { "content-type": "application/json", "x-request-id": request.headers.authorization });
    response.end(JSON.stringify({ error: { message: `bad key ${request.headers.authorization}` } }));
  });
  const { chat } = started(t);
  const error = await payload(chat(up.baseUrl));
  assert.equal(error.kind, "unauthenticated");
  assert.ok(!JSON.stringify(error).includes(TOKEN), JSON.stringify(error));
});

test("another origin and a path outside the base URL are blocked, and the operator reads why", async (t) => {
  const up = await serve(t, hello);
  const other = await serve(t, hello);
  const { chat, settingsFor, lines } = started(t);
  const elsewhere = await payload(chat(up.baseUrl, { settings: settingsFor(other.baseUrl) }));
  assert.equal(elsewhere.kind, "denied");
  const outside = await payload(chat(up.baseUrl, { settings: settingsFor(up.baseUrl.replace("/v1", "/v2")) }));
  assert.equal(outside.kind, "denied");
  assert.equal(other.requests.length + up.requests.length, 0);
  assert.ok(lines.some((line) => line.includes("is not the allowed origin")), lines.join("\n"));
});

test("a redirect is not followed", async (t) => {
  const other = await serve(t, hello);
  const up = await serve(t, (_, response) => response.writeHead(307, { location: `${other.baseUrl}/chat/completions` }).end());
  await payload(started(t).chat(up.baseUrl));
  assert.equal(other.requests.length, 0);
});

test("a 429 makes one request: retries are the host's", async (t) => {
  const up = await serve(t, (_, response) => response.writeHead(429, { "content-type": "application/json", "retry-after": "1" }).end('{"error":"slow"}'));
  const error = await payload(started(t).chat(up.baseUrl));
  assert.equal(error.kind, "rate-limited");
  assert.equal(error.retryAfterMs, 1000);
  assert.equal(up.requests.length, 1);
});

test("no connection, a cut and a compressed response are errors of their kind", async (t) => {
  const { chat } = started(t);
  const gone = await upstream(hello);
  await gone.close();
  assert.equal((await payload(chat(gone.baseUrl))).kind, "transport");
  const cut = await serve(t, (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ content: "half" }), () => response.destroy());
  });
  assert.equal((await payload(chat(cut.baseUrl))).kind, "transport");
  const packed = await serve(t, (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end("x"));
  assert.equal((await payload(chat(packed.baseUrl))).kind, "protocol");
});

const stalled = (closed) => (_, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(chunk({ content: "begun" }));
  return once(response, "close").then(() => closed());
};

test("an abort ends a guest that waits, closes its connection, and the next call works", async (t) => {
  const closed = Promise.withResolvers();
  let stall = true;
  const up = await serve(t, (request, response) => (stall ? stalled(closed.resolve)(request, response) : hello(request, response)));
  const { chat } = started(t);
  const controller = new AbortController();
  const call = payload(chat(up.baseUrl, { signal: controller.signal, onEvents: () => controller.abort() }));
  assert.equal((await call).code, "aborted");
  await closed.promise;
  stall = false;
  assert.equal((await chat(up.baseUrl)).text, "Hello");
  const late = await payload(chat(up.baseUrl, { signal: AbortSignal.abort() }));
  assert.equal(late.code, "aborted");
});

test("a call without an abort signal has a deadline", async (t) => {
  const closed = Promise.withResolvers();
  const up = await serve(t, stalled(closed.resolve));
  const error = await payload(started(t).chat(up.baseUrl, { wallMs: 1_000 }));
  assert.equal(error.kind, "timeout");
  assert.equal(error.code, "max-wall-clock-ms");
  await closed.promise;
});

test("a response above max-response-bytes ends", async (t) => {
  const up = await serve(t, async (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    while (!response.destroyed) {
      response.write(chunk({ content: "x".repeat(16_384) }));
      await sleep(1);
    }
  });
  const error = await payload(started(t, { "max-response-bytes": 200_000 }).chat(up.baseUrl));
  assert.equal(error.kind, "denied");
  assert.equal(error.code, "max-response-bytes");
});

test("calls at the same time have workers of their own", async (t) => {
  const up = await serve(t, async (request, response) => {
    await sleep(20);
    streamed(response, [{ content: request.body.messages[0].content }]);
  });
  const { chat } = started(t);
  const names = ["a", "b", "c", "d"];
  const answers = await Promise.all(names.map((content) => chat(up.baseUrl, { content })));
  assert.deepEqual(answers.map(({ text }) => text), names);
});

test("a guest that spins is ended, and this thread goes on meanwhile", { skip: noHostile }, async (t) => {
  const { chat, runtime } = started(t, { "max-guest-time-ms": 1_000 }, hostile({ chat: "loop" }));
  await runtime.file.current();
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 10);
  const began = Date.now();
  const error = await payload(chat("http://127.0.0.1:9/v1"));
  clearInterval(timer);
  assert.equal(error.code, "max-guest-time-ms");
  assert.ok(turns >= 20, `${turns} turns in ${Date.now() - began} ms`);
});

test("a guest that grows stops at max-memory-bytes, and the process with it", { skip: noHostile }, async (t) => {
  const { chat, runtime } = started(t, { "max-memory-bytes": 64 * 1024 * 1024 }, hostile({ chat: "memory-500" }));
  await runtime.file.current();
  const before = process.memoryUsage().rss;
  const error = await payload(chat("http://127.0.0.1:9/v1"));
  assert.match(error.code, /max-memory-bytes|trap/);
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
});

test("a guest that traps, recurses or hoards handles ends its call alone", { skip: noHostile }, async (t) => {
  for (const deed of ["trap", "deep-10000000", "handles-50000000"]) {
    const { chat, runtime } = started(t, { "max-guest-time-ms": 60_000 }, hostile({ chat: deed }));
    const { pool } = await runtime.file.current();
    assert.equal((await payload(chat("http://127.0.0.1:9/v1"))).kind, "internal", deed);
    assert.equal(pool.busy.size, 0);
  }
});
