//! Reporting of requests that the egress policy blocks.

use wasmtime_wasi_http::Error as HttpError;

use crate::{limits::StopReason, request_context::RequestContext};

/// Reports to the operator what was blocked and how to allow it: in the log, and as the error that replaces the
/// guest's. The guest learns only that the request was blocked.
pub(super) fn deny(context: &RequestContext, message: String, hint: &str) -> HttpError {
    tracing::warn!(reason = message, hint, "denied");
    context.stop(StopReason::Denied {
        message,
        hint: hint.to_owned(),
    });
    HttpError::HttpRequestDenied
}
