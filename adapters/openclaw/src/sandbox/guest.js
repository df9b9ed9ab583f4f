// The guest worker: runs one component, one call at a time, each in an instance of its own.
//
// Guest code is synchronous and may run for ever: this thread has no timers that matter, and its parent ends it with
// `terminate()`. It never sees a credential; requests leave through the network worker.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { chatRequest, settingsImport } from "../contract.js";
import { http } from "./http.js";
import { Link } from "./link.js";
import { limitModules } from "./modules.js";
import { ioAndClocks } from "./wasi.js";

const { folder, modules, port, words, limits } = workerData;
const EVENTS_PER_READ = 256;
const FOR_EVER = 0xffffffff;

const link = new Link(port, words);
const requests = http(link, () => limits);
let settings;
let memories = [];

const limited = limitModules(new Map(modules.map((name) => [name, readFileSync(join(folder, name))])), {
  memoryBytes: limits.memoryBytes,
  tableElements: limits.tableElements,
});
const compiled = new Map([...limited].map(([name, bytes]) => [name, new WebAssembly.Module(bytes)]));
const { instantiate } = await import(pathToFileURL(join(folder, "component.js")));

async function newInstance() {
  const seen = [];
  const instantiateCore = async (module, imports) => {
    const instance = new WebAssembly.Instance(module, imports);
    for (const value of Object.values(instance.exports)) if (value instanceof WebAssembly.Memory) seen.push(value);
    return instance;
  };
  const component = await guestRuns(() =>
    instantiate((name) => compiled.get(name), { ...settingsImport(() => settings), ...requests.imports, ...ioAndClocks(link) }, instantiateCore),
  );
  return { provider: component.provider, memories: seen };
}

function guestRuns(run) {
  link.resume();
  try {
    return run();
  } finally {
    link.pause();
  }
}

/** How many bytes an event carries, roughly. */
function weight(value) {
  if (typeof value === "string") return value.length;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== "object" || value === null) return 8;
  return Object.values(value).reduce((sum, inner) => sum + weight(inner), 16);
}

function limitReached(name, value) {
  return Object.assign(new Error(`limit ${name} reached (${value})`), {
    payload: { ...failure("internal", `the component exceeded the limit ${name} (${value})`), code: name },
  });
}

const failure = (kind, message) => ({ kind, message, retryable: false, requestSent: true, attempts: 1, suggestions: [], extras: [] });

const calls = {
  describe: (provider) => provider.describe(),
  resolve: (provider, { reference }) => provider.resolveRef(reference),
  list: (provider, { discovery }) => provider.listModels(discovery),
  chat(provider, { body }) {
    const request = chatRequest(body);
    const completion = provider.chatStream(request);
    let bytes = 0;
    let events = 0;
    for (;;) {
      const progress = completion.read(EVENTS_PER_READ, FOR_EVER);
      events += progress.events.length;
      bytes += progress.events.reduce((sum, event) => sum + weight(event), 0);
      if (events > limits.events) throw limitReached("max-events", limits.events);
      if (bytes > limits.responseBytes) throw limitReached("max-response-bytes", limits.responseBytes);
      if (progress.events.length > 0) parentPort.postMessage({ events: progress.events });
      if (progress.finished) return progress.finished;
    }
  },
};

/** The error as the parent gets it: the contract's own, or a trap of the component. */
function errorOf(error) {
  if (error?.payload) return error.payload;
  const full = memories.some((memory) => memory.buffer.byteLength > limits.memoryBytes - 4 * 1024 * 1024);
  if (full) return limitReached("max-memory-bytes", limits.memoryBytes).payload;
  const trapped = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  return { ...failure("internal", `the component ${trapped ? "trapped" : "failed"}: ${String(error?.message ?? error)}`), code: "trap" };
}

let spare = await newInstance();
parentPort.postMessage({ ready: true });

parentPort.on("message", async (job) => {
  settings = job.settings;
  link.reset();
  requests.reset();
  const instance = spare;
  memories = instance.memories;
  spare = undefined;
  let answer;
  try {
    answer = { result: guestRuns(() => calls[job.call](instance.provider, job)) };
  } catch (error) {
    answer = { error: errorOf(error) };
  }
  parentPort.postMessage(answer);
  memories = [];
  try {
    spare = await newInstance();
    parentPort.postMessage({ ready: true });
  } catch (error) {
    parentPort.postMessage({ broken: String(error?.message ?? error) });
  }
});
