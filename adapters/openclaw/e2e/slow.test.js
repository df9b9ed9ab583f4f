// OpenClaw's own retries, which take minutes: a 429 makes one request upstream for each attempt of OpenClaw.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gateway, State, config, missing } from "./openclaw.js";
import { Router } from "./router.js";

const skip = missing || (process.env.HOST_HARNESS ? false : "HOST_HARNESS names no host-harness");

test("a rate limit makes one request for each of OpenClaw's attempts, then its fallback", { skip }, async (t) => {
  const router = await Router.start(t);
  const settings = config({ baseUrl: router.baseUrl });
  settings.agents.defaults.model = { primary: "huggingface/scenario-429/x", fallbacks: ["huggingface/Qwen/Qwen3-8B"] };
  const state = new State(t, settings);
  const gateway = await Gateway.start(t, state);
  const { status, text } = await gateway.ask("Too fast?", { user: "rate" });
  assert.equal(status, 200, text);
  assert.match(text, /mock router/);
  const times = router.of("scenario-429/x").length;
  // OpenClaw's budget is 10 retries; three requests for each would be more than 30.
  assert.ok(times >= 1 && times <= 11, `${times} requests`);
  console.log(`${times} requests for a standing 429`);
});
