// The upstream of these tests: the project's mock router behind a recorder, and responses that a test holds open.
//
// The recorder is between OpenClaw and the mock router: it records the requests, and the model's organisation selects the
// response: `scenario-404-model/x` is a mock router with that scenario, `tools/x` one that calls a tool once, `held/x` a
// response that stays open. OpenClaw offers tools with each request; only `tools/x` gets to see them.
import { spawn } from "node:child_process";
import http from "node:http";
import { chunk } from "../test/upstream.js";

const HOST_HARNESS = process.env.HOST_HARNESS;

/** Starts a mock router; gives its base URL. */
function mockRouter(argv) {
  const child = spawn(HOST_HARNESS, ["mock-router", "--port", "0", ...argv], { stdio: ["ignore", "pipe", "inherit"] });
  const address = new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (bytes) => {
      text += bytes;
      const found = /^(http:\S+)$/m.exec(text);
      if (found) resolve(new URL(found[1]));
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the mock router ended with ${code}`)));
  });
  return { child, address };
}

/** The request for the mock router: a model that it knows, and tools only for who wants to see them called once. */
function forwarded(body, model) {
  const called = body.messages.findLastIndex(({ tool_calls: calls }) => calls?.length > 0);
  const isAnswered = body.messages.slice(called + 1).some(({ role }) => role === "tool");
  const { tools, ...rest } = body;
  const sent = /^(scenario-[^/]+|tools)\//.test(model) ? { ...rest, model: "Qwen/Qwen3-8B" } : rest;
  return model.startsWith("tools/") && !isAnswered ? { ...sent, tools } : sent;
}

export class Router {
  requests = [];
  mocks = new Map();
  /** Responses that are held open, by the model's name. */
  held = new Map();

  static async start(t) {
    const router = new Router();
    router.server = http.createServer((request, response) => void router.serve(request, response).catch(() => response.destroy()));
    await new Promise((resolve) => router.server.listen(0, "127.0.0.1", resolve));
    router.baseUrl = `http://127.0.0.1:${router.server.address().port}/v1`;
    t.after(() => router.stop());
    return router;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
    for (const { child } of this.mocks.values()) child.kill();
  }

  mock(scenario) {
    const name = scenario ?? "";
    if (!this.mocks.has(name)) this.mocks.set(name, mockRouter(["--pace", "5", ...(scenario ? ["--scenario", scenario] : [])]));
    return this.mocks.get(name).address;
  }

  async serve(request, response) {
    const chunks = [];
    for await (const bytes of request) chunks.push(bytes);
    const bytes = Buffer.concat(chunks);
    const body = bytes.length > 0 ? JSON.parse(bytes) : undefined;
    this.requests.push({ method: request.method, url: request.url, headers: request.headers, body });
    const model = body?.model ?? "";
    if (model.startsWith("held/")) return this.hold(model, response);
    const scenario = /^scenario-([^/]+)\//.exec(model)?.[1];
    const to = await this.mock(scenario);
    const sent = body ? Buffer.from(JSON.stringify(forwarded(body, model))) : bytes;
    const headers = { ...request.headers, host: to.host, "content-length": String(sent.length) };
    const onward = http.request({ host: to.hostname, port: to.port, path: request.url, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    onward.end(sent);
  }

  /** Sends one chunk and waits for the test; reports when the client is gone. */
  async hold(model, response) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ role: "assistant", content: "begun " }));
    const { promise, resolve } = Promise.withResolvers();
    const closed = new Promise((done) => response.once("close", done));
    this.heldNow(model).push({ release: resolve, closed });
    await Promise.race([promise, closed]);
    if (response.destroyed) return;
    response.end(`${chunk({ content: "and ended" })}${chunk({}, { finish_reason: "stop" })}data: [DONE]\n\n`);
  }

  heldNow(model) {
    if (!this.held.has(model)) this.held.set(model, []);
    return this.held.get(model);
  }

  /** Waits until a response is held open. */
  async isHeld(model, number = 0) {
    for (let turn = 0; turn < 2_000; turn += 1) {
      const found = this.heldNow(model)[number];
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no request for ${model} came`);
  }

  of(model) {
    return this.requests.filter(({ body }) => body?.model === model);
  }
}
