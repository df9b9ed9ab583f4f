// What OpenClaw's configuration says of this provider: where requests go, what is added to them, and what this plugin
// cannot honour, which is an error and never left out in silence.

export const ID = "huggingface";
const DEFAULT_BASE_URL = "https://router.huggingface.co/v1";

/** A configuration that cannot be honoured. */
export class ConfigError extends Error {
  name = "ConfigError";
}

const isLoopback = (hostname) => /^(localhost|127(\.\d+){3}|\[::1\])$/i.test(hostname);

export function providerConfig(config) {
  const providers = config?.models?.providers ?? {};
  const name = Object.keys(providers).find((key) => key.trim().toLowerCase() === ID);
  return name === undefined ? {} : (providers[name] ?? {});
}

/** Where requests of a model go; checked, because a credential goes there too. */
export function baseUrlOf(candidates) {
  const text = candidates.find((candidate) => typeof candidate === "string" && candidate.trim() !== "") ?? DEFAULT_BASE_URL;
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    throw new ConfigError("invalid baseUrl: expected an http or https URL");
  }
  if (!["http:", "https:"].includes(url.protocol)) throw new ConfigError(`invalid baseUrl: expected http or https, found ${url.protocol}`);
  if (url.username || url.password) throw new ConfigError("invalid baseUrl: expected no user name and no password in it");
  if (url.search || url.hash) throw new ConfigError("invalid baseUrl: expected no query and no fragment in it");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new ConfigError("invalid baseUrl: the API key is sent over https or to this machine only, expected an https URL");
  }
  return url.href.replace(/\/+$/, "");
}

/** Throws if something is configured that this plugin's own transport would leave out. */
export function refuseUnsupported(config, baseUrl) {
  const provider = providerConfig(config);
  const unsupported = [];
  const { headers, auth, allowPrivateNetwork, ...request } = provider.request ?? {};
  if (auth && auth.mode !== "provider-default") unsupported.push("request.auth");
  for (const key of Object.keys(request)) if (request[key] !== undefined) unsupported.push(`request.${key}`);
  if (Object.values(headers ?? {}).some((value) => typeof value !== "string")) unsupported.push("request.headers with a SecretRef");
  if (provider.localService) unsupported.push("localService");
  if (provider.authHeader === false) unsupported.push("authHeader: false");
  if (unsupported.length > 0) {
    throw new ConfigError(`models.providers.${ID} sets ${unsupported.join(", ")}, which this plugin does not support; remove it, or uninstall the plugin to use OpenClaw's own transport`);
  }
  const managed = config?.proxy?.enabled === false ? undefined : (config?.proxy?.proxyUrl ?? process.env.OPENCLAW_PROXY_URL);
  const direct = isLoopback(new URL(baseUrl).hostname) && (config?.proxy?.loopbackMode ?? "gateway-only") === "gateway-only";
  if (managed && !direct) {
    throw new ConfigError("proxy.proxyUrl (or OPENCLAW_PROXY_URL) is set, which this plugin does not support; use HTTPS_PROXY instead, or uninstall the plugin");
  }
}

/** Headers of the operator: of the model, of the call, and of `request.headers`, which win. */
export function headersOf(config, model, options) {
  return { ...model?.headers, ...options?.headers, ...providerConfig(config).request?.headers };
}

/** The aliases of this provider's references. */
export function aliasesOf(config) {
  return Object.entries(config?.agents?.defaults?.models ?? {})
    .filter(([reference, entry]) => reference.trim().toLowerCase().startsWith(`${ID}/`) && entry?.alias)
    .map(([reference, { alias }]) => ({ alias, reference }));
}

/** The settings of one call, in the form of `contract.js`; `model` is the model of the call, if it has one. */
export function callSettings(config, settings, { baseUrl, hasCredential, model }) {
  const models = (providerConfig(config).models ?? []).map(configuredModel);
  // What OpenClaw knows of compatibility beside the configuration: from a list, or from its own tables.
  if (model?.compat && !models.some(({ id, compat }) => id === model.id && compat)) models.unshift(configuredModel(model));
  return { baseUrl, hasCredential, times: settings.times, own: settings.own, models, aliases: aliasesOf(config), listedIds: [] };
}

function configuredModel({ id, name, reasoning, input, contextWindow, maxTokens, cost, compat }) {
  return { id, name, reasoning, input, contextWindow, maxTokens, cost, compat };
}
