// The contract of the component: its version, the names of its interfaces, and the shapes that cross it, as the
// transpiled JavaScript wants them (camel case, `{ tag, val }`). The only file that knows the version.
//
// It must not know OpenClaw: its input is a chat completion request in OpenAI's format, and plain settings.

/** The version that this adapter speaks; what is added within it changes nothing that is here. */
export const VERSION = "0.2";
const PACKAGE = "openclaw:model-provider";

/** What a component may import. One that wants more is refused. */
export const IMPORTS = [
  `${PACKAGE}/types`,
  `${PACKAGE}/settings`,
  "wasi:clocks/monotonic-clock",
  "wasi:http/outgoing-handler",
  "wasi:http/types",
  "wasi:io/error",
  "wasi:io/poll",
  "wasi:io/streams",
];

/** Says what is wrong with what a component imports and exports; `undefined` if it fits. */
export function mismatch(imports, exports) {
  const plain = (name) => name.replace(/@.*$/, "");
  const unlisted = imports.filter((name) => !IMPORTS.includes(plain(name)));
  if (unlisted.length > 0) return `it imports ${unlisted.join(", ")}; allowed are ${IMPORTS.join(", ")}`;
  const provider = exports.find((name) => plain(name) === `${PACKAGE}/provider`);
  if (!provider) return `it does not export ${PACKAGE}/provider`;
  const version = provider.split("@")[1] ?? "";
  if (version !== VERSION && !version.startsWith(`${VERSION}.`)) {
    return `it speaks ${PACKAGE}@${version}; this adapter speaks ${VERSION}.x`;
  }
  return undefined;
}

/** A request that does not fit the contract. */
export class RequestError extends Error {
  name = "RequestError";
  payload = { kind: "invalid-request", retryable: false, requestSent: false, attempts: 0, suggestions: [], extras: [] };

  constructor(message, kind = "invalid-request") {
    super(message);
    this.payload = { ...this.payload, kind, message };
  }
}

const extras = (object) =>
  Object.entries(object)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key, valueJson: JSON.stringify(value) }));

/**
 * The `settings` interface over the settings of the call under way.
 * @param {() => Settings} current
 */
export function settingsImport(current) {
  const alias = (text) => text.trim().toLowerCase().replace(/\s+/g, " ");
  const configured = () => current().models.map(configuredModel);
  return {
    [`${PACKAGE}/settings`]: {
      get: () => snapshot(current()),
      listConfigured: configured,
      findConfigured: (id) => configured().find((model) => model.id === id),
      listAliases: () => current().aliases,
      findAlias: (text) => current().aliases.filter((entry) => alias(entry.alias) === alias(text)),
      findAliasesOf: (reference) => current().aliases.filter((entry) => alias(entry.reference) === alias(reference)),
      findListed: () => undefined,
      listedIds: () => current().listedIds,
    },
  };
}

/**
 * @typedef {object} Settings
 * @property {string} baseUrl
 * @property {boolean} hasCredential
 * @property {object} times milliseconds: `connect`, `firstByte`, `idle`, `list`
 * @property {object} own the component's own settings
 * @property {object[]} models the models of the configuration, in OpenClaw's form
 * @property {{ alias: string, reference: string }[]} aliases
 * @property {string[]} listedIds
 */

function snapshot({ baseUrl, hasCredential, times, own }) {
  return {
    baseUrl,
    credential: hasCredential ? "attached-by-host" : "missing",
    connectTimeoutMs: times.connect,
    firstByteTimeoutMs: times.firstByte,
    idleTimeoutMs: times.idle,
    listTimeoutMs: times.list,
    // The host of this adapter retries and fails over itself; two that retry multiply.
    maxRetries: 0,
    extras: extras(own),
  };
}

function configuredModel(model) {
  const { id, name, reasoning, input, contextWindow, maxTokens, cost, ...rest } = model;
  const price = (value) => (Number.isFinite(value) ? decimal(value) : undefined);
  const priced = price(cost?.input) !== undefined && price(cost?.output) !== undefined;
  return {
    id,
    displayName: name,
    reasoning,
    input: input ?? [],
    contextWindow,
    maxOutputTokens: maxTokens,
    price: priced ? { input: price(cost.input), output: price(cost.output), cachedInput: price(cost.cacheRead) } : undefined,
    extras: rest.compat ? extras({ compat: rest.compat }) : [],
  };
}

/** Decimal text, never with an exponent. */
function decimal(value) {
  return value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 12 });
}

/** The fields of a request that the contract has; every other key goes through as an extra. */
const FIELDS = {
  reasoning_effort: "reasoningEffort",
  temperature: "temperature",
  top_p: "topP",
  frequency_penalty: "frequencyPenalty",
  presence_penalty: "presencePenalty",
};
/** Written by the component itself. */
const OWN = ["stream", "stream_options", "n"];

/**
 * A `chat-request` of a body in OpenAI's form.
 * @param {Record<string, any>} body
 */
export function chatRequest(body) {
  const { model, messages, tools, tool_choice, response_format, max_tokens, max_completion_tokens, seed, stop, ...rest } = body;
  const request = {
    model,
    messages: messages.flatMap(message),
    tools: (tools ?? []).map(tool),
    toolChoice: toolChoice(tool_choice),
    responseFormat: responseFormat(response_format),
    maxOutputTokens: max_tokens ?? max_completion_tokens ?? undefined,
    seed: seed === undefined || seed === null ? undefined : BigInt(seed),
    stop: typeof stop === "string" ? [stop] : (stop ?? []),
  };
  for (const [key, field] of Object.entries(FIELDS)) {
    request[field] = rest[key] ?? undefined;
    delete rest[key];
  }
  for (const key of OWN) delete rest[key];
  return { ...request, extras: extras(rest) };
}

/** One message; members that the contract has no field for go along as extras. */
function message({ role, content, ...rest }) {
  if (role === "system" || role === "developer") return [{ tag: "system", val: { content: parts(content), extras: extras(rest) } }];
  if (role === "user") return [{ tag: "user", val: { content: parts(content), extras: extras(rest) } }];
  if (role === "assistant") return [{ tag: "assistant", val: assistant(content, rest) }];
  if (role === "tool") {
    const { tool_call_id: callId, is_error: isError, ...other } = rest;
    return [{ tag: "tool", val: { callId, content: parts(content), isError: isError === true, extras: extras(other) } }];
  }
  throw new RequestError(`unknown role ${JSON.stringify(role)}: expected system, user, assistant or tool`);
}

function assistant(content, { reasoning, tool_calls: calls, ...rest }) {
  const said = typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
  return {
    content: [
      ...(reasoning ?? []).map(({ text, signature, ...other }) => ({ tag: "reasoning", val: { text, signature, extras: extras(other) } })),
      ...said.filter(({ text }) => text).map(({ text }) => ({ tag: "text", val: text })),
      ...(calls ?? []).map(toolCall),
    ],
    extras: extras(rest),
  };
}

function toolCall({ id, type, function: { name, arguments: argumentsJson, ...inner }, ...rest }) {
  return { tag: "tool-call", val: { id, name, argumentsJson, extras: extras({ ...inner, ...rest }) } };
}

function parts(content) {
  if (typeof content === "string") return [{ tag: "text", val: content }];
  return (content ?? []).map((part) => {
    if (part.type === "text" && Object.keys(part).length === 2) return { tag: "text", val: part.text };
    if (part.type === "image_url") return { tag: "media", val: image(part) };
    return { tag: "other", val: { key: part.type, valueJson: JSON.stringify(part) } };
  });
}

function image({ image_url: { url, ...inner } }) {
  const data = /^data:([^;,]+);base64,(.*)$/s.exec(url);
  if (!data) return { mimeType: "image/*", source: { tag: "url", val: url }, extras: extras(inner) };
  return { mimeType: data[1], source: { tag: "data", val: new Uint8Array(Buffer.from(data[2], "base64")) }, extras: extras(inner) };
}

function tool({ type, function: called, ...rest }) {
  if (type !== "function") return { tag: "other", val: { key: type, valueJson: JSON.stringify({ type, ...rest }) } };
  const { name, description, parameters, strict, ...inner } = called;
  const parametersJson = JSON.stringify(parameters ?? { type: "object" });
  return { tag: "function", val: { name, description, parametersJson, strict: strict ?? undefined, extras: extras({ ...inner, ...rest }) } };
}

function toolChoice(choice) {
  if (choice === undefined || choice === null) return undefined;
  if (choice.type === "function") return { tag: "named", val: choice.function.name };
  if (typeof choice === "object") return { tag: "other", val: { key: choice.type, valueJson: JSON.stringify(choice) } };
  if (["auto", "none", "required"].includes(choice)) return { tag: choice };
  throw new RequestError(`unknown tool choice ${JSON.stringify(choice)}: expected auto, none, required or a function`);
}

function responseFormat(format) {
  if (format === undefined || format === null) return undefined;
  if (format.type === "text") return { tag: "text" };
  if (format.type === "json_object") return { tag: "json-object" };
  if (format.type !== "json_schema") return { tag: "other", val: { key: format.type, valueJson: JSON.stringify(format) } };
  const { name, description, schema, strict, ...rest } = format.json_schema;
  return {
    tag: "json-schema",
    val: { name, description, schemaJson: JSON.stringify(schema), strict: strict ?? undefined, extras: extras(rest) },
  };
}

/** The endpoints that the component requests: methods and paths below the base URL. */
export function endpointsOf(info) {
  return info.endpoints.map(({ method, path }) => ({ method, path }));
}
