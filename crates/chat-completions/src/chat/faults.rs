//! The errors of an exchange that do not come from the upstream's words: failures below HTTP, and answers of
//! success that are none.

use alloc::{format, string::ToString};

use super::{driver::FailureKind, finish::Meaning, tools::Broken};
use crate::{
    contract::types::{Error, ErrorKind},
    error,
    warning::quote,
    wire::sse,
};

/// How far an attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// No byte of the answer's body is there.
    Waiting,
    /// The body is on its way.
    Reading,
}

/// The error that a failure is. `limit_ms` is the time limit that held.
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
            (Transport, "The connection was lost before an answer came.")
        }
        (FailureKind::Timeout, Progress::Reading) => (Timeout, "The answer stood still for"),
        (FailureKind::Timeout, Progress::Waiting) => (Timeout, "No answer came within"),
        (FailureKind::Denied, _) => (Denied, "The host did not let the request through."),
        (FailureKind::Protocol, _) => (
            Protocol,
            "The connection was lost, or what the upstream sent is not HTTP.",
        ),
        (FailureKind::Encoded, _) => (Protocol, "The answer is encoded in a way that was not asked for."),
        (FailureKind::Internal, _) => (Internal, "The request could not be made."),
    };
    let message = if message.ends_with('.') {
        message.to_string()
    } else {
        format!("{message} {limit}.")
    };
    Error {
        retryable: may_be_lost || matches!(kind, Transport | Timeout),
        ..Error::before_sending(kind, message)
    }
}

/// An answer that broke off.
pub(super) fn cut_off() -> Error {
    let mut error = Error::after_sending(ErrorKind::Transport, "The answer broke off before its end.")
        .with_hint("Try again. If it happens often, look for a proxy or a time limit on the way.");
    error.retryable = true;
    error
}

/// A success without an answer.
pub(super) fn empty() -> Error {
    let mut error = Error::after_sending(
        ErrorKind::Protocol,
        "The upstream answered with success, but there is no answer in it.",
    )
    .with_hint("Try again, or choose another model or backend.");
    error.retryable = true;
    error
}

/// Something that had to be a JSON object and is none.
pub(super) fn no_json(what: &str) -> Error {
    let message = format!("{what} is not the JSON that it should be.");
    let mut error = Error::after_sending(ErrorKind::Protocol, message)
        .with_hint("Try again, or choose another model or backend.");
    error.retryable = true;
    error
}

/// A response that may say something, in a form that nobody knows.
pub(super) fn unread() -> Error {
    let message = "The response is in a form that cannot be read: nothing in it is known.";
    Error::after_sending(ErrorKind::Protocol, message).with_hint("Choose another model or backend.")
}

/// A finish reason that says that the backend failed, and nothing beside it.
pub(super) fn failed(word: &str) -> Error {
    let mut error = error::from_event("");
    if !word.eq_ignore_ascii_case("error") {
        error.message = format!("The backend broke off with the finish reason {}.", quote(word));
    }
    error
}

/// A page where an answer should be.
pub(super) fn page() -> Error {
    Error::after_sending(
        ErrorKind::Protocol,
        "The answer is a page (HTML or XML), not a completion.",
    )
    .with_hint(
        "Check that the base URL is the API's, with its `/v1`, and that no proxy answers in its place.",
    )
}

/// Something longer than what is taken.
pub(super) fn too_long(what: &str) -> Error {
    let message = format!("{what} is longer than {} MiB.", sse::LIMIT >> 20);
    Error::after_sending(ErrorKind::Protocol, message)
}

/// A tool call that cannot become whole. What the finish reason means tells why.
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
            format!("A tool call of the answer names no tool{cause}."),
            Some(raw),
        ),
        Broken::TooMany => ("The answer calls too many tools.".to_string(), None),
    };
    let hint = match finish {
        Some(Meaning::Length) => "The answer reached its limit: ask for more output tokens.",
        Some(Meaning::Filtered) => "Change the prompt, or choose another model or backend.",
        _ => "Try again, or choose another model or backend: this one wrote a call that nobody can read.",
    };
    let mut error = Error::after_sending(ErrorKind::Protocol, message).with_hint(hint);
    error.retryable = cause.is_empty();
    error
        .extras
        .extend(raw.map(|raw| error::text_extra("arguments", &raw)));
    error
}
