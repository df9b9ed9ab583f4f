// The settings of `plugins.entries.huggingface.config`: their names, defaults and units, and what is not used here.
//
// The names are those of the project's own host, so that one configuration serves both.

const MIB = 1024 * 1024;

/** Limits on a component and its requests: setting, default. */
const LIMITS = {
  memoryBytes: ["max-memory-bytes", 128 * MIB],
  tableElements: ["max-table-elements", 10_000],
  guestMs: ["max-guest-time-ms", 10_000],
  wallMs: ["max-wall-clock-ms", 900_000],
  requestBytes: ["max-request-bytes", 64 * MIB],
  responseBytes: ["max-response-bytes", 64 * MIB],
  openRequests: ["max-open-requests", 8],
  requests: ["max-requests", 16],
  fieldsBytes: ["max-http-fields-bytes", 128 * 1024],
  events: ["max-events", 1_000_000],
};

const TIMES = {
  connect: ["connect-timeout-ms", 10_000],
  firstByte: ["first-byte-timeout-ms", 120_000],
  idle: ["idle-timeout-ms", 60_000],
  list: ["list-timeout-ms", 30_000],
};

/** Settings of the project's own host that mean nothing inside OpenClaw. */
const UNUSED = [
  "max-retries", "allow-private", "empty-wasi", "max-instances", "max-resources", "max-hostcall-bytes",
  "max-stack-bytes", "serve-max-body-bytes", "serve-max-concurrent", "serve-body-timeout-ms", "serve-send-timeout-ms",
  "serve-refresh-ms",
];
const ADAPTER = ["component", "sha256", "discovery", "base-url", "ca-file", "drain-deadline-ms"];

function numbers(config, table) {
  return Object.fromEntries(
    Object.entries(table).map(([key, [name, standard]]) => {
      const value = config[name] ?? standard;
      if (!Number.isSafeInteger(value) || value < 1) throw new Error(`invalid setting ${name}: expected a whole number above 0`);
      return [key, value];
    }),
  );
}

/** Whether lists may query the service. */
function discoveryMode(discovery) {
  if (discovery === undefined || discovery === true || discovery?.enabled === true) return "authenticated";
  if (discovery === false || discovery?.enabled === false) return "off";
  return typeof discovery === "string" ? discovery : "authenticated";
}

/**
 * Reads the plugin's configuration, which OpenClaw has checked against the manifest's schema.
 * @param {Record<string, any>} [config]
 */
export function readSettings(config = {}) {
  const known = new Set([...ADAPTER, ...UNUSED, ...[...Object.values(LIMITS), ...Object.values(TIMES)].map(([name]) => name)]);
  const sha256 = config.sha256?.toLowerCase().replace(/^sha256:/, "");
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) throw new Error("invalid setting sha256: expected 64 hexadecimal digits");
  return {
    component: config.component,
    sha256,
    discovery: discoveryMode(config.discovery),
    baseUrl: config["base-url"],
    caFile: config["ca-file"],
    drainMs: config["drain-deadline-ms"] ?? 30_000,
    limits: numbers(config, LIMITS),
    times: numbers(config, TIMES),
    own: Object.fromEntries(Object.entries(config).filter(([name]) => !known.has(name))),
    unused: UNUSED.filter((name) => config[name] !== undefined),
  };
}
