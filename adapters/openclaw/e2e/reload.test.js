// `openclaw plugins reload` in a running gateway: the plugin is loaded anew, with the component that is there now.
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMPONENT } from "../test/support.js";
import { Gateway, State, config, missing } from "./openclaw.js";
import { Router } from "./router.js";

const skip = missing || (process.env.HOST_HARNESS ? false : "HOST_HARNESS names no host-harness");

test("a reload of the plugin takes the new component, without a restart", { skip }, async (t) => {
  const router = await Router.start(t);
  const state = new State(t);
  const component = join(state.folder, "component.wasm");
  copyFileSync(COMPONENT, component);
  state.configure(config({ baseUrl: router.baseUrl, plugin: { component } }));
  const gateway = await Gateway.start(t, state);
  assert.match((await gateway.ask("Before?", { user: "before" })).text, /mock router/);
  const { pid } = gateway.process;
  writeFileSync(component, Buffer.concat([readFileSync(COMPONENT), Buffer.from([0, 3, 1, 0x78, 0x79])]));
  const environment = { OPENCLAW_GATEWAY_PORT: String(gateway.port) };
  const reloaded = await state.runWith({ environment }, "plugins", "reload", "huggingface", "--json");
  assert.equal(reloaded.status, 0, reloaded.all);
  assert.match((await gateway.ask("After?", { user: "after" })).text, /mock router/);
  assert.equal(gateway.process.exitCode, null);
  assert.equal(gateway.process.pid, pid);
});
