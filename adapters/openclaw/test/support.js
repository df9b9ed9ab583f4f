// What the tests of the adapter share: a runtime with the real component, and calls into it.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { callSettings } from "../src/config.js";
import { readSettings } from "../src/limits.js";
import { acquire } from "../src/runtime.js";

const TARGET = new URL("../../../target/wasm32-wasip2/release/", import.meta.url);
export const COMPONENT = process.env.COMPONENT ?? fileURLToPath(new URL("../component/huggingface_provider.wasm", import.meta.url));
const HOSTILE = process.env.HOSTILE_GUEST ?? fileURLToPath(new URL("hostile_guest.wasm", TARGET));
/** A reason to skip, or `false`. */
export const noHostile = existsSync(HOSTILE) ? false : `no ${HOSTILE}: cargo build --release --target wasm32-wasip2 -p hostile-guest`;
export const TOKEN = "hf_TestTokenOfTheAdapter";

/** The misbehaving guest with orders written over those in the file. */
export function hostile(orders) {
  const bytes = readFileSync(HOSTILE);
  const at = bytes.indexOf("orders:");
  bytes.fill(" ", at, at + 512);
  bytes.write(`orders:${Object.entries({ id: "huggingface", ...orders }).map(([name, value]) => `${name}=${value};`).join("")}`, at);
  return bytes;
}

/** A runtime of its own with a copy of a component; `t.after` ends it. */
export function started(t, config = {}, bytes = undefined) {
  const folder = mkdtempSync(join(tmpdir(), "adapter-"));
  const path = join(folder, "component.wasm");
  if (bytes) writeFileSync(path, bytes);
  else copyFileSync(COMPONENT, path);
  const lines = [];
  const logger = { info: (text) => lines.push(text), warn: (text) => lines.push(text), error: (text) => lines.push(text) };
  const settings = readSettings({ component: path, ...config });
  // One cache for all: a component is transpiled once.
  const stateDir = join(tmpdir(), "adapter-test-state");
  const { runtime } = acquire({ ...settings, test: folder }, { stateDir, logger });
  t.after(async () => {
    await runtime.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const settingsFor = (baseUrl, rest = {}) => ({ ...callSettings({}, settings, { baseUrl, hasCredential: true }), ...rest });
  return {
    runtime,
    path,
    lines,
    settings,
    settingsFor,
    list: (baseUrl, rest = {}) => runtime.call({ call: "list", discovery: "always", settings: settingsFor(baseUrl) }, { baseUrl, apiKey: TOKEN, ...rest }),
    async chat(baseUrl, { model = "huggingface/Qwen/Qwen3-8B", content = "hi", settings: inner, ...rest } = {}) {
      const events = [];
      const job = { call: "chat", body: { model, messages: [{ role: "user", content }] }, settings: inner ?? settingsFor(baseUrl) };
      const summary = await runtime.call(job, { baseUrl, apiKey: TOKEN, onEvents: (more) => events.push(...more), ...rest });
      return { events, summary, text: events.filter(({ tag }) => tag === "text").map(({ val }) => val).join("") };
    },
  };
}

/** What a rejected call says. */
export async function payload(promise) {
  try {
    await promise;
  } catch (error) {
    if (error.payload) return error.payload;
    throw error;
  }
  throw new Error("it did not fail");
}

export const until = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
