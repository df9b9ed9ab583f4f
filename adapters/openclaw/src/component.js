// The component in service: reads its file, has it transpiled (cached by digest), tests it, and replaces it when the
// file changes. New calls use the new one, calls under way end on the old one; a broken file changes nothing.
//
// It knows files, digests and pools; what a call is, is not its matter.
import { createHash } from "node:crypto";
import { watch } from "node:fs";
import { readFile, readdir, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { readFolder } from "./sandbox/cached_folder.js";
import { Pool } from "./sandbox/pool.js";

/** What made a cached folder: another transpiler or another layout is another folder. */
export const TRANSPILER = "jco-0.15.0-1";
/** Folders of the cache that stay in any case; older ones may still be in use by another process for a day. */
const CACHED = 4;
const UNUSED_MS = 24 * 60 * 60_000;
const MAX_BYTES = 32 * 1024 * 1024;
const SETTLE_MS = 150;
/** Longer than the step of any file system's times. */
const SAME_TIME_MS = 50;
const PROVIDER = "huggingface";
/** From when on a file is tried again that the system failed to try: a full disk is not the file's fault. */
const RETRY_MS = 30_000;
const START = { heap: { maxOldGenerationSizeMb: 1024 }, wallMs: 120_000 };

/** A component that is not taken. The message says why and what to do. */
export class ComponentError extends Error {
  name = "ComponentError";
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

export class ComponentFile {
  /**
   * @param {{ path: string, sha256?: string, cache: string, limits: object, drainMs: number, network: object, settings: () => object, log: object }} options
   */
  constructor(options) {
    Object.assign(this, options);
    this.live = undefined;
    this.refused = undefined;
  }

  /** The component for a new call: the live one, or the file's if it has changed. */
  async current() {
    this.watchFile();
    // What is being loaded may be the file as it was before this call.
    await this.loading;
    if (this.closed) throw new ComponentError("the plugin was unloaded");
    this.loading ??= this.refresh().finally(() => (this.loading = undefined));
    await this.loading;
    if (!this.live) throw new ComponentError(this.refused.reason);
    return this.live;
  }

  async refresh() {
    const seen = await this.signature();
    if (seen === this.live?.seen) return;
    if (this.live && seen === this.refused?.seen && Date.now() < this.refused.until) return;
    try {
      await this.checkFile();
      const bytes = await readFile(this.path);
      const digest = sha256(bytes);
      if (digest === this.live?.digest) return void (this.live.seen = seen);
      const next = await this.load(digest, bytes);
      const before = this.live;
      this.live = { ...next, seen };
      this.refused = undefined;
      before?.pool.retire(this.drainMs);
      this.log.info(`component ${before ? "replaced" : "loaded"}: ${next.info.name} ${next.info.version}, sha256 ${digest}`);
    } catch (error) {
      const reason = `component ${this.path} not taken: ${reasonOf(error)}`;
      if (this.refused?.reason !== reason) this.log.error(this.live ? `${reason}; the one before stays in service` : reason);
      // Errors of the system have a number.
      const passes = error?.errno !== undefined || error?.passes === true;
      this.refused = { seen, reason, until: passes ? Date.now() + RETRY_MS : Infinity };
    }
  }

  /** Who may write the file decides what runs: not everybody. */
  async checkFile() {
    const file = await stat(this.path);
    if (!file.isFile()) throw new ComponentError("it is not a regular file");
    if (file.size > MAX_BYTES) throw new ComponentError(`it has ${file.size} bytes, expected at most ${MAX_BYTES}`);
    const folder = await stat(dirname(this.path));
    const isShared = process.platform !== "win32" && (file.mode & 0o002 || ((folder.mode & 0o002) && !(folder.mode & 0o1000)));
    if (isShared) throw new ComponentError("everybody may write it or its folder; take that right away: chmod o-w");
  }

  /** Changes whenever the file does. A file that was written just now has none yet: it may change at the same time again. */
  async signature() {
    try {
      const { ino, size, mtimeMs, ctimeMs } = await stat(this.path);
      if (Math.abs(Date.now() - ctimeMs) < SAME_TIME_MS) return Symbol("new");
      return `${ino}:${size}:${mtimeMs}:${ctimeMs}`;
    } catch (error) {
      return `missing:${error.code}`;
    }
  }

  async load(digest, bytes) {
    if (this.sha256 && digest !== this.sha256) {
      throw new ComponentError(`its sha256 is ${digest}, the setting sha256 wants ${this.sha256}`);
    }
    const folder = join(this.cache, `${digest}-${TRANSPILER}`);
    const modules = (await cachedModules(folder)) ?? (await this.transpile(bytes, folder));
    const pool = new Pool({ folder, modules, limits: this.limits }, this.network);
    try {
      const info = await this.test(pool);
      await this.sweep(folder);
      return { digest, pool, info };
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  async transpile(bytes, folder) {
    const worker = new Worker(new URL("./sandbox/transpile.js", import.meta.url), {
      workerData: { bytes, folder, limits: this.limits },
      resourceLimits: START.heap,
      env: {},
      execArgv: [],
      name: "huggingface-transpile",
    });
    const timer = setTimeout(() => worker.terminate(), START.wallMs);
    try {
      const { error, errno } = await new Promise((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
        worker.once("exit", () => reject(new ComponentError(`it was not transpiled within ${START.wallMs / 1000} s`)));
      });
      if (error) throw Object.assign(new ComponentError(error), { errno });
    } finally {
      clearTimeout(timer);
      await worker.terminate();
    }
    const modules = await cachedModules(folder);
    if (modules) return modules;
    // Another process may be repairing the folder at this moment.
    throw Object.assign(new ComponentError(`the cache ${this.cache} does not keep what is written to it`), { passes: true });
  }

  /** It has to say that it is this provider, and to resolve its own default model. */
  async test(pool) {
    const settings = this.settings();
    const info = await pool.call({ call: "describe", settings }, { wallMs: START.wallMs });
    if (info.id !== PROVIDER) throw new ComponentError(`it is the provider ${JSON.stringify(info.id)}, expected ${JSON.stringify(PROVIDER)}`);
    if (info.defaultModel) await pool.call({ call: "resolve", reference: info.defaultModel, settings }, { wallMs: START.wallMs });
    return info;
  }

  async sweep(folder) {
    const now = new Date();
    await utimes(folder, now, now).catch(() => {});
    const names = await readdir(this.cache).catch(() => []);
    const dated = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(this.cache, name)).catch(() => ({ mtimeMs: 0 }))).mtimeMs })),
    );
    dated.sort((one, other) => other.at - one.at);
    const old = dated.slice(CACHED).filter(({ at }) => now - at > UNUSED_MS);
    await Promise.all(old.map(({ name }) => rm(join(this.cache, name), { recursive: true, force: true })));
  }

  /** Looks at the folder, not the file: a file that is renamed over another is a new file. */
  watchFile() {
    if (this.watcher || this.closed) return;
    try {
      this.watcher = watch(dirname(this.path), { persistent: false }, (_, name) => {
        if (name !== null && name !== basename(this.path)) return;
        clearTimeout(this.settling);
        this.settling = setTimeout(() => this.closed || this.current().catch(() => {}), SETTLE_MS);
        this.settling.unref();
      });
      this.watcher.on("error", () => this.watcher.close());
    } catch {
      // Without a watcher the file is still looked at before each call.
      this.watcher = { close() {} };
    }
  }

  /** The network worker is gone, and the connections of all guests with it. */
  restart() {
    if (!this.live) return;
    const { pool } = this.live;
    this.live = { ...this.live, pool: new Pool(pool.component, this.network) };
    void pool.close();
  }

  async close() {
    this.closed = true;
    clearTimeout(this.settling);
    this.watcher?.close();
    await this.live?.pool.close();
  }
}

function reasonOf(error) {
  if (error?.code === "ENOENT") return "there is no such file";
  return error?.payload ? `it failed its test: ${error.payload.message}` : String(error?.message ?? error);
}

/** The core modules of a cached folder, if all of it is as it was written. */
async function cachedModules(folder) {
  return (await readFolder(folder))?.filter((name) => name.endsWith(".wasm"));
}
