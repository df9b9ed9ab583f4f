// One chat completion: sends the request, retries, decodes the response, and returns its events.

import { get } from 'openclaw:model-provider/settings@0.2.0';

import { Call, NS_PER_MS, sleep } from './client.js';
import { Decoder, firstId } from './decode.js';
import { Failed, before, ofStatus, sent, timeout } from './errors.js';
import { BASE_URL, CHAT_PATH, CREDENTIAL_OPTIONAL, KEY_VARIABLE, REQUEST_ID_HEADER, STREAM_TYPE } from './facts.js';
import { resolve } from './reference.js';
import { body } from './request.js';

const MAX_ERROR_BYTES = 64 * 1024;
// The first backoff; it doubles with each retry.
const BACKOFF_MS = 250;
// The longest one. A longer one that the upstream requests ends the call.
const MAX_WAIT_MS = 60_000;
const FOREVER = 2 ** 32 - 1;
const HEADERS = [
  ['content-type', 'application/json'],
  ['accept', STREAM_TYPE],
];

const nanoseconds = (ms) => BigInt(ms) * NS_PER_MS;
const least = (a, b) => (a < b ? a : b);

// A chat completion in progress.
export class Chat {
  // Validates a request and sends it.
  constructor(request) {
    const model = resolve(request.model);
    this.settings = get();
    const { bytes, warnings } = body(request, model);
    this.body = bytes;
    if (!CREDENTIAL_OPTIONAL && this.settings.credential === 'missing') {
      const hint = `set ${KEY_VARIABLE}`;
      throw new Failed(before('unauthenticated', 'there is no API key', { hint }));
    }
    const summary = {
      finishReason: 'other',
      rawFinishReason: undefined,
      usage: {
        inputTokens: undefined,
        cachedInputTokens: undefined,
        outputTokens: undefined,
        reasoningTokens: undefined,
      },
      model: model.canonical,
      backend: undefined,
      requestId: undefined,
      attempts: 0,
      warnings,
      extras: [],
    };
    this.decoder = new Decoder(summary, firstId(request.messages));
    this.attempts = 0;
    this.hasLeft = this.isResponse = this.isOver = false;
    // The rest of a backoff, how long reads have waited for the next byte, and how long this read may still wait. Time
    // between reads is the caller's.
    this.backoffNs = this.waitedNs = this.leftNs = 0n;
    this.send();
    if (this.error) throw new Failed(this.error);
  }

  close() {
    this.call?.close();
    this.call = undefined;
  }

  send() {
    this.waitedNs = 0n;
    this.refusal = [];
    try {
      const base = this.settings.baseUrl ?? BASE_URL;
      this.call = new Call(base, CHAT_PATH, HEADERS, this.body, this.settings.connectTimeoutMs);
      this.attempts += 1;
    } catch (failed) {
      this.fail(failed);
    }
  }

  // Ends with an error, or schedules a retry.
  fail(failed) {
    if (!(failed instanceof Failed)) throw failed;
    const { error } = failed;
    this.close();
    this.hasLeft ||= error.requestSent;
    const retries = Math.max(0, this.attempts - 1);
    const waitMs = error.retryAfterMs ?? BACKOFF_MS * 2 ** Math.min(retries, 6);
    // Once the status is 200, or if a retry may be billed twice, the caller decides.
    const mayRetry = error.retryable && error.kind !== 'timeout' && !this.isResponse && this.attempts > 0;
    if (mayRetry && retries < this.settings.maxRetries && waitMs <= MAX_WAIT_MS) {
      this.backoffNs = nanoseconds(waitMs);
      return;
    }
    const requestId = error.requestId ?? this.decoder.summary.requestId;
    this.error = { ...error, requestSent: this.hasLeft, attempts: this.attempts, requestId };
  }

  end() {
    try {
      this.decoder.end();
      this.isOver = true;
      this.close();
    } catch (failed) {
      this.fail(failed);
    }
  }

  // Continues until there are events, the end, or the time is over.
  read(maxEvents, maxWaitMs) {
    this.leftNs = nanoseconds(maxWaitMs);
    const { events, summary } = this.decoder;
    for (;;) {
      if (events.length) {
        const some = events.splice(0, Math.max(1, maxEvents));
        return { events: some, finished: this.isOver && events.length === 0 ? summary : undefined };
      }
      if (this.error) throw new Failed(this.error);
      if (this.isOver) return { events: [], finished: summary };
      if (!this.step()) return { events: [], finished: undefined };
    }
  }

  // One step; false if the caller's time is over.
  step() {
    if (!this.call) {
      const now = least(this.leftNs, this.backoffNs);
      sleep(now);
      this.leftNs -= now;
      this.backoffNs -= now;
      if (this.backoffNs > 0n) return false;
      this.send();
      return true;
    }
    try {
      if (this.isResponse) return this.takeMore();
      return this.call.status === undefined ? this.takeHead() : this.takeRefusal();
    } catch (failed) {
      const isCut = failed instanceof Failed && failed.error.kind === 'transport';
      // Only the connection was cut: nothing of the response is missing.
      if (isCut && this.decoder.isComplete) this.end();
      else this.fail(failed);
      return true;
    }
  }

  // Waits within the timeout of the settings and the time of the caller.
  wait(limitMs, what) {
    const limit = nanoseconds(limitMs);
    const most = limit - least(limit, this.waitedNs);
    const { isReady, took } = this.call.wait(least(most, this.leftNs));
    this.waitedNs += took;
    this.leftNs -= least(this.leftNs, took);
    if (!isReady && this.waitedNs >= limit) throw new Failed(timeout(what));
    return isReady;
  }

  takeHead() {
    if (!this.call.head()) return this.wait(this.settings.firstByteTimeoutMs, 'response');
    this.waitedNs = 0n;
    this.hasLeft = true;
    if (this.call.status !== 200) return true;
    const kind = this.call.header('content-type') ?? '';
    if (!kind.startsWith(STREAM_TYPE)) {
      throw new Failed(sent('protocol', `expected \`${STREAM_TYPE}\`, found \`${kind}\``));
    }
    this.isResponse = true;
    this.decoder.summary.requestId = this.call.header(REQUEST_ID_HEADER);
    this.decoder.summary.attempts = this.attempts;
    return true;
  }

  // Takes more of the body of a response with an error status, and throws the error at its end.
  takeRefusal() {
    let received;
    try {
      received = this.call.read();
      // The timeout is for the whole body: without it the status is an error all the same.
      if (received?.length === 0) return this.wait(this.settings.idleTimeoutMs, 'error');
    } catch (failed) {
      if (!(failed instanceof Failed)) throw failed;
      received = undefined;
    }
    this.refusal.push(...(received ?? []));
    if (received && this.refusal.length <= MAX_ERROR_BYTES) return true;
    const text = new TextDecoder().decode(new Uint8Array(this.refusal));
    throw new Failed(ofStatus(this.call.status, (name) => this.call.header(name), text));
  }

  takeMore() {
    const received = this.call.read();
    if (received?.length === 0) return this.wait(this.settings.idleTimeoutMs, 'more of the response');
    this.waitedNs = 0n;
    if (received) this.decoder.push(received);
    if (!received || this.decoder.isDone) this.end();
    return true;
  }
}

// A whole response, by the contract's rule from events to parts.
export function collect(request) {
  const chat = new Chat(request);
  const content = [];
  const calls = [];
  try {
    for (;;) {
      const { events, finished } = chat.read(FOREVER, FOREVER);
      for (const event of events) append(content, calls, event);
      if (finished) return { content, summary: finished };
    }
  } finally {
    chat.close();
  }
}

function append(content, calls, { tag, val }) {
  const last = content.at(-1);
  if (tag === 'text' && last?.tag === 'text') {
    last.val += val;
  } else if (tag === 'reasoning' && last?.tag === 'reasoning' && last.val.signature === undefined) {
    const { text, extras } = last.val;
    last.val = { text: text + val.text, signature: val.signature, extras: [...extras, ...val.extras] };
  } else if (tag === 'tool-call-start') {
    calls.push({ id: val.id, name: val.name, argumentsJson: '', extras: [] });
    content.push({ tag: 'tool-call', val: calls.at(-1) });
  } else if (tag === 'tool-call-delta') {
    calls[val.index].argumentsJson += val.argumentsFragment;
  } else if (tag === 'tool-call-end') {
    calls[val.index].extras = val.extras;
  } else {
    content.push({ tag, val });
  }
}
