// Errors of the contract, from the upstream's responses and from the network. Knows no streams.

import { REQUEST_ID_HEADER } from './facts.js';

// The contract's limit for a message.
const MAX_MESSAGE_BYTES = 4096;
const KINDS = {
  400: 'invalid-request',
  401: 'unauthenticated',
  402: 'payment-required',
  403: 'permission-denied',
  404: 'model-unavailable',
  408: 'timeout',
  413: 'context-overflow',
  422: 'invalid-request',
  429: 'rate-limited',
};
const RETRYABLE = ['rate-limited', 'upstream', 'timeout'];
// No request has reached the upstream before one of these.
const UNSENT = [
  'DNS-timeout',
  'DNS-error',
  'destination-not-found',
  'destination-unavailable',
  'destination-IP-prohibited',
  'destination-IP-unroutable',
  'connection-refused',
  'connection-timeout',
  'connection-limit-reached',
  'HTTP-request-denied',
  'HTTP-request-URI-invalid',
];
const DENIED = [
  'HTTP-request-denied',
  'destination-IP-prohibited',
  'connection-limit-reached',
  'HTTP-request-URI-invalid',
  'HTTP-request-body-size',
];
const TIMED_OUT = ['connection-timeout', 'DNS-timeout', 'connection-read-timeout', 'HTTP-response-timeout'];

export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
export const asText = (value) => (typeof value === 'string' ? value.toWellFormed() : '');

// An error of the contract on its way to an export, which throws its record.
export class Failed {
  constructor(error) {
    this.error = error;
  }
}

// An export whose failures are errors of the contract.
export function exported(call) {
  return function (...values) {
    try {
      return call.apply(this, values);
    } catch (failed) {
      if (failed instanceof Failed) throw failed.error;
      throw failed;
    }
  };
}

// An error before any request was sent.
export function before(kind, message, more) {
  return {
    kind,
    message: shortened(message),
    hint: undefined,
    retryable: false,
    retryAfterMs: undefined,
    requestSent: false,
    attempts: 0,
    status: undefined,
    code: undefined,
    backend: undefined,
    requestId: undefined,
    suggestions: [],
    extras: [],
    ...more,
  };
}

// An error after a request was sent.
export const sent = (kind, message, more) => before(kind, message, { requestSent: true, ...more });
export const invalid = (message) => new Failed(before('invalid-request', message));
export const unsupported = (what) => new Failed(before('unsupported', `this plugin cannot send ${what}`));
export const timeout = (what) => sent('timeout', `no ${what} within the timeout of the settings`, { retryable: true });

function shortened(message) {
  const bytes = new TextEncoder().encode(message);
  if (bytes.length <= MAX_MESSAGE_BYTES) return message.toWellFormed();
  // A character that is cut at its end is left out.
  return new TextDecoder().decode(bytes.subarray(0, MAX_MESSAGE_BYTES), { stream: true });
}

// Maps a failure of the network or of the host.
export function ofNetwork({ tag }) {
  const more = { requestSent: !UNSENT.includes(tag) };
  if (DENIED.includes(tag)) return before('denied', 'the host does not allow this request', more);
  if (TIMED_OUT.includes(tag)) {
    return before('timeout', 'no connection or response within the timeout', { ...more, retryable: true });
  }
  if (tag === 'HTTP-protocol-error') return before('protocol', 'the service does not respond with HTTP', more);
  const message = 'the connection could not be established, or was lost';
  return before('transport', message, { ...more, retryable: true });
}

// The error of a response with an error status.
export function ofStatus(status, header, body) {
  let value;
  try {
    value = JSON.parse(body);
  } catch {
    // The status is all that is known.
  }
  const error = ofJson(value, status);
  // Seconds; a date is ignored, since the component has no wall clock.
  const after = (header('retry-after') ?? '').trim();
  if (/^\d{1,6}$/.test(after)) error.retryAfterMs = Number(after) * 1000;
  error.requestId = header(REQUEST_ID_HEADER);
  return error;
}

// Maps an error object of a response or of a stream.
export function ofJson(value, status) {
  const found = isObject(value) && value.error != null ? value.error : value;
  const members = isObject(found) ? found : {};
  const named = [members.code, members.status].find(Number.isInteger);
  if (status === undefined && named >= 100 && named <= 999) status = named;
  const code = [members.code, members.type].map(asText).find(Boolean);
  const known = status === undefined ? 'the service reported an error' : `the service responded with status ${status}`;
  const message = asText(members.message) || asText(found) || known;
  let kind = 'upstream';
  if (code?.includes('context_length')) kind = 'context-overflow';
  else if (code?.includes('content_filter')) kind = 'content-filtered';
  else if (status < 500) kind = KINDS[status] ?? 'other';
  return sent(kind, message, { retryable: RETRYABLE.includes(kind), status, code });
}
