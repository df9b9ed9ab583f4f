// A folder of the cache: the files that were made of one component, with their digests. It is written whole or not at
// all, by several threads and processes at once.
//
// It knows nothing of components.
import { createHash } from "node:crypto";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { threadId } from "node:worker_threads";

const DIGESTS = "digests.json";
/** How often a damaged folder is replaced before that is given up. */
const TRIES = 5;

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The names of a folder's files, if all of it is as it was written. */
export async function readFolder(folder) {
  try {
    const digests = JSON.parse(await readFile(join(folder, DIGESTS), "utf8"));
    for (const [name, digest] of Object.entries(digests)) {
      if (sha256(await readFile(join(folder, name))) !== digest) return undefined;
    }
    return Object.keys(digests);
  } catch {
    return undefined;
  }
}

/** Writes beside the place and renames. Who comes second finds the folder whole, and leaves it: its name says what is in it. */
export async function writeFolder(folder, files) {
  const beside = `${folder}.${process.pid}.${threadId}.${Date.now()}`;
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(beside, { mode: 0o700 });
    const digests = {};
    for (const [name, bytes] of files) {
      writeFileSync(join(beside, name), bytes, { mode: 0o600 });
      digests[name] = sha256(bytes);
    }
    // Last, so that a folder without it is never taken.
    writeFileSync(join(beside, DIGESTS), JSON.stringify(digests), { mode: 0o600 });
    await place(beside, folder);
  } finally {
    // A full disk is not filled further.
    rmSync(beside, { recursive: true, force: true });
  }
}

async function place(beside, folder) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return renameSync(beside, folder);
    } catch (error) {
      if (await readFolder(folder)) return undefined;
      if (attempt === TRIES) throw error;
      removeDamaged(folder, `${beside}.damaged`);
    }
  }
}

/** Moved away first, so that no half-removed folder stands in the way. If another has just repaired it, ours follows at once. */
function removeDamaged(folder, aside) {
  try {
    renameSync(folder, aside);
  } catch {
    // Another has moved it.
  }
  rmSync(aside, { recursive: true, force: true });
}
