//! What happens to a request that the egress policy does not allow.

use wasmtime_wasi_http::Error as HttpError;

use crate::{limits::Note, request_context::View};

/// Tells the operator what was denied and how to allow it, in the log and in place of the guest's error. The guest
/// learns only that it was denied.
pub(super) fn deny(view: &View, message: String, hint: &str) -> HttpError {
    tracing::warn!(reason = message, hint, "denied");
    view.note(Note::Denied {
        message,
        hint: hint.to_owned(),
    });
    HttpError::HttpRequestDenied
}
