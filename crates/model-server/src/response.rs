//! Results and errors of the dialect as HTTP responses.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use super::request_id::Answered;
use dialects::chat_completions::error::Fault;
use model_provider_host::{Error, GenerationInfo};

/// An error of the dialect, as a handler returns it.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) Fault);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(fault) = self;
        let mut response = (fault.status, Json(fault.body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = fault.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // Clients of this dialect try again by the status alone, unless they are told better.
        let retry = HeaderValue::from_static(if fault.retry { "true" } else { "false" });
        headers.insert("x-should-retry", retry);
        if fault.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(Fault::from(error))
    }
}

/// Notes which generation gave an answer.
pub(super) fn by(generation: &GenerationInfo, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(Answered(generation.number));
    response
}
