// The running component of one configuration: file, pool and network worker together, shared by all registrations of
// the plugin in a process. OpenClaw registers a plugin again and again; workers are started once.
import { fileURLToPath } from "node:url";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { ComponentFile } from "./component.js";
import { callSettings } from "./config.js";
import { endpointsOf } from "./contract.js";
import { EventRedactor } from "./redact/events.js";
import { Finder } from "./redact/finder.js";
import { Network, egress } from "./sandbox/network-client.js";

const BUNDLED = fileURLToPath(new URL("../component/huggingface_provider.wasm", import.meta.url));
/** After the last registration is gone, another may come: a reload is a new one before or after the old one. */
const LINGER_MS = 5_000;

/** One of each configuration in this process, also across reloads of this module. */
const shared = (globalThis[Symbol.for("huggingface-wasm-provider.runtimes")] ??= new Map());

/** Gives the runtime of a configuration, with one user more; `release` takes it back. */
export function acquire(settings, { stateDir, logger }) {
  const key = JSON.stringify([import.meta.url, settings, stateDir]);
  let runtime = shared.get(key);
  if (!runtime) {
    runtime = new Runtime(settings, { stateDir, logger });
    shared.set(key, runtime);
  }
  runtime.users += 1;
  let released = false;
  runtime.log = logger;
  return {
    runtime,
    release() {
      if (released) return;
      released = true;
      runtime.users -= 1;
      const timer = setTimeout(() => {
        if (runtime.users > 0 || shared.get(key) !== runtime) return;
        shared.delete(key);
        void runtime.close();
      }, LINGER_MS);
      timer.unref();
    },
  };
}

/** An error without secrets in what it says. */
function clean(error, finder) {
  if (typeof error?.message === "string") error.message = finder.clean(error.message);
  if (error?.payload) error.payload = finder.cleanAll(error.payload);
  return error;
}

class Runtime {
  users = 0;

  constructor(settings, { stateDir, logger }) {
    this.settings = settings;
    this.log = logger;
    const log = { info: (text) => this.log.info?.(text), error: (text) => this.log.error?.(text), warn: (text) => this.log.warn?.(text) };
    this.network = new Network({
      caFile: settings.caFile,
      onBlocked: (reason) => log.warn(`request blocked by the egress policy: ${reason}`),
      onLost: () => this.file.restart(),
    });
    const { component } = settings;
    const state = stateDir ?? process.env.OPENCLAW_STATE_DIR ?? join(homedir(), ".openclaw");
    this.file = new ComponentFile({
      path: component === undefined ? BUNDLED : isAbsolute(component) ? component : resolve(state, component.replace(/^~(?=\/)/, homedir())),
      sha256: settings.sha256,
      cache: join(state, "cache", "huggingface-component"),
      limits: settings.limits,
      drainMs: settings.drainMs,
      network: this.network,
      settings: () => callSettings(undefined, settings, { baseUrl: "https://invalid.example", hasCredential: false }),
      log,
    });
  }

  /** Loads the component and starts a worker, so that the first call finds one. */
  warm() {
    this.file.current().then(({ pool }) => pool.warm(), () => {});
  }

  /**
   * Makes one call in the component that is live now.
   * @param {object} job
   * @param {{ baseUrl: string, apiKey?: string, headers?: object, signal?: AbortSignal, wallMs?: number, onEvents?: Function }} call
   */
  async call(job, { baseUrl, apiKey, headers, signal, wallMs, onEvents }) {
    const { pool, info } = await this.file.current();
    const credential = info.credential ?? { header: "authorization", prefix: "Bearer " };
    const { requestBytes, responseBytes } = this.settings.limits;
    const reach = egress({ baseUrl, apiKey, headers, credential, endpoints: endpointsOf(info), limits: { requestBytes, responseBytes } });
    // The network masks secrets in bytes; what the guest made of them may hold one that no byte showed.
    const finder = new Finder(reach.secrets);
    const events = new EventRedactor(finder);
    const hand = (some) => some.length > 0 && onEvents?.(some);
    try {
      const result = await pool.call(job, {
        egress: reach,
        onEvents: onEvents && ((some) => hand(events.take(some))),
        signal,
        wallMs: wallMs ?? this.settings.limits.wallMs,
      });
      return finder.cleanAll(result);
    } catch (error) {
      throw clean(error, finder);
    } finally {
      hand(events.finish());
    }
  }

  async close() {
    await this.file.close();
    await this.network.close();
  }
}
