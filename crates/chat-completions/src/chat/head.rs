//! What of a response's head counts: which headers are kept, the request's id, and whether a status may pass.

use alloc::{string::String, vec::Vec};

use crate::{error::header, upstream::Upstream};

/// The headers that are looked at later. The others are not held as long as the response lasts.
const KEPT: [&str; 13] = [
    "content-type",
    "date",
    "inference-id",
    "retry-after",
    "retry-after-ms",
    "x-error-message",
    "x-inference-id",
    "x-inference-request-id",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-request-id",
];
/// Those that name the request, the better name first.
const REQUEST_IDS: [&str; 4] = [
    "x-request-id",
    "inference-id",
    "x-inference-request-id",
    "x-inference-id",
];

pub(super) fn kept(headers: &[(String, Vec<u8>)], upstream: &Upstream) -> Vec<(String, Vec<u8>)> {
    let all = KEPT.iter().chain(&upstream.backend_header);
    let is_kept = |name: &str| all.clone().any(|kept| kept.eq_ignore_ascii_case(name));
    headers
        .iter()
        .filter(|(name, _)| is_kept(name))
        .cloned()
        .collect()
}

/// The upstream's name for the request.
pub(super) fn request_id(headers: &[(String, Vec<u8>)]) -> Option<String> {
    REQUEST_IDS
        .iter()
        .find_map(|name| header(headers, name).filter(|id| !id.is_empty()))
}

/// The backend that responded.
pub(super) fn backend(headers: &[(String, Vec<u8>)], upstream: &Upstream) -> Option<String> {
    header(headers, upstream.backend_header?)
}

/// Whether a status may be gone soon, so that the same request is worth another try.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500 | 502 | 503 | 504)
}
