// Models: from the contract's list, and from a resolved reference, to OpenClaw's model rows.

/** What OpenClaw takes for a model that nothing is known of. */
const UNKNOWN = { contextWindow: 131_072, maxTokens: 8192 };
const INPUTS = ["text", "image"];

function cost(price) {
  const number = (text) => (text === undefined ? 0 : Number(text));
  return {
    input: number(price?.input),
    output: number(price?.output),
    cacheRead: number(price?.cachedInput ?? price?.input),
    cacheWrite: number(price?.input),
  };
}

/** One model of the contract as a row of OpenClaw's catalog. */
export function modelRow(model) {
  const input = model.input.filter((word) => INPUTS.includes(word));
  const contextWindow = model.contextWindow ?? UNKNOWN.contextWindow;
  return {
    id: model.id,
    name: model.displayName,
    reasoning: model.reasoning ?? false,
    input: input.length > 0 ? input : ["text"],
    cost: cost(model.price),
    contextWindow,
    maxTokens: Math.min(model.maxOutputTokens ?? UNKNOWN.maxTokens, contextWindow),
    ...(model.supportsTools === false && { compat: { supportsTools: false } }),
  };
}

/** Models that write text; a list also names those that make pictures or vectors. */
export function chatModels(models) {
  return models.filter(({ output }) => output.length === 0 || output.includes("text"));
}

/** The row of a reference with a suffix: that of its model, or of the backend's route where one is named. */
export function dynamicRow(modelId, resolved, base) {
  const known = base ?? (resolved.metadata && modelRow(resolved.metadata)) ?? plainRow(resolved.model);
  const label = resolved.routing.tag === "default" ? "" : ` (${resolved.routing.val})`;
  return { ...known, id: modelId, name: resolved.alias ?? `${base?.name ?? resolved.displayName}${base ? label : ""}` };
}

/** A row of which only the name is known. */
export function plainRow(id) {
  return { id, name: id, reasoning: false, input: ["text"], cost: cost(), ...UNKNOWN };
}

/** The model's name without a suffix, by its form alone. */
export function withoutSuffix(modelId) {
  return modelId.replace(/:[^:/]*$/, "");
}
