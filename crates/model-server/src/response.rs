//! Answers as responses.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use super::request_id::Answered;
use dialects::chat_completions::error::Fault;
use model_provider_host::{Error, GenerationInfo};

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // Clients of this dialect try again by the status alone, unless they are told better.
        let retry = HeaderValue::from_static(if self.retry { "true" } else { "false" });
        headers.insert("x-should-retry", retry);
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

/// Notes which generation gave an answer.
pub(super) fn by(generation: &GenerationInfo, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(Answered(generation.number));
    response
}
