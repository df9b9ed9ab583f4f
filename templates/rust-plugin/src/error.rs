//! Errors of the contract, from the upstream's responses and from the network. It must not know streams.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;
use wasi::http::types::ErrorCode;

use crate::{
    contract::types::{Error, ErrorKind},
    facts::REQUEST_ID_HEADER,
    http::{Failure, Response},
};

/// The contract's limit for a message.
const MAX_MESSAGE_BYTES: usize = 4096;

/// An error before any request was sent.
pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error {
        kind,
        message: shortened(message.into()),
        hint: None,
        retryable: false,
        retry_after_ms: None,
        request_sent: false,
        attempts: 0,
        status: None,
        code: None,
        backend: None,
        request_id: None,
        suggestions: Vec::new(),
        extras: Vec::new(),
    }
}

/// An error after a request was sent.
pub(crate) fn sent(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error {
        request_sent: true,
        ..new(kind, message)
    }
}

fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        let mut end = MAX_MESSAGE_BYTES;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
    }
    message
}

/// Maps a failure of the network or of the host.
pub(crate) fn of_failure(failure: &Failure) -> Error {
    let (kind, message, retryable) = match &failure.code {
        ErrorCode::HttpRequestDenied
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestBodySize(_) => (ErrorKind::Denied, "the host does not allow this request", false),
        ErrorCode::ConnectionTimeout | ErrorCode::DnsTimeout => {
            (ErrorKind::Timeout, "no connection within the connect timeout", true)
        }
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            (ErrorKind::Timeout, "no response within the timeout", true)
        }
        ErrorCode::ConnectionRefused => (ErrorKind::Transport, "the service refuses connections", true),
        ErrorCode::HttpProtocolError => (ErrorKind::Protocol, "the service does not respond with HTTP", false),
        ErrorCode::HttpResponseBodySize(_) => (ErrorKind::Protocol, "the response is larger than it may be", false),
        _ => (
            ErrorKind::Transport,
            "the connection could not be established, or was lost",
            true,
        ),
    };
    Error {
        retryable,
        request_sent: failure.sent,
        ..new(kind, message)
    }
}

pub(crate) fn timeout(what: &str) -> Error {
    Error {
        retryable: true,
        ..sent(
            ErrorKind::Timeout,
            format!("no {what} within the timeout of the settings"),
        )
    }
}

/// The error of a response with an error status.
pub(crate) fn of_status(response: &Response, body: &[u8]) -> Error {
    let status = response.status();
    let mut error = of_json(&serde_json::from_slice(body).unwrap_or_default(), Some(status));
    error.retry_after_ms = response.header("retry-after").and_then(|text| wait_ms(&text));
    error.request_id = REQUEST_ID_HEADER.and_then(|name| response.header(name));
    error
}

/// Maps an error object of a response or of a stream.
pub(crate) fn of_json(body: &Value, status: Option<u16>) -> Error {
    let object = body.get("error").unwrap_or(body);
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let code = text("code").or_else(|| text("type")).map(ToString::to_string);
    let named = object
        .get("code")
        .or_else(|| object.get("status"))
        .and_then(Value::as_u64);
    let status = status.or_else(|| named.and_then(|named| u16::try_from(named).ok()));
    let message = text("message").or_else(|| object.as_str());
    let message = match (message, status) {
        (Some(message), _) => message.to_string(),
        (None, Some(status)) => format!("the service responded with status {status}"),
        (None, None) => "the service reported an error".to_string(),
    };
    let is = |word: &str| code.as_deref().is_some_and(|code| code.contains(word));
    let kind = match status {
        _ if is("context_length") => ErrorKind::ContextOverflow,
        _ if is("content_filter") => ErrorKind::ContentFiltered,
        Some(400 | 422) => ErrorKind::InvalidRequest,
        Some(401) => ErrorKind::Unauthenticated,
        Some(402) => ErrorKind::PaymentRequired,
        Some(403) => ErrorKind::PermissionDenied,
        Some(404) => ErrorKind::ModelUnavailable,
        Some(408) => ErrorKind::Timeout,
        Some(413) => ErrorKind::ContextOverflow,
        Some(429) => ErrorKind::RateLimited,
        Some(500..) | None => ErrorKind::Upstream,
        Some(_) => ErrorKind::Other,
    };
    let retryable = matches!(kind, ErrorKind::RateLimited | ErrorKind::Upstream | ErrorKind::Timeout);
    Error {
        retryable,
        status,
        code,
        ..sent(kind, message)
    }
}

/// `Retry-After` in seconds. A date is ignored: the component has no wall clock.
fn wait_ms(text: &str) -> Option<u32> {
    text.trim().parse::<u32>().ok()?.checked_mul(1000)
}
