// A folder of the cache, written by several threads at once, and one that is damaged.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { readFolder, writeFolder } from "../src/sandbox/cached_folder.js";

const FILES = ["component.js", "component.core.wasm", "component.core2.wasm"].map((name) => [name, Buffer.alloc(20_000, name)]);
const NAMES = FILES.map(([name]) => name);
const WRITERS = 8;
const ROUNDS = 20;

function place(t) {
  const cache = mkdtempSync(join(tmpdir(), "cached-folder-"));
  t.after(() => rmSync(cache, { recursive: true, force: true }));
  return join(cache, "cache", "digest");
}

/** Waits for its turn in each round, and then writes as all others do. */
const WRITER = `
  import { parentPort, workerData } from "node:worker_threads";
  const { url, folder, files, rounds, turn } = workerData;
  const { writeFolder } = await import(url);
  const now = new Int32Array(turn);
  for (let round = 1; round <= rounds; round += 1) {
    parentPort.postMessage("ready");
    Atomics.wait(now, 0, round - 1);
    try {
      await writeFolder(folder + round, files);
      parentPort.postMessage("written");
    } catch (error) {
      parentPort.postMessage(String(error));
    }
  }
`;

/** In each round all threads write one folder, which is prepared before. */
async function writtenByMany(t, prepare) {
  const folder = place(t);
  for (let round = 1; round <= ROUNDS; round += 1) prepare(folder + round);
  const turn = new SharedArrayBuffer(4);
  const url = new URL("../src/sandbox/cached_folder.js", import.meta.url).href;
  const workerData = { url, folder, files: FILES, rounds: ROUNDS, turn };
  const code = new URL(`data:text/javascript,${encodeURIComponent(WRITER)}`);
  const said = [];
  let heard = () => {};
  const workers = Array.from({ length: WRITERS }, () => new Worker(code, { workerData }));
  t.after(() => Promise.all(workers.map((worker) => worker.terminate())));
  for (const worker of workers) worker.on("message", (word) => (said.push(word), heard()));
  const all = async (count) => {
    while (said.length < count) await new Promise((resolve) => (heard = resolve));
    return said.splice(0);
  };
  await all(WRITERS);
  for (let round = 1; round <= ROUNDS; round += 1) {
    Atomics.store(new Int32Array(turn), 0, round);
    Atomics.notify(new Int32Array(turn), 0);
    const words = await all(round < ROUNDS ? 2 * WRITERS : WRITERS);
    assert.deepEqual(words.filter((word) => word !== "ready" && word !== "written"), [], `round ${round}`);
    assert.deepEqual(await readFolder(folder + round), NAMES);
  }
  assert.equal(readdirSync(join(folder, "..")).length, ROUNDS, "nothing is left beside");
}

test("several threads write the same folder at once, and each finds it whole", async (t) => {
  await writtenByMany(t, () => {});
});

test("a damaged folder is no folder, and is replaced", async (t) => {
  const folder = place(t);
  assert.equal(await readFolder(folder), undefined);
  await writeFolder(folder, FILES);
  for (const name of [NAMES[1], "digests.json"]) {
    writeFileSync(join(folder, name), "damaged");
    assert.equal(await readFolder(folder), undefined, name);
    await writeFolder(folder, FILES);
    assert.deepEqual(await readFolder(folder), NAMES, name);
  }
});

test("several threads replace a damaged folder at once", async (t) => {
  await writtenByMany(t, (folder) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, NAMES[1]), "damaged");
  });
});

test("what cannot be written leaves nothing behind", async (t) => {
  const folder = place(t);
  await assert.rejects(writeFolder(folder, [...FILES, ["no/such/folder", ""]]), /ENOENT/);
  assert.deepEqual(readdirSync(join(folder, "..")), []);
});
