// What an error of Node's sockets, resolver or TLS is in the words of `wasi:http`: the class, never the details.

const BY_CODE = {
  ENOTFOUND: { tag: "DNS-error", val: { rcode: "NXDOMAIN", infoCode: undefined } },
  EAI_AGAIN: { tag: "DNS-timeout" },
  ECONNREFUSED: { tag: "connection-refused" },
  EHOSTUNREACH: { tag: "destination-IP-unroutable" },
  ENETUNREACH: { tag: "destination-IP-unroutable" },
  EADDRNOTAVAIL: { tag: "destination-IP-unroutable" },
  ETIMEDOUT: { tag: "connection-timeout" },
  EPROTO: { tag: "TLS-protocol-error" },
  HPE_HEADER_OVERFLOW: { tag: "HTTP-response-header-section-size", val: undefined },
};

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY|DECRYPT)|HOSTNAME_MISMATCH|CRL_/;

/**
 * @param {NodeJS.ErrnoException} error
 * @param {{ reused?: boolean, headSeen?: boolean }} seen what is known of the exchange
 */
export function codeOf(error, { reused = false, headSeen = false }) {
  const code = error.code ?? error.errors?.[0]?.code ?? "";
  if (Object.hasOwn(BY_CODE, code)) return BY_CODE[code];
  if (CERTIFICATE.test(code)) return { tag: "TLS-certificate-error" };
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS")) return { tag: "TLS-protocol-error" };
  if (code.startsWith("HPE_")) return { tag: "HTTP-protocol-error" };
  if (code === "ERR_PROXY_TUNNEL" || code === "ERR_PROXY_INVALID_CONFIG") return { tag: "destination-unavailable" };
  // A connection that was idle and is gone, or one that broke: only the first was never seen by the server.
  if (code === "ECONNRESET" || code === "EPIPE") {
    return { tag: reused && !headSeen ? "connection-terminated" : "HTTP-response-incomplete" };
  }
  return { tag: "internal-error", val: undefined };
}
