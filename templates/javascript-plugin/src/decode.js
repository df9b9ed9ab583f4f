// Decoder of a stream of server-sent events to the contract's events. Knows no HTTP.

import { Failed, asText, isObject, ofJson, sent } from './errors.js';

const MAX_LINE = 16 * 1024 * 1024;
const REASONS = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'content-filter',
};
const OWN = ['index', 'id', 'type', 'function'];

const members = (value) => (isObject(value) ? value : {});
const items = (value) => (Array.isArray(value) ? value : []);
const isCount = (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32;
const malformed = (why) => new Failed(sent('protocol', why));

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// The begin of an id that is made up, before its number.
const MADE_UP = 'call-';

// The number of the first id to make up: behind those of earlier turns, since an id identifies a call within the
// conversation.
export function firstId(messages) {
  const parts = messages.flatMap(({ tag, val }) => (tag === 'assistant' ? val.content : []));
  const ids = parts.filter(({ tag }) => tag === 'tool-call').map(({ val }) => val.id);
  const numbers = ids.filter((id) => /^call-\d{1,9}$/.test(id)).map((id) => Number(id.slice(MADE_UP.length)));
  return Math.max(-1, ...numbers) + 1;
}

export class Decoder {
  // By the upstream's index.
  #calls = new Map();
  #utf8 = new TextDecoder();
  #line = '';

  // `firstId`: the number of the first id that is made up.
  constructor(summary, firstId) {
    this.summary = summary;
    this.firstId = firstId;
    this.events = [];
    this.isDone = false;
  }

  // Whether nothing of the response is missing, even if the upstream did not mark the end.
  get isComplete() {
    return this.isDone || this.summary.rawFinishReason !== undefined;
  }

  // Decodes more bytes.
  push(bytes) {
    const lines = this.#utf8.decode(bytes, { stream: true }).split('\n');
    for (const [at, line] of lines.entries()) {
      this.#line += line;
      if (this.#line.length > MAX_LINE) throw malformed('a line of the response is longer than it may be');
      if (at === lines.length - 1) break;
      const whole = this.#line;
      this.#line = '';
      if (whole.startsWith('data:')) this.#data(whole.slice('data:'.length).trim());
    }
  }

  #data(data) {
    if (data === '[DONE]') {
      this.isDone = true;
    } else if (data && !this.isDone) {
      let chunk;
      try {
        chunk = JSON.parse(data);
      } catch {
        throw malformed('an event of the response is not JSON');
      }
      this.#chunk(members(chunk));
    }
  }

  // The end of the body.
  end() {
    if (!this.isComplete) {
      throw new Failed(sent('transport', 'the response broke off before its end', { retryable: true }));
    }
    this.#endCalls();
  }

  #event(tag, val) {
    this.events.push({ tag, val });
  }

  #chunk(chunk) {
    if (chunk.error != null) throw new Failed(ofJson(chunk.error, undefined));
    this.#usage(members(chunk.usage));
    const choice = members(items(chunk.choices)[0]);
    const delta = members(choice.delta);
    const reasoning = asText(delta.reasoning_content) || asText(delta.reasoning);
    if (reasoning) this.#event('reasoning', { text: reasoning, signature: undefined, extras: [] });
    const text = asText(delta.content);
    if (text) this.#event('text', text);
    for (const call of items(delta.tool_calls)) this.#call(members(call));
    const reason = asText(choice.finish_reason);
    if (reason) {
      this.summary.rawFinishReason = reason;
      this.summary.finishReason = Object.hasOwn(REASONS, reason) ? REASONS[reason] : 'other';
    }
  }

  #usage(usage) {
    const counts = {
      inputTokens: usage.prompt_tokens,
      outputTokens: usage.completion_tokens,
      cachedInputTokens: members(usage.prompt_tokens_details).cached_tokens,
      reasoningTokens: members(usage.completion_tokens_details).reasoning_tokens,
    };
    for (const [name, count] of Object.entries(counts)) if (isCount(count)) this.summary.usage[name] = count;
  }

  #call(fragment) {
    const index = isCount(fragment.index) ? fragment.index : this.#calls.size;
    const called = members(fragment.function);
    let call = this.#calls.get(index);
    if (!call) {
      const at = this.#calls.size;
      call = { at, name: asText(called.name), arguments: '', others: new Map() };
      this.#calls.set(index, call);
      // Not random: the same response gives the same events.
      const id = asText(fragment.id) || `${MADE_UP}${this.firstId + at}`;
      this.#event('tool-call-start', { index: at, id, name: call.name });
    }
    for (const [key, value] of Object.entries(fragment)) if (!OWN.includes(key)) call.others.set(key, value);
    const more = asText(called.arguments);
    if (more) {
      call.arguments += more;
      this.#event('tool-call-delta', { index: call.at, argumentsFragment: more });
    }
  }

  #endCalls() {
    for (const call of this.#calls.values()) {
      if (!call.arguments.trim()) {
        this.#event('tool-call-delta', { index: call.at, argumentsFragment: '{}' });
      } else if (!isJson(call.arguments)) {
        const extras = [{ key: call.name, valueJson: JSON.stringify(call.arguments) }];
        const message = `the arguments of the tool call \`${call.name}\` are not JSON`;
        throw new Failed(sent('upstream', message, { extras }));
      }
      const extras = [...call.others].map(([key, value]) => ({ key, valueJson: JSON.stringify(value) }));
      this.#event('tool-call-end', { index: call.at, extras });
    }
    this.#calls.clear();
  }
}
