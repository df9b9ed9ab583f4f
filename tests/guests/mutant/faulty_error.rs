//! Errors that report something else than what happened.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    contract::types::{Error, ErrorKind},
    fault,
};

/// The error as the fault reports it.
pub(crate) fn spoiled(mut error: Error) -> Error {
    use ErrorKind::*;
    let instead = [
        ("kind-400", InvalidRequest, Upstream),
        ("kind-401", Unauthenticated, PermissionDenied),
        ("kind-402", PaymentRequired, RateLimited),
        ("kind-403", PermissionDenied, Unauthenticated),
        ("kind-404", ModelUnavailable, InvalidRequest),
        ("kind-429", RateLimited, Upstream),
        ("kind-5xx", Upstream, Other),
        ("kind-context", ContextOverflow, InvalidRequest),
        ("kind-timeout", Timeout, Transport),
        ("kind-transport", Transport, Upstream),
        ("kind-protocol", Protocol, Internal),
        ("kind-reference", InvalidReference, ModelUnavailable),
        ("kind-denied", Denied, Transport),
    ];
    for (name, sound, faulty) in instead {
        if error.kind == sound && fault::is(name) {
            error.kind = faulty;
            return error;
        }
    }
    if fault::is("never-retryable") {
        error.retryable = false;
    }
    if fault::is("always-retryable") {
        error.retryable = true;
    }
    if fault::is("retry-after-lost") {
        error.retry_after_ms = None;
    }
    if fault::is("retry-after-seconds") {
        error.retry_after_ms = error.retry_after_ms.map(|ms| ms / 1000);
    }
    if fault::is("request-sent-false") {
        error.request_sent = false;
    }
    if fault::is("request-sent-true") {
        error.request_sent = true;
    }
    if fault::is("attempts-one") {
        error.attempts = error.attempts.min(1);
    }
    if fault::is("attempts-zero") {
        error.attempts = 0;
    }
    if fault::is("status-lost") {
        error.status = None;
    }
    if fault::is("message-too-long") && error.status.is_some() {
        error.message = (0..5000).map(|_| 'x').collect::<String>();
    }
    if fault::is("retry-after-made-up") {
        error.retry_after_ms = error.retry_after_ms.or(Some(0));
    }
    if fault::is("error-code-made-up") && error.status.is_some() {
        error.code = Some("E-17".to_string());
    }
    if fault::is("error-request-id-made-up") && error.status.is_some() {
        error.request_id = Some("request-1".to_string());
    }
    if fault::is("suggestions-lost") {
        error.suggestions = Vec::new();
    }
    error
}
