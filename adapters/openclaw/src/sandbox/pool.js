// A pool of guest workers of one component. Each call has a worker to itself; a worker that ended a call well serves
// the next, with a new instance. Some are ready ahead of the first call.
//
// It runs on the gateway's thread and must never wait there: all work is in workers, and `terminate()` ends any.
import { Worker, MessageChannel } from "node:worker_threads";
import { WORD, guestTime } from "./link.js";

/** Idle workers in the pool, and concurrent workers. */
const KEPT = 2;
const MOST = 32;
const WATCH_MS = 25;
/** After this time without a call the idle workers end; the next call starts one. */
const REST_MS = 10 * 60_000;
/** Of JavaScript's heap; linear memory has a limit of its own. */
const HEAP = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };
const START_MS = 30_000;

/** An error of the contract, as a JavaScript error. */
export class CallError extends Error {
  name = "CallError";
  /** @param {object} payload the contract's `error` */
  constructor(payload) {
    super(payload.message);
    this.payload = payload;
  }
}

/** An error that this host gives in place of the component's. */
export function hostError(kind, code, message, rest = {}) {
  return new CallError({ kind, code, message, retryable: false, requestSent: true, attempts: 1, suggestions: [], extras: [], ...rest });
}

let lastNumber = 0;

class Member {
  constructor({ folder, modules, limits }, network) {
    this.number = ++lastNumber;
    this.limits = limits;
    this.network = network;
    const { port1, port2 } = new MessageChannel();
    this.words = new Int32Array(new SharedArrayBuffer(WORD.length * 4));
    network.send({ order: "attach", worker: this.number, port: port2, words: this.words }, [port2]);
    this.worker = new Worker(new URL("./guest.js", import.meta.url), {
      workerData: { folder, modules, limits, port: port1, words: this.words },
      transferList: [port1],
      resourceLimits: HEAP,
      env: {},
      execArgv: [],
      name: `huggingface-guest-${this.number}`,
    });
    this.worker.on("message", (message) => this.hear(message));
    this.worker.on("error", (error) => this.die(crash(error)));
    this.worker.on("exit", () => this.die(hostError("internal", "exit", "the component's worker ended")));
    this.worker.unref();
    this.ready = new Promise((resolve, reject) => Object.assign(this, { isReady: resolve, failed: reject }));
    this.ready.catch(() => {});
    network.listeners.set(this.number, (note) => (this.blocked ??= note));
    this.watch(START_MS);
  }

  /** Ends the worker if its guest runs for too long, or if all of it takes too long. */
  watch(wallMs) {
    const begun = Date.now();
    clearInterval(this.watcher);
    this.watcher = setInterval(() => {
      if (guestTime(this.words) > this.limits.guestMs) this.stop("max-guest-time-ms", this.limits.guestMs);
      else if (Date.now() - begun > wallMs) this.stop("max-wall-clock-ms", wallMs);
    }, WATCH_MS);
    this.watcher.unref();
  }

  stop(limit, value) {
    const kind = limit === "max-wall-clock-ms" ? "timeout" : "internal";
    this.die(hostError(kind, limit, `the component exceeded the limit ${limit} (${value})`));
  }

  hear(message) {
    if (message.ready) {
      clearInterval(this.watcher);
      this.isReady();
    } else if (message.broken) this.die(hostError("internal", "broken", `the component cannot be started: ${message.broken}`));
    else if (message.events) this.call?.onEvents(message.events);
    else this.settle(message);
  }

  settle({ result, error }) {
    const { call } = this;
    if (!call) return;
    this.call = undefined;
    this.network.send({ order: "end", worker: this.number });
    // Its next instance is made now: not ready until it says so.
    this.ready = new Promise((resolve, reject) => Object.assign(this, { isReady: resolve, failed: reject }));
    this.ready.catch(() => {});
    this.watch(START_MS);
    if (error) call.reject(new CallError(this.explained(error)));
    else call.resolve(result);
  }

  /** What this host stopped, in the place of the guest's own error: the guest cannot know it. */
  explained(error) {
    if (!this.blocked) return error;
    const { code, reason } = this.blocked;
    return { ...error, kind: "denied", code, message: `request blocked: ${reason}`, hint: undefined, retryable: false };
  }

  die(error) {
    if (this.dead) return;
    this.dead = true;
    this.network.listeners.delete(this.number);
    clearInterval(this.watcher);
    this.network.send({ order: "detach", worker: this.number });
    this.failed(error);
    const { call } = this;
    this.call = undefined;
    call?.reject(error);
    this.gone = this.worker.terminate();
  }

  run(job, { egress, onEvents, signal, wallMs }) {
    return new Promise((resolve, reject) => {
      const abort = () => this.die(hostError("other", "aborted", "the call was aborted"));
      const over = () => signal?.removeEventListener("abort", abort);
      this.call = {
        onEvents: onEvents ?? (() => {}),
        resolve: (value) => (over(), resolve(value)),
        reject: (error) => (over(), reject(error)),
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      this.blocked = undefined;
      this.watch(wallMs);
      this.network.send({ order: "begin", worker: this.number, call: egress });
      this.worker.postMessage(job);
    });
  }
}

function crash(error) {
  if (error.code === "ERR_WORKER_OUT_OF_MEMORY") return hostError("internal", "max-heap", "the component's worker ran out of memory");
  return hostError("internal", "crash", `the component's worker failed: ${error.message}`);
}

export class Pool {
  /**
   * @param {{ folder: string, modules: string[], limits: object }} component
   * @param {import("./network-client.js").Network} network
   */
  constructor(component, network) {
    this.component = component;
    this.network = network;
    /** @type {Member[]} */
    this.idle = [];
    /** @type {Set<Member>} */
    this.busy = new Set();
  }

  /** Starts a worker ahead of the first call. */
  warm() {
    if (!this.retired && this.idle.length === 0) this.idle.push(new Member(this.component, this.network));
  }

  take() {
    clearTimeout(this.resting);
    this.idle = this.idle.filter((member) => !member.dead);
    if (this.busy.size >= MOST) {
      throw hostError("rate-limited", "max-concurrent", `${MOST} calls are under way, one more is not taken`, { retryable: true, requestSent: false });
    }
    const member = this.idle.shift() ?? new Member(this.component, this.network);
    this.busy.add(member);
    return member;
  }

  /**
   * Makes one call in a worker of its own.
   * @param {object} job
   * @param {{ egress?: object, onEvents?: (events: object[]) => void, signal?: AbortSignal, wallMs: number }} options
   */
  async call(job, options) {
    const member = this.take();
    // A worker keeps the process alive only while a call waits for it.
    member.worker.ref();
    try {
      await unlessAborted(member.ready, options.signal);
      return await member.run(job, options);
    } finally {
      this.busy.delete(member);
      this.giveBack(member);
    }
  }

  giveBack(member) {
    if (member.dead) return;
    member.worker.unref();
    if (this.retired || this.idle.length >= KEPT) return member.die(hostError("internal", "retired", "the component was replaced"));
    this.idle.push(member);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), REST_MS);
    this.resting.unref();
  }

  rest() {
    for (const member of this.idle.splice(0)) member.die(hostError("internal", "rested", "the worker was not needed"));
  }

  /** No new calls; those under way end in this pool, at the latest after `drainMs`. */
  retire(drainMs) {
    this.retired = true;
    this.rest();
    const timer = setTimeout(() => {
      for (const member of this.busy) member.die(hostError("internal", "drained", "the component was replaced and the drain deadline passed", { retryable: true }));
    }, drainMs);
    timer.unref();
  }

  /** Ends all workers at once. */
  async close() {
    this.retired = true;
    const members = [...this.idle.splice(0), ...this.busy];
    for (const member of members) member.die(hostError("internal", "closed", "the plugin was unloaded"));
    await Promise.all(members.map((member) => member.gone));
  }
}

function unlessAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(hostError("other", "aborted", "the call was aborted"));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
