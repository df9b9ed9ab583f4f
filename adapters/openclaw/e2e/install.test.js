// The package as a person installs it: packed, installed, used, uninstalled; and on an OpenClaw that it is not for.
// Slow: OpenClaw installs the package's dependencies from the registry.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PLUGIN, State, config, missing, read } from "./openclaw.js";
import { Router } from "./router.js";

const skip = missing || (process.env.HOST_HARNESS ? false : "HOST_HARNESS names no host-harness");

/** Packs the plugin, with a change to its package.json; gives the file. */
function packed(t, change = (json) => json) {
  const folder = mkdtempSync(join(tmpdir(), "packed-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { files } = read(join(PLUGIN, "package.json"));
  for (const name of [...files, "package.json", "README.md"]) cpSync(join(PLUGIN, name), join(folder, "plugin", name), { recursive: true });
  const file = join(folder, "plugin", "package.json");
  writeFileSync(file, JSON.stringify(change(read(file))));
  const npm = join(process.execPath, "../npm");
  const name = execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: join(folder, "plugin"), encoding: "utf8" }).trim();
  assert.ok(npm);
  return join(folder, name.split("\n").at(-1));
}

test("installed, it replaces the bundled provider; uninstalled, that one is back", { skip }, async (t) => {
  const router = await Router.start(t);
  const state = new State(t);
  const installed = await state.run("plugins", "install", `npm-pack:${packed(t)}`, "--force", "--accept-capabilities");
  assert.equal(installed.status, 0, installed.all);

  // As the first run of a person: a key, a default model, no prompt.
  const onboard = await state.run(
    "onboard", "--non-interactive", "--accept-risk", "--mode", "local", "--auth-choice", "huggingface-api-key",
    "--huggingface-api-key", "hf_OnboardedKeyOfTheTest", "--skip-channels", "--skip-skills", "--skip-health", "--no-install-daemon", "--json",
  );
  assert.equal(onboard.status, 0, onboard.all);
  assert.equal(read(state.file).agents.defaults.model.primary, "huggingface/deepseek-ai/DeepSeek-R1");
  const valid = await state.run("config", "validate");
  assert.equal(valid.status, 0, valid.all);

  const settings = read(state.file);
  settings.models = config({ baseUrl: router.baseUrl }).models;
  settings.plugins.allow = ["huggingface"];
  settings.plugins.slots = { memory: "none" };
  writeFileSync(state.file, JSON.stringify(settings));
  const ask = () => state.runWith({ environment: { HF_TOKEN: "" } }, "infer", "model", "run", "--local", "--model", "huggingface/Qwen/Qwen3-8B", "--prompt", "Hello");
  const asked = await ask();
  assert.equal(asked.status, 0, asked.all);
  assert.match(router.of("Qwen/Qwen3-8B").at(-1).headers["user-agent"], /openclaw-huggingface-provider/);
  assert.equal(router.of("Qwen/Qwen3-8B").at(-1).headers.authorization, "Bearer hf_OnboardedKeyOfTheTest");

  const uninstalled = await state.run("plugins", "uninstall", "huggingface", "--force");
  assert.equal(uninstalled.status, 0, uninstalled.all);
  const after = read(state.file);
  after.plugins = { ...after.plugins, allow: ["huggingface"] };
  writeFileSync(state.file, JSON.stringify(after));
  const again = await ask();
  assert.equal(again.status, 0, again.all);
  assert.doesNotMatch(router.of("Qwen/Qwen3-8B").at(-1).headers["user-agent"] ?? "", /openclaw-huggingface-provider/);
});

test("on an OpenClaw outside compat.pluginApi the installation says so and changes nothing", { skip }, async (t) => {
  const state = new State(t);
  const file = packed(t, (json) => ({ ...json, openclaw: { ...json.openclaw, compat: { pluginApi: ">=2099.1.1" } } }));
  const { status, all } = await state.run("plugins", "install", `npm-pack:${file}`, "--force", "--accept-capabilities");
  assert.notEqual(status, 0);
  assert.match(all, /requires plugin API >=2099\.1\.1, but this OpenClaw runtime exposes 2026\.9\.6/);
  const list = await state.run("plugins", "inspect", "huggingface", "--json");
  assert.doesNotMatch(list.stdout, /openclaw-huggingface-component/);
  assert.ok(readFileSync(file).length > 0);
});
