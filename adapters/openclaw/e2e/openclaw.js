// Real OpenClaw for tests: a state directory for each test, commands, a gateway, and prompts to it.
//
// Everything stays on loopback and in a temporary folder; nothing of the machine's own OpenClaw is read.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TOOLS = process.env.TOOLS_DIR ?? join(homedir(), ".cache/model-provider-tools");
export const PLUGIN = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
export const TOKEN = "hf_TestTokenOfTheGateway";
const GATEWAY_TOKEN = "gateway-token-of-the-test";
const OPENCLAW = join(TOOLS, "openclaw/node_modules/openclaw/openclaw.mjs");
export const OLD_OPENCLAW = join(TOOLS, "openclaw-2026.2.17/node_modules/openclaw/openclaw.mjs");
/** The installed code, for tests that judge by it. */
export const DIST = join(TOOLS, "openclaw/node_modules/openclaw/dist");

/** A configuration with this plugin and nothing that a test does not need. */
export function config({ baseUrl, plugin = {}, provider = {}, load = true, ...rest }) {
  return {
    plugins: {
      allow: ["huggingface"],
      slots: { memory: "none" },
      entries: { huggingface: { enabled: true, config: plugin } },
      ...(load && { load: { paths: [PLUGIN] } }),
    },
    // Requests go to the test's own router only.
    models: { catalogRefresh: { enabled: false }, providers: { huggingface: { baseUrl, models: [], ...provider } } },
    gateway: { mode: "local", http: { endpoints: { chatCompletions: { enabled: true } } } },
    update: { checkOnStart: false },
    agents: { defaults: { skipBootstrap: true, model: { primary: "huggingface/Qwen/Qwen3-8B" } } },
    ...rest,
  };
}

/** A state directory with its own HOME. */
export class State {
  constructor(t, settings) {
    this.folder = mkdtempSync(join(tmpdir(), "openclaw-e2e-"));
    this.state = join(this.folder, "state");
    this.file = join(this.state, "openclaw.json");
    for (const name of ["home", "state", "workspace"]) mkdirSync(join(this.folder, name));
    if (settings) this.configure(settings);
    t.after(() => rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 }));
  }

  configure(settings) {
    const { agents, ...rest } = settings;
    const defaults = { workspace: join(this.folder, "workspace"), ...agents?.defaults };
    writeFileSync(this.file, JSON.stringify({ ...rest, agents: { ...agents, defaults } }, null, 2));
  }

  environment(more = {}) {
    const kept = ["PATH", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy"];
    return {
      ...Object.fromEntries(kept.filter((name) => process.env[name]).map((name) => [name, process.env[name]])),
      HOME: join(this.folder, "home"),
      OPENCLAW_STATE_DIR: this.state,
      OPENCLAW_NO_AUTO_UPDATE: "1",
      npm_config_cache: join(TOOLS, "npm-cache"),
      HF_TOKEN: TOKEN,
      OPENCLAW_GATEWAY_TOKEN: GATEWAY_TOKEN,
      NO_COLOR: "1",
      CI: "1",
      ...more,
    };
  }

  /** Runs a command; gives its status and what it wrote. */
  run(...argv) {
    return this.runWith({}, ...argv);
  }

  runWith({ program = OPENCLAW, environment = {}, timeout = 280_000 }, ...argv) {
    return new Promise((resolve) => {
      const options = { env: this.environment(environment), cwd: this.folder, timeout, maxBuffer: 32 * 1024 * 1024 };
      const child = execFile(process.execPath, [program, ...argv], options, (error, stdout, stderr) => {
        resolve({ status: error ? (error.code ?? error.signal) : 0, stdout, stderr, all: `${stdout}\n${stderr}` });
      });
      child.stdin.end();
    });
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A running gateway. */
export class Gateway {
  static async start(t, state) {
    const gateway = new Gateway();
    gateway.state = state;
    gateway.port = await freePort();
    gateway.output = "";
    const argv = [OPENCLAW, "gateway", "run", "--port", String(gateway.port), "--bind", "loopback", "--auth", "token"];
    gateway.process = spawn(process.execPath, argv, { env: state.environment(), cwd: state.folder, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [gateway.process.stdout, gateway.process.stderr]) stream.on("data", (bytes) => (gateway.output += bytes));
    t.after(() => gateway.stop());
    await gateway.isReady();
    return gateway;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async isReady() {
    for (let turn = 0; turn < 600; turn += 1) {
      if (this.process.exitCode !== null) throw new Error(`the gateway ended: ${this.output}`);
      const ready = await fetch(`${this.url}/readyz`).then(({ ok }) => ok, () => false);
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error(`the gateway was not ready in time: ${this.output}`);
  }

  async stop() {
    if (this.process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(timer);
  }

  request(content, { user, model, agent = "main", stream = false, signal } = {}) {
    return fetch(`${this.url}/v1/chat/completions`, {
      method: "POST",
      signal,
      headers: {
        authorization: `Bearer ${GATEWAY_TOKEN}`,
        "content-type": "application/json",
        ...(model && { "x-openclaw-model": model }),
      },
      body: JSON.stringify({ model: `openclaw/${agent}`, stream, user, messages: [{ role: "user", content }] }),
    });
  }

  /** One agent turn; gives status and text. */
  async ask(content, options) {
    const response = await this.request(content, options);
    const body = await response.text();
    let parsed;
    try {
      parsed = JSON.parse(body);
    } catch {
      return { status: response.status, text: body };
    }
    return { status: response.status, text: parsed.choices?.[0]?.message?.content ?? body };
  }

  /** One agent turn, streamed; returns the deltas of text with the time of each. */
  async stream(content, options) {
    const response = await this.request(content, { ...options, stream: true });
    const pieces = [];
    let buffer = "";
    for await (const bytes of response.body) {
      buffer += Buffer.from(bytes).toString();
      pieces.raw = `${pieces.raw ?? response.status} ${Buffer.from(bytes)}`.slice(0, 4_000);
      for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
        const data = buffer.slice(0, end).replace(/^data: /, "");
        buffer = buffer.slice(end + 2);
        if (data.startsWith("{")) {
          const text = JSON.parse(data).choices?.[0]?.delta?.content;
          if (text) pieces.push({ text, at: performance.now() });
        }
      }
    }
    return pieces;
  }

  /** How long a request that needs nothing but the gateway's thread takes, in milliseconds. */
  async latency() {
    const began = performance.now();
    await fetch(`${this.url}/healthz`).then((response) => response.text());
    return performance.now() - began;
  }
}

export const missing = existsSync(OPENCLAW) ? false : `no OpenClaw in ${TOOLS}: run adapters/openclaw/scripts/install-openclaw`;
export const read = (path) => JSON.parse(readFileSync(path, "utf8"));
