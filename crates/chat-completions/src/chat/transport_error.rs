//! Errors that an exchange raises itself: transport failures, and successful responses that are not valid.

use alloc::{borrow::ToOwned, format};

use super::{driver::FailureKind, finish::Meaning, tools::Broken};
use crate::{
    contract::types::{Error, ErrorKind},
    error,
    warning::quote,
    wire::sse,
};

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// No byte of the response body has arrived.
    Waiting,
    /// The body is being read.
    Reading,
}

/// Converts a transport failure; `limit_ms` is the timeout that was in force.
pub(super) fn failure(kind: FailureKind, progress: Progress, limit_ms: u32) -> Error {
    use ErrorKind::{Denied, Internal, Protocol, Timeout, Transport};
    let limit = if limit_ms.is_multiple_of(1000) {
        format!("{} s", limit_ms / 1000)
    } else {
        format!("{limit_ms} ms")
    };
    let may_be_lost = matches!(kind, FailureKind::Protocol);
    let (kind, message) = match (kind, progress) {
        (FailureKind::Connect, _) => (Transport, "There is no connection to the upstream."),
        (FailureKind::ConnectTimeout, _) => (Timeout, "The upstream took no connection in time."),
        (FailureKind::Tls, _) => (Transport, "There is no secure connection to the upstream."),
        (FailureKind::Reset, Progress::Reading) => return cut_off(),
        (FailureKind::Reset, Progress::Waiting) => {
            (Transport, "The connection was lost before the response started.")
        }
        (FailureKind::Timeout, Progress::Reading) => (Timeout, "The response stalled for"),
        (FailureKind::Timeout, Progress::Waiting) => (Timeout, "No response within"),
        (FailureKind::Denied, _) => (Denied, "The host blocked the request."),
        (FailureKind::Protocol, _) => (
            Protocol,
            "The connection was lost, or what the upstream sent is not HTTP.",
        ),
        (FailureKind::Encoded, _) => (
            Protocol,
            "The response has a content encoding that was not requested.",
        ),
        (FailureKind::Internal, _) => (Internal, "The request could not be made."),
    };
    let message = if message.ends_with('.') {
        message.to_owned()
    } else {
        format!("{message} {limit}.")
    };
    Error {
        retryable: may_be_lost || matches!(kind, Transport | Timeout),
        ..Error::before_sending(kind, message)
    }
}

/// A response that was cut.
pub(super) fn cut_off() -> Error {
    let mut error = Error::after_sending(ErrorKind::Transport, "The response broke off before its end.")
        .with_hint("Try again. If it happens often, look for a proxy or a time limit on the way.");
    error.retryable = true;
    error
}

/// A successful response without content.
pub(super) fn empty() -> Error {
    let mut error = Error::after_sending(
        ErrorKind::Protocol,
        "The upstream returned a success status, but the response is empty.",
    )
    .with_hint("Try again, or choose another model or backend.");
    error.retryable = true;
    error
}

/// A document that is not the expected JSON object.
pub(super) fn no_json(what: &str) -> Error {
    let message = format!("{what} is not the expected JSON.");
    let mut error = Error::after_sending(ErrorKind::Protocol, message)
        .with_hint("Try again, or choose another model or backend.");
    error.retryable = true;
    error
}

/// A response that may have content, in an unknown format.
pub(super) fn unread() -> Error {
    let message = "The response has an unknown format.";
    Error::after_sending(ErrorKind::Protocol, message).with_hint("Choose another model or backend.")
}

/// A finish reason that reports a failure of the backend, without an error object.
pub(super) fn failed(word: &str) -> Error {
    let mut error = error::from_event("");
    if !word.eq_ignore_ascii_case("error") {
        error.message = format!("The backend broke off with the finish reason {}.", quote(word));
    }
    error
}

/// An HTML or XML page in place of a completion.
pub(super) fn page() -> Error {
    Error::after_sending(
        ErrorKind::Protocol,
        "The response is a page (HTML or XML), not a completion.",
    )
    .with_hint(
        "Check that the base URL is the API's, with its `/v1`, and that no proxy responds in its place.",
    )
}

/// Input beyond the size limit.
pub(super) fn too_long(what: &str) -> Error {
    let message = format!("{what} is longer than {} MiB.", sse::LIMIT >> 20);
    Error::after_sending(ErrorKind::Protocol, message)
}

/// A tool call that is not complete. The finish reason gives the cause.
pub(super) fn broken_call(broken: Broken, finish: Option<Meaning>) -> Error {
    let cause = match finish {
        Some(Meaning::Length) => ": the response reached its limit",
        Some(Meaning::Filtered) => ": a content filter cut the response",
        _ => "",
    };
    let (message, raw) = match broken {
        Broken::Arguments { name, raw } => (
            format!(
                "The arguments of the call of tool {} are not JSON{cause}.",
                quote(&name)
            ),
            Some(raw),
        ),
        Broken::Nameless { raw } => (
            format!("A tool call in the response has no name{cause}."),
            Some(raw),
        ),
        Broken::TooMany => ("The response has too many tool calls.".to_owned(), None),
    };
    let hint = match finish {
        Some(Meaning::Length) => "The response reached its limit: allow more output tokens.",
        Some(Meaning::Filtered) => "Change the prompt, or choose another model or backend.",
        _ => {
            "Try again, or choose another model or backend: this one wrote a tool call that cannot be parsed."
        }
    };
    let mut error = Error::after_sending(ErrorKind::Protocol, message).with_hint(hint);
    error.retryable = cause.is_empty();
    error
        .extras
        .extend(raw.map(|raw| error::text_extra("arguments", &raw)));
    error
}
