// The network worker: sends the requests of all guest workers, each to the one origin of its call.
//
// It holds the credential of a call as long as the call runs, adds it where the guest cannot see it, follows no
// redirect, and knows nothing of the component or of OpenClaw. It runs on a thread of its own: neither a guest nor a
// slow server holds up the gateway.
import http from "node:http";
import https from "node:https";
import tls from "node:tls";
import { parentPort, workerData } from "node:worker_threads";
import { isForbidden, isName, isValue } from "./headers.js";
import { BodyRedactor } from "../redact/body.js";
import { Finder } from "../redact/finder.js";
import { codeOf } from "./failures.js";
import { WORD } from "./link.js";

/** How many bytes of a response may be on their way to a guest. */
const WINDOW = 1024 * 1024;
/** How long an idle connection stays in the pool: shorter than on servers, so that no closed one is used. */
const IDLE_MS = 4_000;
const MAX_HEAD_BYTES = 64 * 1024;

const agents = { "http:": undefined, "https:": undefined };

function agent(protocol) {
  const { Agent } = protocol === "http:" ? http : https;
  const ca = workerData.ca && [...tls.getCACertificates("default"), workerData.ca];
  agents[protocol] ??= new Agent({ keepAlive: true, timeout: IDLE_MS, proxyEnv: process.env, ...(ca && { ca }) });
  return agents[protocol];
}

/** @type {Map<number, Peer>} */
const peers = new Map();

/** One guest worker, and its call if it has one. */
class Peer {
  constructor(number, port, words) {
    this.number = number;
    this.words = words;
    this.port = port;
    /** @type {Map<number, Exchange>} */
    this.exchanges = new Map();
    port.on("message", (order) => this.obey(order));
  }

  report(message) {
    this.port.postMessage(message, message.bytes instanceof Uint8Array ? [message.bytes.buffer] : []);
    Atomics.add(this.words, WORD.signal, 1);
    Atomics.notify(this.words, WORD.signal);
  }

  obey(order) {
    if (order.order === "open") {
      const exchange = new Exchange(this, order.exchange, this.call);
      this.exchanges.set(order.exchange, exchange);
      exchange.open(order);
      return;
    }
    this.exchanges.get(order.exchange)?.[order.order]?.(order);
  }

  end() {
    for (const exchange of this.exchanges.values()) exchange.drop();
    this.exchanges.clear();
    this.call = undefined;
  }
}

/** Why the egress policy stops a request; said to the operator, never to the guest. */
function blocked(order, call) {
  if (!call) return "no call is under way";
  const { origin } = call;
  if (order.scheme !== origin.protocol || order.authority.toLowerCase() !== origin.host) {
    return `${order.scheme}//${order.authority} is not the allowed origin ${origin.protocol}//${origin.host}`;
  }
  if (/[\s\\#]|(^|\/)\.\.?(\/|\?|$)|%2e|%2f|%5c/i.test(order.path)) return "the path is not in its plain form";
  const allowed = call.endpoints.some(({ method, path }) => method === order.method && isBelow(order.path, `${origin.path}${path}`));
  if (!allowed) {
    const list = call.endpoints.map(({ method, path }) => `${method} ${origin.path}${path}`).join(", ");
    return `${order.method} ${order.path.split("?")[0]} is not one of ${list}`;
  }
  const bad = order.headers.find(([name, value]) => isForbidden(name) || !isName(name) || !isValue(value));
  return bad && `the guest set the header ${JSON.stringify(bad[0])}`;
}

/** Whole segments only: `/models` has `/models/x` below it, and not `/modelsx`. */
function isBelow(path, allowed) {
  return path === allowed || path.startsWith(`${allowed}/`) || path.startsWith(`${allowed}?`);
}

/** One request and its response. */
class Exchange {
  constructor(peer, number, call) {
    Object.assign(this, { peer, number, call, sent: 0, received: 0, pending: 0, writes: [] });
  }

  report(report, rest = {}) {
    this.peer.report({ report, exchange: this.number, ...rest });
  }

  /** Tells the operator what was stopped; the guest learns only that it was. */
  note(code, reason) {
    parentPort.postMessage({ worker: this.peer.number, code, reason });
  }

  open(order) {
    const reason = blocked(order, this.call);
    if (reason) {
      this.note("egress", reason);
      return this.fail({ tag: "HTTP-request-denied" });
    }
    const { origin, credential, headers } = this.call;
    // One header each: the operator's win over the guest's, and the credential over both unless the operator set it.
    const sent = new Map(order.headers.map(([name, value]) => [name.toLowerCase(), value]));
    sent.set("accept-encoding", "identity");
    if (credential) sent.set(credential.header, credential.value);
    for (const [name, value] of Object.entries(headers)) sent.set(name.toLowerCase(), value);
    this.finder = this.call.finder ??= new Finder(this.call.secrets);
    this.redactor = new BodyRedactor(this.finder);
    let request;
    try {
      request = (origin.protocol === "http:" ? http : https).request({
        protocol: origin.protocol,
        hostname: origin.hostname,
        port: origin.port || undefined,
        path: order.path,
        method: order.method,
        headers: Object.fromEntries(sent),
        agent: agent(origin.protocol),
        maxHeaderSize: MAX_HEAD_BYTES,
      });
    } catch {
      return this.fail({ tag: "HTTP-request-URI-invalid" });
    }
    this.request = request;
    request.setNoDelay(true);
    request.on("error", (error) => this.fail(codeOf(error, { reused: request.reusedSocket, headSeen: this.headSeen })));
    request.on("response", (response) => this.respond(response));
    if (order.connectTimeoutMs !== undefined) this.awaitConnection(request, order.connectTimeoutMs);
    if (!order.hasBody) request.end();
    for (const write of this.writes.splice(0)) write();
  }

  awaitConnection(request, limitMs) {
    const timer = setTimeout(() => {
      this.fail({ tag: "connection-timeout" });
      request.destroy();
    }, limitMs);
    const stop = () => clearTimeout(timer);
    request.on("close", stop);
    request.on("socket", (socket) => {
      if (request.reusedSocket || !(socket.connecting || socket.secureConnecting)) return stop();
      socket.once(socket.encrypted ? "secureConnect" : "connect", stop);
    });
  }

  respond(response) {
    this.headSeen = true;
    this.response = response;
    const { statusCode: status } = response;
    const coding = response.headers["content-encoding"];
    if (status === 206) return this.abort({ tag: "HTTP-protocol-error" });
    const headers = [];
    for (let at = 0; at + 1 < response.rawHeaders.length; at += 2) {
      headers.push([response.rawHeaders[at].toLowerCase(), this.finder.clean(response.rawHeaders[at + 1])]);
    }
    this.report("head", { status, headers });
    if (coding && coding.toLowerCase() !== "identity") return this.abort({ tag: "HTTP-response-content-coding", val: undefined });
    response.on("data", (bytes) => this.data(bytes));
    response.on("end", () => {
      const rest = this.redactor.end();
      if (rest.length > 0) this.hand(rest);
      if (!response.complete) return this.fail({ tag: "HTTP-response-incomplete" });
      this.over("end");
    });
    response.on("error", (error) => this.fail(codeOf(error, { headSeen: true })));
    response.on("aborted", () => this.fail({ tag: "HTTP-response-incomplete" }));
  }

  data(bytes) {
    this.received += bytes.length;
    if (this.received > this.call.limits.responseBytes) {
      this.note("max-response-bytes", `the response is longer than max-response-bytes (${this.call.limits.responseBytes})`);
      return this.abort({ tag: "HTTP-response-body-size", val: undefined });
    }
    const clean = this.redactor.push(bytes);
    if (clean.length > 0) this.hand(clean);
  }

  hand(bytes) {
    this.pending += bytes.length;
    // A copy of its own: what is transferred must not be part of a pool.
    this.report("data", { bytes: new Uint8Array(bytes) });
    if (this.pending > WINDOW) this.response.pause();
  }

  took({ bytes }) {
    this.pending -= bytes;
    if (this.pending <= WINDOW / 2 && this.response?.isPaused()) this.response.resume();
  }

  write({ bytes }) {
    if (!this.request) return;
    this.sent += bytes.length;
    if (this.sent > this.call.limits.requestBytes) {
      this.note("max-request-bytes", `the request is longer than max-request-bytes (${this.call.limits.requestBytes})`);
      return this.abort({ tag: "HTTP-request-body-size", val: undefined });
    }
    const { length } = bytes;
    this.request.write(bytes, () => this.report("room", { bytes: length }));
  }

  finish() {
    this.request?.end();
  }

  abort(code) {
    this.fail(code);
    this.request.destroy();
  }

  fail(code) {
    if (!this.isOver) this.over("failed", { code });
  }

  over(report, rest) {
    this.isOver = true;
    this.peer.exchanges.delete(this.number);
    this.report(report, rest);
  }

  drop() {
    this.isOver = true;
    this.peer.exchanges.delete(this.number);
    this.request?.destroy();
  }
}

const orders = {
  attach({ worker, port, words }) {
    peers.set(worker, new Peer(worker, port, words));
  },
  begin({ worker, call }) {
    const peer = peers.get(worker);
    if (peer) peer.call = call;
  },
  end({ worker }) {
    peers.get(worker)?.end();
  },
  detach({ worker }) {
    peers.get(worker)?.end();
    peers.get(worker)?.port.close();
    peers.delete(worker);
  },
};

parentPort.on("message", (message) => orders[message.order]?.(message));
