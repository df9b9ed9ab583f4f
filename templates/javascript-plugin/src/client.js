// HTTP client for one request over `wasi:http`. Knows neither chats nor lists.
//
// Resources are closed by hand, children before parents, as WASI requires.

import { now, subscribeDuration } from 'wasi:clocks/monotonic-clock@0.2.12';
import { handle } from 'wasi:http/outgoing-handler@0.2.12';
import { Fields, OutgoingBody, OutgoingRequest, RequestOptions } from 'wasi:http/types@0.2.12';
import { poll } from 'wasi:io/poll@0.2.12';

import { Failed, ofNetwork, sent } from './errors.js';

export const NS_PER_MS = 1_000_000n;
const READ_SIZE = 16n * 1024n;

const close = (resource) => resource?.[Symbol.dispose]();
const lost = (tag) => new Failed(ofNetwork({ tag }));
const least = (a, b) => (a < b ? a : b);

export function sleep(ns) {
  const timer = subscribeDuration(ns);
  timer.block();
  close(timer);
}

// A request, and the response to it.
export class Call {
  // Sends it below the base URL; one without a body is a GET.
  //
  // The host enforces only the connect timeout. This plugin enforces the other timeouts itself, so that a slow reader of
  // events does not trigger one.
  constructor(base, path, headers, body, connectTimeoutMs) {
    const url = /^(https?):\/\/([^/?#]+)([^?#]*)$/i.exec(base.trim());
    if (!url) throw lost('HTTP-request-URI-invalid');
    const encoder = new TextEncoder();
    const entries = headers.map(([name, value]) => [name, encoder.encode(value)]);
    if (body) entries.push(['content-length', encoder.encode(String(body.length))]);
    let request;
    let out;
    try {
      request = new OutgoingRequest(Fields.fromList(entries));
      request.setMethod({ tag: body ? 'post' : 'get' });
      request.setScheme({ tag: url[1].toLowerCase() === 'https' ? 'HTTPS' : 'HTTP' });
      request.setAuthority(url[2]);
      request.setPathWithQuery(url[3].replace(/\/+$/, '') + path);
      out = body && request.body();
    } catch {
      throw lost('HTTP-request-denied');
    }
    const options = new RequestOptions();
    try {
      options.setConnectTimeout(BigInt(connectTimeoutMs) * NS_PER_MS);
    } catch {
      // A host that does not support it has a timeout of its own.
    }
    try {
      this.future = handle(request, options);
    } catch (error) {
      close(out);
      throw new Failed(ofNetwork(error.payload ?? { tag: 'internal-error' }));
    }
    if (out) {
      try {
        write(out, body);
        OutgoingBody.finish(out, undefined);
      } catch {
        // If the host did not accept all of it, the future has the cause.
      }
    }
  }

  close() {
    for (const name of ['stream', 'body', 'response', 'future']) {
      close(this[name]);
      this[name] = undefined;
    }
  }

  // Waits for the next part; gives whether it is there, and how long that took.
  wait(mostNs) {
    const began = now();
    const ready = (this.stream ?? this.future).subscribe();
    const timer = subscribeDuration(mostNs);
    const isReady = poll([ready, timer]).includes(0);
    close(timer);
    close(ready);
    const ended = now();
    return { isReady, took: ended > began ? ended - began : 0n };
  }

  // Takes the head of the response; gives whether it has arrived.
  head() {
    const found = this.future.get();
    if (found === undefined) return false;
    if (found.tag === 'err') throw lost('internal-error');
    if (found.val.tag === 'err') throw new Failed(ofNetwork(found.val.val));
    close(this.future);
    this.future = undefined;
    this.response = found.val.val;
    this.status = this.response.status();
    const fields = this.response.headers();
    this.headers = fields.entries();
    close(fields);
    this.body = this.response.consume();
    this.stream = this.body.stream();
    return true;
  }

  header(name) {
    const found = this.headers.find(([known]) => known.toLowerCase() === name);
    return found && new TextDecoder().decode(found[1]);
  }

  // The available part of the body: empty if nothing is there, `undefined` at its end.
  read() {
    try {
      return this.stream.read(READ_SIZE);
    } catch (error) {
      if (error.payload?.tag === 'closed') return undefined;
      close(error.payload?.val);
      throw lost('HTTP-response-incomplete');
    }
  }

  // The whole body as text, up to a size limit and within a time.
  collect(maxBytes, mostNs) {
    const decoder = new TextDecoder();
    let text = '';
    let size = 0;
    while (size <= maxBytes) {
      const more = this.read();
      if (more === undefined) return text + decoder.decode();
      size += more.length;
      text += decoder.decode(more, { stream: true });
      if (more.length === 0) {
        const { isReady, took } = this.wait(mostNs);
        mostNs -= least(mostNs, took);
        if (!isReady) throw lost('HTTP-response-timeout');
      }
    }
    throw new Failed(sent('protocol', 'the response is larger than it may be'));
  }
}

function write(body, content) {
  const stream = body.write();
  try {
    while (content.length) {
      const room = Number(least(stream.checkWrite(), BigInt(content.length)));
      if (room === 0) {
        const ready = stream.subscribe();
        ready.block();
        close(ready);
        continue;
      }
      stream.write(content.subarray(0, room));
      content = content.subarray(room);
    }
    stream.flush();
  } finally {
    close(stream);
  }
}
