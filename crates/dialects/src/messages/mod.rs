//! The dialect of Anthropic's Messages API: parses its bodies to requests of the contract, and serializes the
//! contract's responses, streams and errors.
//!
//! Knows no other dialect, no sockets and no provider.

mod blocks;
mod count;
mod error;
pub mod fields;
pub mod models;
mod origins;
mod request;
mod response;
mod stop_reason;
mod types;

use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    call_ids,
    dialect::{Dialect, Frame, ParsedRequest},
};
use provider_contract::Result;

pub use count::estimate as estimate_tokens;

use self::{
    request::{Body, Purpose},
    response::MessagesResponse,
};

/// The dialect of `/v1/messages`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Messages;

impl Dialect for Messages {
    fn parse(&self, body: &[u8]) -> Result<ParsedRequest> {
        let body = Body::parse(body, Purpose::Response)?;
        let response = MessagesResponse::new(
            body.notes,
            body.request.stop.clone(),
            body.long_names,
            body.origins,
        );
        Ok(ParsedRequest {
            reply: call_ids::unique(&body.request, response),
            request: body.request,
            model: body.model,
            stream: body.stream,
        })
    }

    fn status(&self, error: &ApiError) -> StatusCode {
        error::status(error)
    }

    fn error(&self, error: &ApiError, request_id: &str) -> Value {
        error::body(error, request_id)
    }

    fn request_id_header(&self) -> Option<HeaderName> {
        Some(HeaderName::from_static("request-id"))
    }

    fn heartbeat(&self) -> Option<Frame> {
        Some(Frame::named("ping", r#"{"type":"ping"}"#))
    }
}

/// The response to `/v1/messages/count_tokens`: an estimate, marked as such.
///
/// # Errors
/// The body is malformed.
pub fn count_tokens(body: &[u8]) -> Result<Value> {
    let body = Body::parse(body, Purpose::Count)?;
    Ok(json!({
        "input_tokens": count::estimate(&body.request),
        "x_plugin": { "estimate": true },
    }))
}
