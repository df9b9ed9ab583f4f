//! From what an upstream answered to what a caller branches on: the one table of error kinds.

use alloc::{format, string::String, string::ToString, vec::Vec};

use super::{
    hint::hint,
    message::{Found, find, readable},
};
use crate::contract::types::{Error, ErrorKind, Extra};
use crate::{
    json,
    text::{contains, lossy},
};

/// Words by which backends say that the input is too long.
const OVERFLOW: [&str; 11] = [
    "maximum context length",
    "reduce the length of the messages",
    "exceeds maximum input length",
    "exceeds the available context size",
    "context window exceeds limit",
    "exceeded model token limit",
    "context_length_exceeded",
    "context length exceeded",
    "prompt is too long",
    "too many tokens",
    "`inputs` tokens + `max_new_tokens` must be <=",
];
/// Words by which backends say that they could not read what their model wrote.
const UNREADABLE: [&str; 4] = [
    "tool_use_failed",
    "output_parse_failed",
    "post processor",
    "expecting ',' delimiter",
];
/// Words by which backends refuse something.
const REFUSAL: [&str; 5] = [
    "not support",
    "unsupported",
    "n't support",
    "not enabled",
    "not available for this model",
];
/// What they refuse so: the features that a request can ask for.
const FEATURES: [&str; 15] = [
    "vision",
    "image",
    "multimodal",
    "audio",
    "video",
    "tool",
    "function call",
    "structured output",
    "schema",
    "response_format",
    "response format",
    "json mode",
    "json_object",
    "grammar",
    "logprobs",
];
/// Codes by which they say that there is no such model.
const NO_MODEL: [&str; 3] = ["model_not_found", "model_not_supported", "model_not_available"];

/// The error that an answer with an error status is. Header names may have any case.
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

/// The error that an event of an answer of success is: the event's whole data.
#[must_use]
pub fn from_event(data: &str) -> Error {
    let found = find(data, false);
    let message = found
        .message
        .clone()
        .unwrap_or_else(|| "The backend broke off with an error.".to_string());
    build(found.status, found, message)
}

fn build(status: Option<u16>, found: Found, message: String) -> Error {
    let code = found.code.clone().or_else(|| found.class.clone());
    let text = format!("{} {}", code.as_deref().unwrap_or_default(), message).to_ascii_lowercase();
    let unreadable = status.is_none_or(|status| status == 400) && any(&text, &UNREADABLE);
    let kind = match status {
        _ if unreadable => ErrorKind::Upstream,
        None => ErrorKind::Upstream,
        Some(status) => kind(status, code.as_deref(), &text, found.is_html),
    };
    let retryable = match status {
        Some(status) => matches!(status, 408 | 429 | 500..=599) || unreadable,
        // Without a number: unless it says that the request is at fault.
        None => {
            unreadable
                || !any(
                    &found.class.unwrap_or_default().to_ascii_lowercase(),
                    &["invalid", "validation"],
                )
        }
    };
    let mut error = Error {
        retryable,
        status,
        code,
        ..Error::after_sending(kind, message)
    };
    error.hint = hint(&error, found.is_html).map(String::from);
    let extras = [
        ("failed_generation", found.failed_generation),
        ("loc", found.place),
    ];
    error.extras.extend(extras.into_iter().filter_map(|(key, raw)| {
        Some(Extra {
            key: key.to_string(),
            value_json: raw?,
        })
    }));
    error
}

fn kind(status: u16, code: Option<&str>, text: &str, is_html: bool) -> ErrorKind {
    match status {
        300..=399 => ErrorKind::Protocol,
        400 => bad_request(code.unwrap_or_default(), text),
        401 => ErrorKind::Unauthenticated,
        402 => ErrorKind::PaymentRequired,
        403 if is_html => ErrorKind::Upstream,
        403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::ModelUnavailable,
        408 => ErrorKind::Timeout,
        413 => ErrorKind::ContextOverflow,
        424 | 500..=599 => ErrorKind::Upstream,
        429 => ErrorKind::RateLimited,
        405..=499 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Protocol,
    }
}

fn bad_request(code: &str, text: &str) -> ErrorKind {
    if any(text, &OVERFLOW) {
        ErrorKind::ContextOverflow
    } else if NO_MODEL.contains(&code) || contains(text, "model not supported by provider") {
        ErrorKind::ModelUnavailable
    } else if matches!(code, "content_filter" | "content_policy_violation") {
        ErrorKind::ContentFiltered
    } else if any(text, &REFUSAL) && any(text, &FEATURES) {
        ErrorKind::Unsupported
    } else {
        ErrorKind::InvalidRequest
    }
}

fn any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| contains(text, word))
}

/// What to say where the upstream says nothing that can be shown.
fn plain(status: u16, is_html: bool) -> String {
    let words = match status {
        300..=399 => "a redirect, which is not followed",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        424 => "Failed Dependency",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "no further words",
    };
    let page = if is_html { " (an HTML page)" } else { "" };
    format!("The upstream answered {status}{page}: {words}.")
}

/// The first header of this name as text.
pub(crate) fn header(headers: &[(String, Vec<u8>)], name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(readable(lossy(value)))
}

/// A raw value for an error's extras from any text.
pub(crate) fn text_extra(key: &str, text: &str) -> Extra {
    Extra {
        key: key.to_string(),
        value_json: json::quoted(text),
    }
}
