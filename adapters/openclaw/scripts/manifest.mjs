// Writes `openclaw.plugin.json`: what is written by hand stays, the list of models is the component's own.
//
//   node scripts/manifest.mjs [--check]
//
// `modelCatalog` is what OpenClaw shows without a key; the component's bundled list is the one source of it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chatModels, modelRow } from "../src/catalog.js";
import { ID, callSettings } from "../src/config.js";
import { readSettings } from "../src/limits.js";
import { acquire } from "../src/runtime.js";

const FILE = new URL("../openclaw.plugin.json", import.meta.url);

/** The models that the component lists without a request, and where it sends requests. */
export async function bundled() {
  const stateDir = mkdtempSync(join(tmpdir(), "manifest-"));
  const settings = readSettings({});
  const quiet = { info() {}, warn: console.error, error: console.error };
  const { runtime } = acquire(settings, { stateDir, logger: quiet });
  try {
    const job = { call: "list", discovery: "off", settings: callSettings({}, settings, { baseUrl: undefined, hasCredential: false }) };
    const { models } = await runtime.call(job, { baseUrl: "https://invalid.example" });
    // No `baseUrl`: with one, OpenClaw lists only for exactly that address, and a configured one would show nothing.
    return { api: "openai-completions", models: chatModels(models).map(modelRow) };
  } finally {
    await runtime.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const before = readFileSync(FILE, "utf8");
  const manifest = JSON.parse(before);
  manifest.modelCatalog.providers[ID] = await bundled();
  const after = `${JSON.stringify(manifest, null, 2)}\n`;
  if (process.argv.includes("--check") && after !== before) {
    console.error("openclaw.plugin.json is not what the component lists: run node scripts/manifest.mjs");
    process.exit(1);
  }
  if (after !== before) writeFileSync(FILE, after);
  process.exit(0);
}
