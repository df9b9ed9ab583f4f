// The other way round, without the plugin: the project's own server as a custom provider of OpenClaw.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { State, TOKEN, freePort, missing, read } from "./openclaw.js";
import { Router } from "./router.js";

const { HOST_HARNESS, COMPONENT } = process.env;
const skip = missing || (HOST_HARNESS ? false : "HOST_HARNESS names no host-harness");
const ACCESS_KEY = "access-key-of-the-test";

test("serve is a custom provider: onboarded without a prompt, it answers", { skip }, async (t) => {
  const router = await Router.start(t);
  const state = new State(t);
  const port = await freePort();
  const home = join(state.folder, "serve");
  mkdirSync(home);
  const argv = ["--plugin", COMPONENT, "--base-url", router.baseUrl, "serve", "--listen", String(port), "--access-key-env", "SERVE_KEY"];
  const environment = { PATH: process.env.PATH, HOME: home, OPENCLAW_STATE_DIR: home, HF_TOKEN: TOKEN, SERVE_KEY: ACCESS_KEY };
  const server = spawn(HOST_HARNESS, argv, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (bytes) => (output += bytes));
  t.after(() => server.kill());
  const url = `http://127.0.0.1:${port}/v1`;
  for (let turn = 0; turn < 300; turn += 1) {
    if (await fetch(`http://127.0.0.1:${port}/healthz`).then(({ ok }) => ok, () => false)) break;
    assert.equal(server.exitCode, null, output);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  const onboard = await state.run(
    "onboard", "--non-interactive", "--accept-risk", "--mode", "local", "--auth-choice", "custom-api-key",
    "--custom-base-url", url, "--custom-api-key", ACCESS_KEY, "--custom-model-id", "Qwen/Qwen3-8B", "--custom-provider-id", "served",
    "--custom-compatibility", "openai", "--skip-channels", "--skip-skills", "--skip-health", "--no-install-daemon", "--json",
  );
  assert.equal(onboard.status, 0, onboard.all);
  const settings = read(state.file);
  settings.plugins = { ...settings.plugins, allow: ["huggingface"], slots: { memory: "none" } };
  writeFileSync(state.file, JSON.stringify(settings));
  const { status, all } = await state.run("infer", "model", "run", "--local", "--model", "served/Qwen/Qwen3-8B", "--prompt", "Hello");
  assert.equal(status, 0, `${all}\n${output}`);
  assert.match(all, /mock router/);
  assert.equal(router.of("Qwen/Qwen3-8B").at(-1).headers.authorization, `Bearer ${TOKEN}`);
  assert.ok(!readFileSync(state.file, "utf8").includes(TOKEN));
});
