// The entry that OpenClaw loads: registers the provider, with the component behind it.
import { readFileSync } from "node:fs";
import { definePluginEntry } from "openclaw/plugin-sdk/plugin-entry";
import {
  calculateCost,
  createAssistantMessageEventStream,
  createToolArgumentPreviewSchedule,
  parseStreamingJson,
  resolveProviderContext,
} from "openclaw/plugin-sdk/llm";
import { createProviderApiKeyAuthMethod } from "openclaw/plugin-sdk/provider-auth";
import { LiveModelCatalogHttpError, runLiveProviderCatalog } from "openclaw/plugin-sdk/provider-catalog-live-runtime";
import { ID } from "./src/config.js";
import { readSettings } from "./src/limits.js";
import { provider } from "./src/provider.js";
import { acquire } from "./src/runtime.js";

const manifest = JSON.parse(readFileSync(new URL("./openclaw.plugin.json", import.meta.url), "utf8"));
const DEFAULT_MODEL = `${ID}/deepseek-ai/DeepSeek-R1`;

const sdk = {
  calculateCost,
  createAssistantMessageEventStream,
  createToolArgumentPreviewSchedule,
  parseStreamingJson,
  resolveProviderContext,
  LiveModelCatalogHttpError,
  runLiveProviderCatalog,
};

function apiKeyAuth() {
  const [choice] = manifest.providerAuthChoices;
  return createProviderApiKeyAuthMethod({
    providerId: ID,
    methodId: choice.method,
    label: choice.choiceLabel,
    hint: choice.choiceHint,
    optionKey: choice.optionKey,
    flagName: choice.cliFlag,
    envVar: manifest.setup.providers[0].envVars[0],
    promptMessage: "Hugging Face API key (HF token)",
    defaultModel: DEFAULT_MODEL,
    expectedProviders: [ID],
    wizard: {
      choiceId: choice.choiceId,
      choiceLabel: choice.choiceLabel,
      choiceHint: choice.choiceHint,
      groupId: choice.groupId,
      groupLabel: choice.groupLabel,
      groupHint: choice.groupHint,
      methodId: choice.method,
    },
  });
}

export default definePluginEntry({
  id: ID,
  name: "Hugging Face Inference (WebAssembly)",
  description: "Hugging Face Inference Providers through a sandboxed WebAssembly component",
  register(api) {
    const settings = readSettings(api.pluginConfig);
    if (settings.unused.length > 0) api.logger.warn(`settings not used inside OpenClaw: ${settings.unused.join(", ")}`);
    const stateDir = api.runtime?.state?.resolveStateDir?.(process.env);
    const { runtime, release } = acquire(settings, { stateDir, logger: api.logger });
    api.registerProvider(provider({ runtime, settings, manifest, sdk, auth: [apiKeyAuth()], log: api.logger }));
    // A registration for a run or the gateway comes well before the first call: the worker starts meanwhile.
    if (["full", "discovery"].includes(api.registrationMode)) runtime.warm();
    api.lifecycle?.registerRuntimeLifecycle?.({
      id: "huggingface-component",
      description: "Workers and file watcher of the component",
      dispose: release,
      cleanup: ({ reason }) => (reason === "disable" || reason === "restart" ? release() : undefined),
    });
  },
});
