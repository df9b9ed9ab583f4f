// From OpenClaw's conversation and options to a chat completion request in OpenAI's form.
//
// That form is what OpenClaw's own payload hooks expect to see and may change before it leaves; `contract.js` reads
// it afterwards. Nothing here knows the contract, a worker or the network.

/**
 * What has to come back unchanged with reasoning or a tool call: its signature and members of the upstream's own. They
 * travel in OpenClaw's one text for it. Reasoning without any has a text too, or OpenClaw leaves it out of later turns.
 */
const KEPT = "huggingface:";

/** @param {{ signature?: string, extras: { key: string, valueJson: string }[] }} part */
export function kept({ signature, extras }) {
  const members = Object.fromEntries(extras.map(({ key, valueJson }) => [key, JSON.parse(valueJson)]));
  return KEPT + JSON.stringify({ signature, ...(extras.length > 0 && { members }) });
}

function unkept(text) {
  if (!text?.startsWith(KEPT)) return { signature: text, members: {} };
  try {
    const { signature, members = {} } = JSON.parse(text.slice(KEPT.length));
    return { signature, members };
  } catch {
    return { members: {} };
  }
}

/** What stands for the result of a tool that returned nothing. */
export const EMPTY_RESULT = "(empty)";

const EFFORTS = { minimal: "minimal", low: "low", medium: "medium", high: "high", xhigh: "xhigh", adaptive: "medium", max: "xhigh", ultra: "xhigh" };

/**
 * @param {object} model OpenClaw's model
 * @param {{ systemPrompt?: string, messages: object[], tools?: object[] }} context
 * @param {Record<string, any>} [options]
 */
export function requestBody(model, context, options = {}) {
  const system = context.systemPrompt ? [{ role: "system", content: context.systemPrompt }] : [];
  const body = {
    model: `huggingface/${model.id}`,
    messages: [...system, ...context.messages.filter(saysAnything).map(message)],
    stream: true,
    tools: context.tools?.length ? context.tools.map(tool) : undefined,
    tool_choice: options.toolChoice,
    response_format: responseFormat(options.responseFormat),
    max_tokens: options.maxTokens,
    temperature: options.temperature,
    top_p: options.topP,
    frequency_penalty: options.frequencyPenalty,
    presence_penalty: options.presencePenalty,
    seed: options.seed,
    stop: options.stop,
    reasoning_effort: reasoningEffort(model, options.reasoning),
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

function reasoningEffort(model, level) {
  if (!model.reasoning || model.compat?.supportsReasoningEffort === false || level === undefined) return undefined;
  if (model.thinkingLevelMap && Object.hasOwn(model.thinkingLevelMap, level)) return model.thinkingLevelMap[level] ?? undefined;
  return EFFORTS[level];
}

/** A JSON Schema, or a response format that holds one. */
function responseFormat(format) {
  if (format === undefined || ["text", "json_object", "json_schema"].includes(format.type)) return format;
  return { type: "json_schema", json_schema: { name: "response", schema: format } };
}

/** A question without any blocks is left out, as OpenClaw's own transport does. */
function saysAnything({ role, content }) {
  return role !== "user" || typeof content === "string" || content.length > 0;
}

function message(entry) {
  if (entry.role === "user") return { role: "user", content: content(entry.content) };
  if (entry.role === "assistant") return assistant(entry);
  if (entry.role === "toolResult") {
    // The tool's name is added by the component where the model wants it.
    const said = content(entry.content);
    // Some models take an empty result for a missing one. An error says so by itself.
    const isBlank = typeof said === "string" && said.trim() === "" && !entry.isError;
    const result = { role: "tool", tool_call_id: entry.toolCallId, content: isBlank ? EMPTY_RESULT : said };
    return entry.isError ? { ...result, is_error: true } : result;
  }
  throw new Error(`unknown role ${JSON.stringify(entry.role)} in the conversation`);
}

function content(parts) {
  if (typeof parts === "string") return parts;
  if (parts.every((part) => part.type === "text")) return parts.map((part) => part.text).join("\n");
  return parts.map((part) =>
    part.type === "image"
      ? { type: "image_url", image_url: { url: `data:${part.mimeType};base64,${part.data}` } }
      : { type: "text", text: part.text },
  );
}

function assistant({ content: parts }) {
  const of = (type) => (typeof parts === "string" ? [] : parts.filter((part) => part.type === type));
  const text = typeof parts === "string" ? parts : of("text").map((part) => part.text).filter((part) => part.trim()).join("\n");
  const reasoning = of("thinking").map(({ thinking, thinkingSignature }) => {
    const { signature, members } = unkept(thinkingSignature);
    return { ...members, text: thinking, ...(signature !== undefined && { signature }) };
  });
  const calls = of("toolCall").map((call) => ({
    ...unkept(call.thoughtSignature).members,
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: JSON.stringify(call.arguments ?? {}) },
  }));
  return {
    role: "assistant",
    content: text || null,
    ...(reasoning.length > 0 && { reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

function tool({ name, description, parameters }) {
  return { type: "function", function: { name, description, parameters } };
}
