// The provider as OpenClaw sees it: its hooks, and the component call of each.
//
// The functions of OpenClaw's SDK are passed in, so that all of it is tested without OpenClaw.
import { Answer } from "./answer.js";
import { chatModels, dynamicRow, modelRow, plainRow, withoutSuffix } from "./catalog.js";
import { ID, ConfigError, baseUrlOf, callSettings, headersOf, providerConfig, refuseUnsupported } from "./config.js";
import { classifyFailoverReason, errorMessage, matchesContextOverflowError } from "./errors.js";
import { requestBody } from "./request.js";

const API = "openai-completions";
const RESOLVE_MS = 20_000;

/**
 * What OpenClaw does to a conversation before each turn: as for any OpenAI-compatible service, but for reasoning. Which
 * reasoning goes back is the component's decision, since some backends refuse tool turns without it.
 */
const REPLAY = {
  dropReasoningFromHistory: false,
  sanitizeToolCallIds: true,
  toolCallIdMode: "strict",
  applyAssistantFirstOrderingFix: true,
  validateGeminiTurns: true,
  validateAnthropicTurns: true,
};

/** The contract's error of anything that was thrown. */
function payloadOf(error) {
  if (error?.payload) return error.payload;
  const kind = error instanceof ConfigError ? "denied" : "internal";
  return { kind, message: String(error?.message ?? error) };
}

/**
 * @param {{ runtime: object, settings: object, manifest: object, sdk: object, auth: object[], log: object }} parts
 */
export function provider({ runtime, settings, manifest, sdk, auth, log }) {
  const bundled = manifest.modelCatalog.providers[ID];
  /** @type {Map<string, object>} */
  const resolved = new Map();
  const suggestions = new Map();
  const baseUrlFor = (config, model) => baseUrlOf([model?.baseUrl, providerConfig(config).baseUrl, settings.baseUrl]);

  async function liveProvider(config, apiKey, signal) {
    const baseUrl = baseUrlFor(config);
    refuseUnsupported(config, baseUrl);
    const job = { call: "list", discovery: apiKey ? settings.discovery : "off", settings: callSettings(config, settings, { baseUrl, hasCredential: apiKey !== undefined }) };
    const catalog = await runtime.call(job, { baseUrl, apiKey, headers: headersOf(config), signal, wallMs: settings.times.list + RESOLVE_MS });
    const why = catalog.warnings.find(({ code }) => code === "catalog-not-live");
    if (job.discovery !== "off" && catalog.source !== "live") {
      const status = Number(/\b(401|403)\b/.exec(why?.message ?? "")?.[1]);
      log.warn(`model list not live: ${why?.message ?? catalog.source}`);
      throw status ? new sdk.LiveModelCatalogHttpError(ID, status) : new Error(why?.message ?? "the list is not live");
    }
    const configured = new Set((providerConfig(config).models ?? []).map(({ id }) => id));
    const models = chatModels(catalog.models).filter(({ id }) => !configured.has(id)).map(modelRow);
    return { baseUrl, api: API, models };
  }

  async function catalog(ctx) {
    if (ctx.providerIds && !ctx.providerIds.includes(ID)) return null;
    if (settings.discovery === "off" || settings.discovery === "configured-only") return null;
    const { apiKey, discoveryApiKey, profileId } = ctx.resolveProviderApiKey(ID);
    if (!apiKey) return null;
    // `apiKey` may be a marker: it goes back as it came, and only `discoveryApiKey` is ever sent.
    const run = async () => ({ provider: { ...(await liveProvider(ctx.config, discoveryApiKey, ctx.signal)), apiKey } });
    return discoveryApiKey ? sdk.runLiveProviderCatalog({ providerId: ID, profileId, run }) : run();
  }

  const found = (ctx, id) => ctx.modelRegistry?.find?.(ID, id) ?? bundled.models.find((model) => model.id === id);
  const runtimeModel = (ctx, row) => ({ ...row, api: API, provider: ID, baseUrl: baseUrlFor(ctx.config, undefined) });

  async function prepareDynamicModel(ctx) {
    const baseUrl = baseUrlFor(ctx.config);
    const job = { call: "resolve", reference: `${ID}/${ctx.modelId}`, settings: callSettings(ctx.config, settings, { baseUrl, hasCredential: false }) };
    try {
      const reference = await runtime.call(job, { baseUrl, wallMs: RESOLVE_MS });
      for (const { message } of reference.warnings) log.warn(`${ctx.modelId}: ${message}`);
      const model = runtimeModel(ctx, dynamicRow(ctx.modelId, reference, found(ctx, reference.model)));
      resolved.set(ctx.modelId, model);
      return model;
    } catch (error) {
      const { kind, message, suggestions: meant } = payloadOf(error);
      if (kind !== "invalid-reference" && kind !== "model-unavailable") return log.warn(`${ctx.modelId} not resolved: ${message}`);
      suggestions.set(ctx.modelId, [message, meant?.length ? `Did you mean ${meant.join(", ")}?` : ""].join(" ").trim());
      resolved.set(ctx.modelId, null);
      return undefined;
    }
  }

  function resolveDynamicModel(ctx) {
    if (resolved.has(ctx.modelId)) return resolved.get(ctx.modelId) ?? undefined;
    // Not resolved by the component yet, and this hook must not wait for it: the form of the name decides.
    if (!/^[\w.-]+\/[\w.-]+(:[\w-]+)?$/.test(ctx.modelId)) return undefined;
    const base = found(ctx, withoutSuffix(ctx.modelId)) ?? plainRow(withoutSuffix(ctx.modelId));
    return runtimeModel(ctx, { ...base, id: ctx.modelId });
  }

  async function chat(config, stream, model, context, options = {}) {
    const answer = new Answer(model, (event) => stream.push(event), sdk);
    const fail = (payload) => {
      const aborted = options.signal?.aborted === true;
      // OpenClaw shows the user a sentence of its own; the failure of the component or this host is in the log.
      if (!aborted && (payload.kind === "internal" || payload.code?.startsWith("max-"))) log.warn(`call of ${model.id} ended: ${payload.message}`);
      answer.fail(aborted ? "Hugging Face: the request was aborted" : errorMessage(payload), `${ID}:${payload.kind}`, aborted);
      stream.end();
    };
    try {
      const baseUrl = baseUrlFor(config, model);
      refuseUnsupported(config, baseUrl);
      const provided = await sdk.resolveProviderContext(context, options);
      const body = requestBody(model, provided, options);
      const sent = (await options.onPayload?.(body, model)) ?? body;
      const headers = headersOf(config, model, options);
      const summary = await runtime.call(
        { call: "chat", body: sent, settings: callSettings(config, settings, { baseUrl, hasCredential: Boolean(options.apiKey), model }) },
        {
          baseUrl,
          apiKey: options.apiKey,
          headers,
          signal: options.signal,
          wallMs: options.timeoutMs ?? model.requestTimeoutMs,
          onEvents: (events) => answer.take(events),
        },
      );
      const error = answer.finish(summary);
      if (error) fail(error);
      else stream.end();
    } catch (error) {
      fail(payloadOf(error));
    }
  }

  return {
    id: ID,
    label: "Hugging Face",
    docsPath: "/providers/huggingface",
    envVars: manifest.setup.providers[0].envVars,
    auth,
    catalog: { order: "simple", run: catalog },
    staticCatalog: { order: "simple", run: async () => ({ provider: { ...bundled, baseUrl: baseUrlFor(), models: [...bundled.models] } }) },
    prepareDynamicModel,
    resolveDynamicModel,
    buildUnknownModelHint: ({ modelId }) => suggestions.get(modelId),
    createStreamFn(ctx) {
      // The token is not here: it comes with each call.
      runtime.warm();
      return (model, context, options) => {
        const stream = sdk.createAssistantMessageEventStream();
        void chat(ctx.config, stream, model, context, options);
        return stream;
      };
    },
    buildReplayPolicy: () => REPLAY,
    classifyFailoverReason,
    matchesContextOverflowError,
  };
}
