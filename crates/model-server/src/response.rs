//! Results and errors as HTTP responses.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::Value;

use super::request_id::RespondedBy;
use dialects::{api_error::ApiError, server::refusals::headers_of};
use model_provider_host::{Error, GenerationInfo};

/// An error, as a handler returns it. [`in_dialect`] writes its body, once the dialect is known.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) ApiError);

/// The error of a response, until its dialect is known.
#[derive(Clone)]
struct Unwritten(ApiError);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let mut response = error.status.into_response();
        response.headers_mut().extend(headers_of(&error));
        response.extensions_mut().insert(Unwritten(error));
        response
    }
}

/// Writes the status and the body of an error; any other response is unchanged.
pub(super) fn in_dialect(
    mut response: Response,
    write: impl FnOnce(&ApiError) -> (StatusCode, Value),
) -> Response {
    let Some(Unwritten(error)) = response.extensions_mut().remove() else {
        return response;
    };
    let (status, body) = write(&error);
    let body = Json(body).into_response();
    let (mut parts, body) = (response.into_parts().0, body.into_parts());
    parts.status = status;
    let mut response = Response::from_parts(parts, body.1);
    response.headers_mut().extend(body.0.headers);
    response
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(ApiError::from(error))
    }
}

/// Records the generation of a response.
pub(super) fn by(generation: &GenerationInfo, result: impl IntoResponse) -> Response {
    let mut response = result.into_response();
    response.extensions_mut().insert(RespondedBy(generation.number));
    response
}
