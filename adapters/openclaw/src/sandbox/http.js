// The imports of `wasi:http` that a guest may have: requests to one origin, sent by the network worker.
//
// The guest names no credential and gets none: the network worker adds it. What is refused here is refused there
// again; this file only gives the guest the error that `wasi:http` has for it.
import { InputStream, OutputStream, Pollable } from "./wasi.js";
import { isForbidden, isName, isValue } from "./headers.js";

/** How many bytes of a request may be under way. */
const WINDOW = 256 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A set of header fields; counts its bytes against a limit. */
class Fields {
  static limit = 131072;

  constructor() {
    /** @type {[string, Uint8Array][]} */
    this.list = [];
    this.bytes = 0;
    this.frozen = false;
  }

  static fromList(entries) {
    const fields = new Fields();
    for (const [name, value] of entries) fields.append(name, value);
    return fields;
  }

  static frozen(entries) {
    const fields = new Fields();
    fields.list = entries;
    fields.frozen = true;
    return fields;
  }

  check(name, values = []) {
    if (this.frozen) throw { tag: "immutable" };
    if (!isName(name) || !values.every((value) => isValue(decoder.decode(value)))) throw { tag: "invalid-syntax" };
    if (isForbidden(name)) throw { tag: "forbidden" };
  }

  append(name, value) {
    this.check(name, [value]);
    this.bytes += name.length + value.length;
    if (this.bytes > Fields.limit) throw new Error("max-http-fields-bytes: the guest's header fields are too long");
    this.list.push([name, value]);
  }

  set(name, values) {
    this.check(name, values);
    this.delete(name);
    for (const value of values) this.append(name, value);
  }

  delete(name) {
    this.check(name);
    this.list = this.list.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
  }

  get(name) {
    return this.list.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }

  has(name) {
    return this.get(name).length > 0;
  }

  entries() {
    return this.list;
  }

  clone() {
    return Object.assign(new Fields(), { list: [...this.list], bytes: this.bytes });
  }

  [Symbol.dispose]() {}
}

class RequestOptions {
  connectTimeout() {
    return this.connect;
  }
  setConnectTimeout(duration) {
    this.connect = duration;
  }
  firstByteTimeout() {
    return this.firstByte;
  }
  setFirstByteTimeout(duration) {
    this.firstByte = duration;
  }
  betweenBytesTimeout() {
    return this.betweenBytes;
  }
  setBetweenBytesTimeout(duration) {
    this.betweenBytes = duration;
  }
  [Symbol.dispose]() {}
}

/** What one exchange has of the response, on the guest's side. */
class Incoming {
  chunks = [];
  ended = false;
  failed = false;

  constructor(taken) {
    this.taken = taken;
  }

  take(most) {
    const first = this.chunks[0];
    const part = first.length > most ? first.subarray(0, most) : first;
    if (part === first) this.chunks.shift();
    else this.chunks[0] = first.subarray(most);
    this.taken(part.length);
    return part;
  }
}

/** The interfaces of `wasi:http`, over one link. `limits` are read at each call. */
export function http(link, limits) {
  const counts = { open: 0, all: 0 };

  /** A request from its body's first byte to the response's last. */
  class Exchange {
    constructor() {
      this.room = WINDOW;
      this.closed = false;
      this.held = [];
      this.state = "new";
      this.incoming = new Incoming((bytes) => link.send({ order: "took", exchange: this.number, bytes }));
    }

    begin(order) {
      this.number = link.listen((report) => this.hear(report));
      this.state = "open";
      counts.open += 1;
      counts.all += 1;
      link.send({ ...order, order: "open", exchange: this.number });
      for (const bytes of this.held.splice(0)) this.post(bytes);
      if (this.finished) link.send({ order: "finish", exchange: this.number });
    }

    hear({ report, ...rest }) {
      if (report === "head") this.head = { status: rest.status, headers: rest.headers };
      else if (report === "data") this.incoming.chunks.push(rest.bytes);
      else if (report === "end") this.incoming.ended = true;
      else if (report === "room") this.room += rest.bytes;
      else if (report === "failed") {
        if (this.head) this.incoming.failed = true;
        else this.error = rest.code;
      }
      if (report === "failed" || report === "end") {
        this.closed = true;
        this.done();
      }
    }

    write(bytes) {
      this.room -= bytes.length;
      if (this.state === "new") this.held.push(bytes.slice());
      else this.post(bytes.slice());
    }

    post(bytes) {
      link.send({ order: "write", exchange: this.number, bytes }, [bytes.buffer]);
    }

    finish() {
      this.finished = true;
      if (this.state === "open") link.send({ order: "finish", exchange: this.number });
    }

    done() {
      if (this.state !== "open") return;
      this.state = "done";
      counts.open -= 1;
    }

    drop() {
      if (this.state === "open") link.send({ order: "drop", exchange: this.number });
      this.done();
    }
  }

  class OutgoingBody {
    static of(exchange) {
      return Object.assign(new OutgoingBody(), { exchange });
    }
    write() {
      if (this.written) throw undefined;
      this.written = true;
      return OutputStream.over(this.exchange, link);
    }
    static finish(body) {
      body.exchange.finish();
    }
    [Symbol.dispose]() {}
  }

  class OutgoingRequest {
    constructor(headers) {
      this.fields = headers;
      this.verb = { tag: "get" };
      this.exchange = new Exchange();
    }
    body() {
      if (this.hasBody) throw undefined;
      this.hasBody = true;
      return OutgoingBody.of(this.exchange);
    }
    method() {
      return this.verb;
    }
    setMethod(method) {
      this.verb = method;
    }
    scheme() {
      return this.protocol;
    }
    setScheme(scheme) {
      this.protocol = scheme;
    }
    authority() {
      return this.host;
    }
    setAuthority(authority) {
      this.host = authority;
    }
    pathWithQuery() {
      return this.path;
    }
    setPathWithQuery(path) {
      this.path = path;
    }
    headers() {
      return Fields.frozen(this.fields.list);
    }
    [Symbol.dispose]() {}
  }

  class IncomingBody {
    stream() {
      if (this.taken) throw undefined;
      this.taken = true;
      return InputStream.over(this.exchange.incoming, link);
    }
    static finish() {
      throw new Error("trailers are not offered");
    }
    [Symbol.dispose]() {
      this.exchange.drop();
    }
  }

  class IncomingResponse {
    status() {
      return this.exchange.head.status;
    }
    headers() {
      return Fields.frozen(this.exchange.head.headers.map(([name, value]) => [name, encoder.encode(value)]));
    }
    consume() {
      if (this.consumed) throw undefined;
      this.consumed = true;
      return Object.assign(new IncomingBody(), { exchange: this.exchange });
    }
    [Symbol.dispose]() {
      if (!this.consumed) this.exchange.drop();
    }
  }

  class FutureIncomingResponse {
    get() {
      link.drain();
      const { head, error } = this.exchange;
      if (!head && !error) return undefined;
      if (this.given) return { tag: "err" };
      this.given = true;
      if (error) return { tag: "ok", val: { tag: "err", val: error } };
      return { tag: "ok", val: { tag: "ok", val: Object.assign(new IncomingResponse(), { exchange: this.exchange }) } };
    }
    subscribe() {
      const { exchange } = this;
      return Pollable.of(link, () => exchange.head !== undefined || exchange.error !== undefined);
    }
    [Symbol.dispose]() {
      if (!this.given) this.exchange.drop();
    }
  }

  function handle(request, options) {
    if (counts.open >= limits().openRequests || counts.all >= limits().requests) throw { tag: "connection-limit-reached" };
    const { exchange, verb, protocol, host, path } = request;
    exchange.begin({
      method: verb.tag === "other" ? verb.val : verb.tag.toUpperCase(),
      scheme: protocol?.tag === "HTTP" ? "http:" : protocol?.tag === "HTTPS" ? "https:" : String(protocol?.val),
      authority: String(host),
      path: path ?? "/",
      headers: request.fields.list.map(([name, value]) => [name, decoder.decode(value)]),
      hasBody: request.hasBody === true,
      connectTimeoutMs: options?.connect === undefined ? undefined : Number(options.connect / 1_000_000n),
    });
    return Object.assign(new FutureIncomingResponse(), { exchange });
  }

  return {
    /** A new call: counts from zero. */
    reset: () => Object.assign(counts, { open: 0, all: 0 }),
    imports: {
      "wasi:http/outgoing-handler": { handle },
      "wasi:http/types": {
        Fields,
        RequestOptions,
        OutgoingBody,
        OutgoingRequest,
        IncomingBody,
        IncomingResponse,
        FutureIncomingResponse,
      },
    },
  };
}
