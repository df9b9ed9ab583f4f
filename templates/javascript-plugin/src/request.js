// Chat request as the JSON of OpenAI's chat completions. A part that cannot be sent is an error or a warning, never
// left out in silence.

import { Failed, before, invalid, unsupported } from './errors.js';

// Members that only the plugin sets.
const RESERVED = ['model', 'messages', 'stream', 'stream_options', 'n'];
const MODALITIES = ['image', 'audio', 'video'];

// JSON of the caller, sent as the text it is: parsed and printed again, a number would lose digits.
class Raw {
  constructor(text) {
    this.text = text;
  }
}

// The body to send, and warnings about what is not in it.
export function body(request, model) {
  if (request.messages.length === 0) throw invalid('there is no message');
  accepted(request, model);
  const warnings = [];
  const members = {
    model: model.wireId,
    messages: request.messages.map((each) => message(each, warnings)),
    stream: true,
    stream_options: { include_usage: true },
    tools: request.tools.length ? request.tools.map((each) => tool(each, warnings)) : undefined,
    tool_choice: request.toolChoice && toolChoice(request.toolChoice),
    response_format: request.responseFormat && responseFormat(request.responseFormat, warnings),
    reasoning_effort: request.reasoningEffort,
    max_completion_tokens: request.maxOutputTokens,
    seed: request.seed,
    stop: request.stop.length ? request.stop : undefined,
    temperature: finite('temperature', request.temperature),
    top_p: finite('top_p', request.topP),
    frequency_penalty: finite('frequency_penalty', request.frequencyPenalty),
    presence_penalty: finite('presence_penalty', request.presencePenalty),
  };
  for (const extra of request.extras) {
    if (RESERVED.includes(extra.key) || has(members, extra.key)) {
      throw invalid(`\`${extra.key}\` is written by a field of the request already`);
    }
    add(members, extra);
  }
  return { bytes: new TextEncoder().encode(write(members)), warnings };
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

function has(members, key) {
  return Object.hasOwn(members, key) && members[key] !== undefined;
}

function add(members, extra) {
  // A name such as `__proto__` is a name like any other.
  Object.defineProperty(members, extra.key, { value: parsed(extra), enumerable: true, configurable: true });
}

// Adds extras. One that cannot be sent is no error, but a warning.
function withExtras(members, extras, warnings) {
  for (const extra of extras) {
    let why = 'there is a member of this name already';
    try {
      const value = parsed(extra);
      if (has(members, extra.key) && write(members[extra.key]) === write(value)) continue;
      if (!has(members, extra.key)) {
        add(members, extra);
        continue;
      }
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      why = 'it is not JSON';
    }
    const message = `the extra \`${extra.key}\` was not sent: ${why}`;
    if (!warnings.some((known) => known.message === message)) warnings.push({ code: 'members-left-out', message });
  }
  return members;
}

function message({ tag, val }, warnings) {
  if (tag === 'assistant') return withExtras(spoken(val.content, warnings), val.extras, warnings);
  let said = content(val.content, warnings);
  if (tag !== 'tool') return withExtras({ role: tag, content: said }, val.extras, warnings);
  // This API has no field for a failed tool; the model reads it in the text.
  if (val.isError && said.length === 0) said = 'Error:';
  else if (val.isError) said = typeof said === 'string' ? `Error: ${said}` : [{ type: 'text', text: 'Error:' }, ...said];
  return withExtras({ role: 'tool', tool_call_id: val.callId, content: said }, val.extras, warnings);
}

// Parts that are only text become one string, which every server accepts.
function content(parts, warnings) {
  if (parts.length === 1 && parts[0].tag === 'text') return parts[0].val;
  return parts.map((each) => part(each, warnings));
}

function part({ tag, val }, warnings) {
  if (tag === 'text') return { type: 'text', text: val };
  return tag === 'media' ? picture(val, warnings) : parsed(val);
}

function picture({ mimeType, source, extras }, warnings) {
  if (!mimeType.startsWith('image/')) throw unsupported(mimeType);
  const url = source.tag === 'url' ? source.val : `data:${mimeType};base64,${base64(source.val)}`;
  const inner = extras.filter(({ key }) => key === 'detail');
  const outer = extras.filter(({ key }) => key !== 'detail');
  const image = withExtras({ url }, inner, warnings);
  return withExtras({ type: 'image_url', image_url: image }, outer, warnings);
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
function spoken(parts, warnings) {
  const others = [];
  let text = '';
  let reasoning = '';
  const calls = [];
  for (const { tag, val } of parts) {
    if (tag === 'text') {
      text += val;
    } else if (tag === 'reasoning') {
      reasoning += val.text;
      others.push(...val.extras);
      const valueJson = JSON.stringify(val.signature);
      if (valueJson) others.push({ key: 'reasoning_signature', valueJson });
    } else if (tag === 'tool-call') {
      const called = { name: val.name, arguments: val.argumentsJson };
      calls.push(withExtras({ id: val.id, type: 'function', function: called }, val.extras, warnings));
    } else if (tag === 'media') {
      throw unsupported('media of the model');
    } else {
      others.push(val);
    }
  }
  const said = {
    role: 'assistant',
    content: text || calls.length === 0 ? text : null,
    reasoning_content: reasoning || undefined,
    tool_calls: calls.length ? calls : undefined,
  };
  return withExtras(said, others, warnings);
}

function tool({ tag, val }, warnings) {
  if (tag === 'other') return parsed(val);
  const { name, description, strict } = val;
  const called = { name, parameters: json('parameters', val.parametersJson), description, strict };
  return withExtras({ type: 'function', function: called }, val.extras, warnings);
}

function toolChoice({ tag, val }) {
  if (tag === 'named') return { type: 'function', function: { name: val } };
  return tag === 'other' ? parsed(val) : tag;
}

function responseFormat({ tag, val }, warnings) {
  if (tag === 'text') return { type: 'text' };
  if (tag === 'json-object') return { type: 'json_object' };
  if (tag === 'other') return parsed(val);
  const { name, description, strict } = val;
  const schema = { name, schema: json('schema', val.schemaJson), description, strict };
  return { type: 'json_schema', json_schema: withExtras(schema, val.extras, warnings) };
}
