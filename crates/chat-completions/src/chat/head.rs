//! Response heads: which headers are retained, the request id, and which statuses are transient.

use alloc::{string::String, vec::Vec};

use crate::{error::header, upstream::Upstream};

/// Headers that are read later. The rest is not held while the response lasts.
const RETAINED: [&str; 15] = [
    "content-type",
    "date",
    "inference-id",
    "ratelimit-reset",
    "retry-after",
    "retry-after-ms",
    "x-error-message",
    "x-inference-id",
    "x-inference-request-id",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-request-id",
];
/// Headers with the request id, the preferred one first.
const REQUEST_IDS: [&str; 4] = [
    "x-request-id",
    "inference-id",
    "x-inference-request-id",
    "x-inference-id",
];

pub(super) fn retained(headers: &[(String, Vec<u8>)], upstream: &Upstream) -> Vec<(String, Vec<u8>)> {
    let all = RETAINED.iter().chain(&upstream.backend_header);
    let is_retained = |name: &str| all.clone().any(|retained| retained.eq_ignore_ascii_case(name));
    headers
        .iter()
        .filter(|(name, _)| is_retained(name))
        .cloned()
        .collect()
}

/// The upstream's request id.
pub(super) fn request_id(headers: &[(String, Vec<u8>)]) -> Option<String> {
    REQUEST_IDS
        .iter()
        .find_map(|name| header(headers, name).filter(|id| !id.is_empty()))
}

/// The backend that responded.
pub(super) fn backend(headers: &[(String, Vec<u8>)], upstream: &Upstream) -> Option<String> {
    header(headers, upstream.backend_header?)
}

/// Whether a status is transient, so that a retry may succeed.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500 | 502 | 503 | 504)
}
