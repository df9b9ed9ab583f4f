// A host in JavaScript: `jco.mjs TRANSPILED BASE_URL REFERENCE CHATS` lists, resolves, chats; writes JSON.
//
// TRANSPILED is the folder that `jco transpile --instantiation` made of the component, NODE_MODULES (from the
// environment) has jco's own WASI. The credential comes from HF_TOKEN. This host's edge is between the component and
// that WASI: it lets requests through to one origin, and adds the header where the component cannot see it.
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [transpiled, baseUrl, reference, chats] = process.argv.slice(2);
const token = process.env.HF_TOKEN;
const shim = (name) =>
  import(pathToFileURL(join(process.env.NODE_MODULES, "@bytecodealliance/preview2-shim/dist/nodejs", `${name}.js`)));
const [http, io, clocks] = await Promise.all(["http", "io", "clocks"].map(shim));

class OutgoingRequest extends http.types.OutgoingRequest {
  #ofTheGuest;
  constructor(headers) {
    if (headers.has("authorization")) throw new Error("the component set the credential's header itself");
    const sent = headers.clone();
    if (token) sent.append("authorization", new TextEncoder().encode(`Bearer ${token}`));
    super(sent);
    this.#ofTheGuest = headers;
  }
  headers() {
    return this.#ofTheGuest;
  }
}

function handle(request, options) {
  const origin = new URL(baseUrl);
  const scheme = `${request.scheme()?.tag.toLowerCase()}:`;
  if (request.authority() !== origin.host || scheme !== origin.protocol) throw { tag: "HTTP-request-denied" };
  return http.outgoingHandler.handle(request, options);
}

const snapshot = {
  baseUrl,
  credential: token ? "attached-by-host" : "not-required",
  connectTimeoutMs: 10_000,
  firstByteTimeoutMs: 60_000,
  idleTimeoutMs: 60_000,
  listTimeoutMs: 30_000,
  maxRetries: 2,
  extras: [],
};
const none = () => undefined;
const empty = () => [];
const { instantiate } = await import(pathToFileURL(resolve(transpiled, "component.js")));
const component = await instantiate(
  async (path) => WebAssembly.compile(await readFile(join(transpiled, path))),
  {
    "openclaw:model-provider/settings": {
      get: () => snapshot,
      listConfigured: empty,
      findConfigured: none,
      listAliases: empty,
      findAlias: empty,
      findAliasesOf: empty,
      findListed: none,
      listedIds: empty,
    },
    "wasi:http/types": { ...http.types, OutgoingRequest },
    "wasi:http/outgoing-handler": { handle },
    "wasi:io/error": io.error,
    "wasi:io/poll": io.poll,
    "wasi:io/streams": io.streams,
    "wasi:clocks/monotonic-clock": clocks.monotonicClock,
  },
);

function chat(text) {
  const messages = [{ tag: "user", val: { content: [{ tag: "text", val: text }], extras: [] } }];
  const request = { model: reference, messages, tools: [], maxOutputTokens: 16, stop: [], extras: [] };
  const completion = component.provider.chatStream(request);
  const events = [];
  for (;;) {
    const progress = completion.read(64, 1000);
    events.push(...progress.events);
    if (progress.finished) {
      completion[Symbol.dispose]();
      return { events, summary: progress.finished };
    }
  }
}

try {
  const catalog = component.provider.listModels("authenticated");
  const resolved = component.provider.resolveRef(reference);
  const answers = Array.from({ length: Number(chats) }, (_, number) => chat(`What is number ${number}?`));
  process.stdout.write(JSON.stringify({ catalog, resolved, answers }), () => process.exit(0));
} catch (error) {
  // An `error` of the contract is in `payload`.
  process.stderr.write(`${error.payload ? JSON.stringify(error.payload) : error.stack}\n`, () => process.exit(1));
}
