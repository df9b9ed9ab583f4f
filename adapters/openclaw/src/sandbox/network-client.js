// The parent's end of the network worker: starts it when it is first needed, and describes what a call may reach.
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";

/** Variables that Node's HTTP and TLS read; the worker gets only these. */
const ENVIRONMENT = /^(https?_proxy|no_proxy|node_extra_ca_certs|node_use_system_ca|ssl_cert_file|ssl_cert_dir)$/i;

export class Network {
  /** Who hears why a request of a guest worker was stopped. @type {Map<number, (note: object) => void>} */
  listeners = new Map();

  /** @param {{ onBlocked: (reason: string) => void, onLost: () => void, caFile?: string }} options */
  constructor(options) {
    Object.assign(this, options);
  }

  send(message, transfer = []) {
    this.worker ??= this.start();
    this.worker.postMessage(message, transfer);
  }

  start() {
    const worker = new Worker(new URL("./network.js", import.meta.url), {
      workerData: { ca: this.caFile && readFileSync(this.caFile, "utf8") },
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name))),
      execArgv: [],
      name: "huggingface-network",
    });
    worker.on("message", (note) => {
      this.listeners.get(note.worker)?.(note);
      this.onBlocked(note.reason);
    });
    worker.on("error", () => {
      this.worker = undefined;
      this.onLost();
    });
    worker.unref();
    return worker;
  }

  async close() {
    await this.worker?.terminate();
    this.worker = undefined;
  }
}

/** A shorter header value is not redacted in responses. */
const SHORTEST_OF_OTHERS = 16;

/**
 * What one call may reach, and what is added to its requests.
 * @param {{ baseUrl: string, apiKey?: string, headers?: Record<string, string>, credential: { header: string, prefix: string }, endpoints: { method: string, path: string }[], limits: object }} call
 */
export function egress({ baseUrl, apiKey, headers = {}, credential, endpoints, limits }) {
  const url = new URL(baseUrl);
  const isCredential = (name) => name.toLowerCase() === credential.header.toLowerCase();
  const secrets = Object.entries(headers)
    .filter(([name]) => isCredential(name) || /authorization|api-?key|token|secret|cookie/i.test(name))
    // The scheme before it is no secret: `Bearer`.
    .map(([name, value]) => [name, String(value).trim().split(/\s+/).at(-1)])
    // A short word could be guessed, and redaction would confirm the guess. A credential is never short.
    .filter(([name, value]) => isCredential(name) || value.length >= SHORTEST_OF_OTHERS)
    .map(([, value]) => value);
  return {
    origin: { protocol: url.protocol, host: url.host.toLowerCase(), hostname: url.hostname.replace(/^\[|\]$/g, ""), port: url.port, path: url.pathname.replace(/\/+$/, "") },
    credential: apiKey && { header: credential.header.toLowerCase(), value: `${credential.prefix}${apiKey}` },
    secrets: [apiKey, ...secrets].filter(Boolean),
    headers,
    endpoints,
    limits,
  };
}
