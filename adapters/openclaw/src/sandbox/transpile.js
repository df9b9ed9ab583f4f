// The transpiler worker: makes JavaScript and core modules of a component, checks what it imports and exports, and
// writes them to a folder of the cache. Runs no code of the component.
import { parentPort, workerData } from "node:worker_threads";
import { mismatch } from "../contract.js";
import { writeFolder } from "./cached_folder.js";
import { limitModules } from "./modules.js";

const { bytes, folder, limits } = workerData;

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
    throw new Error(`not a component that can be transpiled: ${String(error?.message ?? error).split("\n")[0]}`);
  }
  const wrong = mismatch(made.imports, made.exports.map(([name]) => name));
  if (wrong) throw new Error(wrong);
  const modules = made.files.filter(([name]) => name.endsWith(".wasm"));
  limitModules(new Map(modules), limits);
  await writeFolder(folder, made.files);
}

try {
  await transpile();
  parentPort.postMessage({ done: true });
} catch (error) {
  parentPort.postMessage({ error: String(error?.message ?? error), errno: error?.errno });
}
