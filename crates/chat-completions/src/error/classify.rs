//! Classifies upstream errors: the one table from status, code and message to the contract's error kinds.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use super::{
    message::{Found, find, readable},
    wait,
    words::{
        FEATURES, FILTERED, NO_CHAT, NO_MODEL, OVERFLOW, OVERLOADED, RATE_LIMITED, REFUSAL, REFUSED, RETIRED,
        UNKNOWN_MEMBER, UNPAID, UNREADABLE, WAIT,
    },
};
use crate::{
    contract::types::{Error, ErrorKind, Extra},
    json,
    text::{contains, lossy, split_once},
};

/// The error of a response with an error status. Header names may have any case. The hint is added by
/// [`crate::Upstream::advise`].
#[must_use]
pub fn from_response(status: u16, headers: &[(String, Vec<u8>)], body: &[u8]) -> Error {
    let content_type = header(headers, "content-type").unwrap_or_default();
    let found = find(&lossy(body), contains(&content_type, "html"));
    let said = found.message.clone();
    let in_head = || header(headers, "x-error-message").filter(|text| !text.is_empty());
    let message = if found.is_plain {
        in_head().or(said)
    } else {
        said.or_else(in_head)
    };
    let message = message.unwrap_or_else(|| plain(status, found.is_html));
    build(Some(status), found, message)
}

/// The error of an event in a successful response; `data` is the event's whole data.
#[must_use]
pub fn from_event(data: &str) -> Error {
    let found = find(data, false);
    let message = found
        .message
        .clone()
        .unwrap_or_else(|| "The backend broke off with an error.".to_owned());
    build(found.status, found, message)
}

/// Whether an object with a `message` is marked as an error: by a code, or by a status or a type that says so. Heartbeats
/// have them as well: `"status":"queued"`.
pub(crate) fn says_error(raw: &str) -> bool {
    let mut says = false;
    json::members(raw, &mut |key, value| {
        says |= match (key, json::integer_or_text(value)) {
            ("code" | "status" | "status_code" | "type" | "error_type", Some(number)) => number >= 400,
            ("code" | "status_code" | "error_type", None) => !json::is_blank(value),
            ("status" | "type" | "object", None) => any(&value.to_ascii_lowercase(), &["error", "fail"]),
            _ => false,
        };
    });
    says
}

fn build(status: Option<u16>, found: Found, message: String) -> Error {
    let code = found.code.clone().or_else(|| found.class.clone());
    let text = format!("{} {}", code.as_deref().unwrap_or_default(), message).to_ascii_lowercase();
    let is_unreadable = status.is_none_or(|status| status == 400)
        && (found.failed_generation.is_some() || any(&text, UNREADABLE));
    let kind = if is_unreadable {
        ErrorKind::Upstream
    } else {
        let code = text.get(..code.as_deref().map_or(0, str::len));
        kind(status, code.unwrap_or_default(), &text, found.is_html)
    };
    let class = found.class.unwrap_or_default().to_ascii_lowercase();
    let mut error = Error {
        retryable: is_unreadable || is_retryable(kind, status, &class),
        retry_after_ms: found.wait_ms.or_else(|| wait::in_words(&message)),
        status,
        code,
        ..Error::after_sending(kind, message)
    };
    let extras = [
        ("failed_generation", found.failed_generation),
        ("loc", found.place),
    ];
    error.extras.extend(extras.into_iter().filter_map(|(key, raw)| {
        Some(Extra {
            key: key.to_owned(),
            value_json: raw?,
        })
    }));
    error
}

/// Whether a retry may succeed. `class` is the backend's own error class, in lower case.
fn is_retryable(kind: ErrorKind, status: Option<u16>, class: &str) -> bool {
    use ErrorKind::{ContentFiltered, ContextOverflow, PaymentRequired, RateLimited, Unsupported, Upstream};
    match status {
        _ if matches!(
            kind,
            ContentFiltered | ContextOverflow | PaymentRequired | Unsupported
        ) =>
        {
            false
        }
        Some(400 | 422 | 498) => matches!(kind, RateLimited | Upstream),
        Some(status) => matches!(status, 408 | 409 | 425 | 429 | 500..=599),
        // No status: retryable unless the class blames the request.
        None => !any(class, &["invalid", "validation"]),
    }
}

#[expect(clippy::match_same_arms, reason = "a table, in the order of the statuses")]
fn kind(status: Option<u16>, code: &str, text: &str, is_html: bool) -> ErrorKind {
    let Some(status) = status else {
        // Without a status, the message alone is too weak evidence; a code is machine-readable.
        // A validator's message is about the request.
        let text = if code == "validation" { text } else { code };
        return plain_kind(code, text).unwrap_or(ErrorKind::Upstream);
    };
    match status {
        300..=399 => ErrorKind::Protocol,
        400 | 422 => bad_request(code, text),
        401 => ErrorKind::Unauthenticated,
        402 => ErrorKind::PaymentRequired,
        403 if is_html => ErrorKind::Upstream,
        403 if contains(text, "model_permission_blocked") => ErrorKind::ModelUnavailable,
        403 if any(text, UNPAID) => ErrorKind::PaymentRequired,
        403 if any(text, FILTERED) => ErrorKind::ContentFiltered,
        // 412: Fireworks, for a suspended account.
        403 | 412 => ErrorKind::PermissionDenied,
        404 if contains(text, "endpoints found that support") => ErrorKind::Unsupported,
        404 | 410 => ErrorKind::ModelUnavailable,
        408 => ErrorKind::Timeout,
        413 => ErrorKind::ContextOverflow,
        429 if any(text, UNPAID) => ErrorKind::PaymentRequired,
        429 => ErrorKind::RateLimited,
        // Groq's own status.
        498 if contains(text, "capacity") => ErrorKind::Upstream,
        500..=599 if overflows(text) => ErrorKind::ContextOverflow,
        500 if refuses_feature(text) => ErrorKind::Unsupported,
        501 => ErrorKind::Unsupported,
        // A conflict, or too early: it concerns another request, and passes with it.
        409 | 424 | 425 | 500..=599 => ErrorKind::Upstream,
        405..=499 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Protocol,
    }
}

/// The kinds that the code or message alone decides, whatever the status. Both are in lower case.
fn plain_kind(code: &str, text: &str) -> Option<ErrorKind> {
    if overflows(text) {
        Some(ErrorKind::ContextOverflow)
    } else if any(text, UNPAID) {
        Some(ErrorKind::PaymentRequired)
    } else if any(text, FILTERED) {
        Some(ErrorKind::ContentFiltered)
    } else if contains(text, WAIT) || any(code, RATE_LIMITED) {
        Some(ErrorKind::RateLimited)
    } else {
        None
    }
}

fn overflows(text: &str) -> bool {
    any(text, OVERFLOW) && !contains(text, WAIT)
}

fn bad_request(code: &str, text: &str) -> ErrorKind {
    let is_no_model = any(text, NO_MODEL) || any(text, NO_CHAT) || any(text, RETIRED) || refuses_model(text);
    match plain_kind(code, text) {
        Some(ErrorKind::ContextOverflow) => ErrorKind::ContextOverflow,
        _ if is_no_model => ErrorKind::ModelUnavailable,
        Some(kind) => kind,
        None if any(text, REFUSED) || refuses_feature(text) => ErrorKind::Unsupported,
        None if any(text, OVERLOADED) => ErrorKind::Upstream,
        None => ErrorKind::InvalidRequest,
    }
}

/// Whether a message in lower case refuses a model by its name, which may hold the name of a feature.
fn refuses_model(text: &str) -> bool {
    let refused = split_once(text, "model ").and_then(|(_, named)| split_once(named, " "));
    refused.is_some_and(|(name, rest)| {
        name.bytes().any(|byte| matches!(byte, b'/' | b'-'))
            && rest.starts_with("is not supported")
            && !any(rest, FEATURES)
    })
}

/// Whether an error is that the backend does not know the member with the reasoning of earlier turns. Others miss it.
pub(crate) fn refuses_reasoning(error: &Error, body: &[u8]) -> bool {
    let text = lossy(body).to_ascii_lowercase();
    contains(&text, "reasoning_content")
        && (error.kind == ErrorKind::Unsupported || any(&text, UNKNOWN_MEMBER))
        && !contains(&text, "missing")
}

/// Whether a message in lower case refuses a feature of the request.
pub(super) fn refuses_feature(text: &str) -> bool {
    any(text, REFUSAL) && any(text, FEATURES)
}

pub(super) fn any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| contains(text, word))
}

/// The message where the upstream has none that can be shown.
pub(super) fn plain(status: u16, is_html: bool) -> String {
    let words = match status {
        300..=399 => "a redirect, which is not followed",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        424 => "Failed Dependency",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "no further words",
    };
    let page = if is_html { " (an HTML page)" } else { "" };
    format!("The upstream returned {status}{page}: {words}.")
}

/// The first header of this name as text.
pub(crate) fn header(headers: &[(String, Vec<u8>)], name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(readable(&lossy(value)))
}

/// The content encoding of the body, if one was not requested: it cannot be decoded then.
#[must_use]
pub fn unrequested_encoding(headers: &[(String, Vec<u8>)]) -> Option<String> {
    header(headers, "content-encoding")
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
}

/// A raw JSON value for an error's extras from any text.
pub(crate) fn text_extra(key: &str, text: &str) -> Extra {
    Extra {
        key: key.to_owned(),
        value_json: json::quoted(text),
    }
}
