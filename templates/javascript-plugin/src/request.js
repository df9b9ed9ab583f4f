// Chat request as the JSON of OpenAI's chat completions. A part that cannot be sent is an error, never left out in silence.

import { Failed, before, invalid, unsupported } from './errors.js';

// Members that only the plugin sets.
const RESERVED = ['model', 'messages', 'stream', 'stream_options', 'n'];
const MODALITIES = ['image', 'audio', 'video'];

// JSON as the text it is: a number in it may have more digits than one here.
class Raw {
  constructor(text) {
    this.text = text;
  }
}

// The body to send.
export function body(request, model) {
  if (request.messages.length === 0) throw invalid('there is no message');
  accepted(request, model);
  const members = {
    model: model.wireId,
    messages: request.messages.map(message),
    stream: true,
    stream_options: { include_usage: true },
    tools: request.tools.length ? request.tools.map(tool) : undefined,
    tool_choice: request.toolChoice && toolChoice(request.toolChoice),
    response_format: request.responseFormat && responseFormat(request.responseFormat),
    reasoning_effort: request.reasoningEffort,
    max_completion_tokens: request.maxOutputTokens,
    seed: request.seed,
    stop: request.stop.length ? request.stop : undefined,
    temperature: finite('temperature', request.temperature),
    top_p: finite('top_p', request.topP),
    frequency_penalty: finite('frequency_penalty', request.frequencyPenalty),
    presence_penalty: finite('presence_penalty', request.presencePenalty),
  };
  for (const { key } of request.extras) {
    if (RESERVED.includes(key)) throw invalid(`\`${key}\` is written by the plugin`);
  }
  return new TextEncoder().encode(write(withExtras(members, request.extras)));
}

function finite(name, number) {
  if (number !== undefined && !Number.isFinite(number)) throw invalid(`\`${name}\` is not a finite number`);
  return number;
}

// A value as JSON, raw parts and 64-bit integers included.
function write(value) {
  if (value instanceof Raw) return value.text;
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${write(member)}`).join(',')}}`;
}

// Refuses a modality that the model is known not to support.
function accepted(request, model) {
  const known = model.metadata?.input ?? [];
  if (known.length === 0) return;
  for (const { val } of request.messages) {
    for (const part of val.content) {
      if (part.tag !== 'media') continue;
      const kind = part.val.mimeType.split('/')[0];
      const modality = MODALITIES.includes(kind) ? kind : 'file';
      if (!known.includes(modality)) {
        const text = `\`${model.canonical}\` accepts no input of the modality \`${modality}\``;
        throw new Failed(before('unsupported', text));
      }
    }
  }
}

function parsed({ key, valueJson }) {
  return json(key, valueJson);
}

function json(what, text) {
  try {
    JSON.parse(text);
  } catch {
    throw invalid(`\`${what}\` is not JSON`);
  }
  return new Raw(text);
}

function withExtras(members, extras) {
  for (const extra of extras) {
    if (Object.hasOwn(members, extra.key) && members[extra.key] !== undefined) throw invalid(`\`${extra.key}\` is written by a field already`);
    // A name such as `__proto__` is a name like any other.
    Object.defineProperty(members, extra.key, { value: parsed(extra), enumerable: true, configurable: true });
  }
  return members;
}

function message({ tag, val }) {
  if (tag === 'assistant') return withExtras(spoken(val.content), val.extras);
  if (tag !== 'tool') return withExtras({ role: tag, content: content(val.content) }, val.extras);
  // This API has no field for a failed tool; the model reads it in the text.
  let result = content(val.content);
  if (val.isError) {
    result = typeof result === 'string' ? `Error: ${result}` : [{ type: 'text', text: 'Error:' }, ...result];
  }
  return withExtras({ role: 'tool', tool_call_id: val.callId, content: result }, val.extras);
}

// Parts that are only text become one string, which every server accepts.
function content(parts) {
  return parts.length === 1 && parts[0].tag === 'text' ? parts[0].val : parts.map(part);
}

function part({ tag, val }) {
  if (tag === 'text') return { type: 'text', text: val };
  return tag === 'media' ? picture(val) : parsed(val);
}

function picture({ mimeType, source, extras }) {
  if (!mimeType.startsWith('image/')) throw unsupported(mimeType);
  const url = source.tag === 'url' ? source.val : `data:${mimeType};base64,${base64(source.val)}`;
  const image = withExtras({ url }, extras.filter(({ key }) => key === 'detail'));
  return withExtras({ type: 'image_url', image_url: image }, extras.filter(({ key }) => key !== 'detail'));
}

function base64(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8190) {
    // Whole groups of three bytes.
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + 8190)));
  }
  return text;
}

// An earlier response of the model.
function spoken(parts) {
  const said = { role: 'assistant', content: undefined };
  let text = '';
  let reasoning = '';
  const calls = [];
  for (const { tag, val } of parts) {
    if (tag === 'text') {
      text += val;
    } else if (tag === 'reasoning') {
      reasoning += val.text;
      for (const extra of val.extras) said[extra.key] = parsed(extra);
      if (val.signature !== undefined) said.reasoning_signature = val.signature;
    } else if (tag === 'tool-call') {
      const called = { name: val.name, arguments: val.argumentsJson };
      calls.push(withExtras({ id: val.id, type: 'function', function: called }, val.extras));
    } else if (tag === 'media') {
      throw unsupported('media of the model');
    } else {
      said[val.key] = parsed(val);
    }
  }
  said.role = 'assistant';
  said.content = text || calls.length === 0 ? text : null;
  if (reasoning) said.reasoning_content = reasoning;
  if (calls.length) said.tool_calls = calls;
  return said;
}

function tool({ tag, val }) {
  if (tag === 'other') return parsed(val);
  const { name, description, strict } = val;
  const called = { name, parameters: json('parameters', val.parametersJson), description, strict };
  return withExtras({ type: 'function', function: called }, val.extras);
}

function toolChoice({ tag, val }) {
  if (tag === 'named') return { type: 'function', function: { name: val } };
  return tag === 'other' ? parsed(val) : tag;
}

function responseFormat({ tag, val }) {
  if (tag === 'text') return { type: 'text' };
  if (tag === 'json-object') return { type: 'json_object' };
  if (tag === 'other') return parsed(val);
  const { name, description, strict } = val;
  const schema = { name, schema: json('schema', val.schemaJson), description, strict };
  return { type: 'json_schema', json_schema: withExtras(schema, val.extras) };
}
