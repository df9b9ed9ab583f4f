//! The body of a request: read whole, within limits, and as JSON.

use axum::{body::to_bytes, extract::Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use tower_http::timeout::TimeoutError;

use super::ServeLimits;
use crate::openai::{fault::Fault, request::ChatBody};

/// Larger bodies are parsed where they hold nobody up.
const LARGE: usize = 256 * 1024;

/// Reads the body of a chat completion.
pub(super) async fn read(request: Request, limits: &ServeLimits) -> Result<ChatBody, Fault> {
    if let Some(coding) = coding(request.headers()) {
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request_error",
            "unsupported_content_encoding",
            &format!("a body in `{coding}` is not read here; send it without `content-encoding`"),
        ));
    }
    if !is_json(request.headers()) {
        // A page in a browser may send anything else without asking first.
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request_error",
            "unsupported_media_type",
            "the body has to be JSON, with `content-type: application/json`",
        ));
    }
    let bytes = to_bytes(request.into_body(), limits.body_bytes)
        .await
        .map_err(|error| unread(&error, limits))?;
    let read = if bytes.len() < LARGE {
        ChatBody::parse(&bytes)
    } else {
        parse_elsewhere(bytes).await?
    };
    Ok(read?)
}

async fn parse_elsewhere(bytes: Bytes) -> Result<crate::Result<ChatBody>, Fault> {
    let parsing = tokio::task::spawn_blocking(move || ChatBody::parse(&bytes));
    parsing.await.map_err(|_| {
        let message = "the server is ending";
        Fault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            "drained",
            message,
        )
        .retry_after(1)
    })
}

/// What a body is encoded in, if it is; by its own name only where that is a usual one.
fn coding(headers: &HeaderMap) -> Option<&'static str> {
    const KNOWN: [&str; 6] = ["gzip", "x-gzip", "deflate", "br", "zstd", "compress"];
    let given = headers.get(header::CONTENT_ENCODING)?;
    let given = given.to_str().unwrap_or("?").trim();
    if given.is_empty() || given.eq_ignore_ascii_case("identity") {
        return None;
    }
    let known = KNOWN.iter().find(|known| given.eq_ignore_ascii_case(known));
    Some(known.copied().unwrap_or("another encoding"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = given.and_then(|text| text.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

fn unread(error: &axum::Error, limits: &ServeLimits) -> Fault {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Fault::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "invalid_request_error",
                "serve-max-body-bytes",
                &format!("the body is larger than {} bytes", limits.body_bytes),
            );
        }
        if error.is::<TimeoutError>() {
            return Fault::new(
                StatusCode::REQUEST_TIMEOUT,
                "invalid_request_error",
                "serve-body-timeout-ms",
                "the body stopped coming",
            );
        }
        cause = error.source();
    }
    Fault::new(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        "unreadable",
        "the body cannot be read to its end",
    )
}
