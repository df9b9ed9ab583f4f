// The guest worker's end of the connection to the network worker: sends orders, and waits for reports with
// `Atomics.wait`, so that synchronous guest code can wait for the network.
//
// It knows no HTTP and no component. It also counts how long the guest ran, for the watchdog of the parent thread.
import { receiveMessageOnPort } from "node:worker_threads";

/** Indexes into the shared words between a guest worker and its parent. */
export const WORD = { signal: 0, running: 1, ranUs: 2, sinceUs: 3, length: 4 };

const now = () => process.hrtime.bigint();
/** Microseconds of the one clock that all threads share, in 31 bits. */
const tick = () => Number((now() / 1_000n) & 0x7fffffffn);

export class Link {
  /**
   * @param {import("node:worker_threads").MessagePort} port
   * @param {Int32Array} words
   */
  constructor(port, words) {
    this.port = port;
    this.words = words;
    /** @type {Map<number, (report: object) => void>} */
    this.listeners = new Map();
    this.next = 1;
  }

  /** Registers who listens to one exchange; gives the number of the exchange. */
  listen(listener) {
    const number = this.next++;
    this.listeners.set(number, listener);
    return number;
  }

  send(order, transfer = []) {
    this.port.postMessage(order, transfer);
  }

  /** Hands out all reports that are there. */
  drain() {
    for (let message = receiveMessageOnPort(this.port); message; message = receiveMessageOnPort(this.port)) {
      this.listeners.get(message.message.exchange)?.(message.message);
    }
  }

  /** Hands out reports until `ready` gives something, or until the instant; `undefined` is for ever. */
  waitUntil(ready, instant) {
    for (;;) {
      const seen = Atomics.load(this.words, WORD.signal);
      this.drain();
      const found = ready();
      if (found !== undefined) return found;
      const left = instant() === undefined ? undefined : Number(instant() - now()) / 1e6;
      if (left !== undefined && left <= 0) continue;
      this.pause();
      Atomics.wait(this.words, WORD.signal, seen, left ?? Infinity);
      this.resume();
    }
  }

  /** The guest begins or goes on to run. */
  resume() {
    Atomics.store(this.words, WORD.sinceUs, tick());
    Atomics.store(this.words, WORD.running, 1);
  }

  /** The guest waits or is done. */
  pause() {
    Atomics.store(this.words, WORD.running, 0);
    Atomics.add(this.words, WORD.ranUs, elapsed(Atomics.load(this.words, WORD.sinceUs)));
  }

  /** A new call: nothing ran yet, and nothing of an earlier one is heard any more. */
  reset() {
    this.listeners.clear();
    Atomics.store(this.words, WORD.ranUs, 0);
  }
}

function elapsed(since) {
  return (tick() - since) & 0x7fffffff;
}

/** How long a guest has run in this call, in milliseconds, for the parent thread. */
export function guestTime(words) {
  const ran = Atomics.load(words, WORD.ranUs);
  const now = Atomics.load(words, WORD.running) === 1 ? elapsed(Atomics.load(words, WORD.sinceUs)) : 0;
  return (ran + now) / 1000;
}
