// The imports of `wasi:io` and `wasi:clocks` that a guest may have: a monotonic clock, and waiting.
//
// Everything here is synchronous for the guest; waiting is `Link.waitUntil`. Requests are in `http.js`.

const now = () => process.hrtime.bigint();

/** Something to wait for: ready by itself, or at an instant. */
export class Pollable {
  /** @param {() => boolean} isReady @param {bigint} [at] */
  static of(link, isReady, at) {
    const pollable = new Pollable();
    pollable.link = link;
    pollable.isReady = isReady;
    pollable.at = at;
    return pollable;
  }

  ready() {
    this.link.drain();
    return this.isReady();
  }

  block() {
    this.link.waitUntil(() => (this.isReady() ? true : undefined), () => this.at);
  }

  [Symbol.dispose]() {}
}

/** The error of a stream; says nothing about the host. */
class IoError {
  toDebugString() {
    return "the stream failed";
  }
}

/** The bytes of a response, as they come. */
export class InputStream {
  static over(body, link) {
    const stream = new InputStream();
    stream.body = body;
    stream.link = link;
    return stream;
  }

  read(most) {
    this.link.drain();
    const { body } = this;
    if (body.chunks.length === 0) {
      if (body.failed) throw { tag: "last-operation-failed", val: new IoError() };
      if (body.ended) throw { tag: "closed" };
      return new Uint8Array();
    }
    return body.take(Number(most));
  }

  blockingRead(most) {
    this.subscribe().block();
    return this.read(most);
  }

  skip(most) {
    return BigInt(this.read(most).length);
  }

  blockingSkip(most) {
    return BigInt(this.blockingRead(most).length);
  }

  subscribe() {
    const { body } = this;
    return Pollable.of(this.link, () => body.chunks.length > 0 || body.ended || body.failed);
  }

  [Symbol.dispose]() {}
}

/** The bytes of a request, as far as there is room for them. */
export class OutputStream {
  static over(body, link) {
    const stream = new OutputStream();
    stream.body = body;
    stream.link = link;
    return stream;
  }

  checkWrite() {
    this.link.drain();
    if (this.body.closed) throw { tag: "closed" };
    return BigInt(Math.max(0, this.body.room));
  }

  write(bytes) {
    if (BigInt(bytes.length) > this.checkWrite()) throw new Error("the guest wrote more than there was room for");
    this.body.write(bytes);
  }

  blockingWriteAndFlush(bytes) {
    for (let at = 0; at < bytes.length; ) {
      this.subscribe().block();
      const room = Number(this.checkWrite());
      this.write(bytes.subarray(at, at + room));
      at += room;
    }
  }

  flush() {
    this.checkWrite();
  }

  blockingFlush() {
    this.checkWrite();
  }

  subscribe() {
    const { body } = this;
    return Pollable.of(this.link, () => body.closed || body.room > 0);
  }

  [Symbol.dispose]() {}
}

/** The interfaces of `wasi:io` and `wasi:clocks`, over one link. */
export function ioAndClocks(link) {
  const at = (instant) => Pollable.of(link, () => now() >= instant, instant);
  return {
    "wasi:io/error": { Error: IoError },
    "wasi:io/streams": { InputStream, OutputStream },
    "wasi:io/poll": {
      Pollable,
      poll(list) {
        if (list.length === 0) throw new Error("the guest waits for nothing");
        const earliest = () =>
          list.reduce((first, { at }) => (at !== undefined && (first === undefined || at < first) ? at : first), undefined);
        return link.waitUntil(() => {
          const ready = [...list.keys()].filter((index) => list[index].isReady());
          return ready.length > 0 ? Uint32Array.from(ready) : undefined;
        }, earliest);
      },
    },
    "wasi:clocks/monotonic-clock": {
      now,
      resolution: () => 1n,
      subscribeInstant: at,
      subscribeDuration: (duration) => at(now() + duration),
    },
  };
}
