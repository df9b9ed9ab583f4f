// The transpiler worker: makes JavaScript and core modules of a component, checks what it imports and exports, and
// writes them to a folder of the cache. Runs no code of the component.
import { createHash } from "node:crypto";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { mismatch } from "../contract.js";
import { limitModules } from "./modules.js";

const { bytes, folder, limits } = workerData;

function refuse(message) {
  throw Object.assign(new Error(message), { refused: true });
}

async function transpile() {
  const { $init, generate } = await import("@bytecodealliance/jco-transpile/component");
  await $init;
  let made;
  try {
    made = generate(bytes, {
      name: "component",
      instantiation: { tag: "async" },
      noTypescript: true,
      noNodejsCompat: true,
      base64Cutoff: 0,
    });
  } catch (error) {
    refuse(`not a component that can be transpiled: ${String(error?.message ?? error).split("\n")[0]}`);
  }
  const wrong = mismatch(made.imports, made.exports.map(([name]) => name));
  if (wrong) refuse(wrong);
  const modules = made.files.filter(([name]) => name.endsWith(".wasm"));
  limitModules(new Map(modules), limits);
  write(made.files);
}

/** Writes beside the place and renames: another process may do the same at the same time. */
function write(files) {
  const beside = `${folder}.${process.pid}.${Date.now()}`;
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  mkdirSync(beside, { mode: 0o700 });
  const digests = {};
  for (const [name, bytes] of files) {
    writeFileSync(join(beside, name), bytes, { mode: 0o600 });
    digests[name] = createHash("sha256").update(bytes).digest("hex");
  }
  // Last, so that a folder without it is never taken.
  writeFileSync(join(beside, "digests.json"), JSON.stringify(digests), { mode: 0o600 });
  try {
    renameSync(beside, folder);
  } catch {
    rmSync(folder, { recursive: true, force: true });
    renameSync(beside, folder);
  }
}

try {
  await transpile();
  parentPort.postMessage({ done: true });
} catch (error) {
  parentPort.postMessage({ error: String(error?.message ?? error), refused: error?.refused === true });
}
