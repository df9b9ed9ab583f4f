//! What a server refuses before a dialect reads anything, as errors that say what to do instead.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::api_error::ApiError;

const INVALID: &str = "invalid_request_error";

/// The headers of a response that is an error.
pub fn headers_of(error: &ApiError) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let retry_after = error
        .retry_after
        .map(|seconds| (header::RETRY_AFTER, seconds.into()));
    // Clients retry by the status alone, unless a header says otherwise.
    let retry = HeaderValue::from_static(if error.retry { "true" } else { "false" });
    let should_retry = (HeaderName::from_static("x-should-retry"), retry);
    let challenge = (error.status == StatusCode::UNAUTHORIZED)
        .then(|| (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    retry_after.into_iter().chain([should_retry]).chain(challenge)
}

/// Checks what a request says of its body: JSON, and not encoded.
///
/// # Errors
/// It is anything else.
#[allow(clippy::result_large_err, reason = "an error is made once a request")]
pub fn check_body_headers(headers: &HeaderMap) -> Result<(), ApiError> {
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    if let Some(coding) = coding(headers) {
        let message = format!("a body in `{coding}` is not read here; send it without `content-encoding`");
        return Err(ApiError::new(
            status,
            INVALID,
            "unsupported_content_encoding",
            &message,
        ));
    }
    if !is_json(headers) {
        // A page in a browser may send anything else without a preflight request.
        let message = "the body has to be JSON, with `content-type: application/json`";
        return Err(ApiError::new(status, INVALID, "unsupported_media_type", message));
    }
    Ok(())
}

/// The content coding of a body, if it has one; named only if it is a usual one.
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

/// A body is larger than so many bytes, the limit of this setting.
#[must_use]
pub fn too_large(setting: &str, most: usize) -> ApiError {
    let message = format!("the body is larger than {most} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID, setting, &message)
}

/// A body came too slowly.
#[must_use]
pub fn too_slow(code: &str, message: &str) -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, INVALID, code, message)
}

/// A body broke off.
#[must_use]
pub fn unreadable() -> ApiError {
    let message = "the body cannot be read to its end";
    ApiError::new(StatusCode::BAD_REQUEST, INVALID, "unreadable", message)
}

/// The key is missing or wrong.
#[must_use]
pub fn wrong_key() -> ApiError {
    let message = "the access key of this server is missing or wrong; send it as `Authorization: Bearer KEY` or \
                   `x-api-key: KEY`";
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "authentication_error",
        "invalid_api_key",
        message,
    )
}

/// The client is not allowed to.
#[must_use]
pub fn not_allowed(status: StatusCode, message: &str) -> ApiError {
    ApiError::new(status, "permission_error", "refused", message)
}

/// The request names no model. It is refused, as the dialects' own services do, and gets no default model: the client
/// has put it together wrongly.
#[must_use]
pub fn no_model() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        INVALID,
        "missing_required_parameter",
        "`model` is missing; name one of /v1/models, or send an empty text for the default model of this server",
    )
    .about("model")
}

/// The model's name in the path is not UTF-8.
#[must_use]
pub fn invalid_path() -> ApiError {
    let message = "the model's name in the address is no UTF-8 text";
    ApiError::new(StatusCode::BAD_REQUEST, INVALID, "invalid_path", message)
}

/// The path does not support this method.
#[must_use]
pub fn wrong_method() -> ApiError {
    let message = "this address does not take requests of this method";
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        INVALID,
        "method_not_allowed",
        message,
    )
}

/// There is no such path. The message does not repeat it: the client knows it, and it may contain anything. `more_paths`
/// are the paths of this server besides the dialects' own.
#[must_use]
pub fn not_found(path: &str, more_paths: &str) -> ApiError {
    let is_stored = path.starts_with("/v1/chat/completions/") || path.starts_with("/v1/responses/");
    let known = ELSEWHERE.iter().find(|(end, _)| path.ends_with(end));
    let message = match known {
        _ if path == "/v1/responses/compact" => COMPACT.to_owned(),
        _ if path == "/v1/responses/input_tokens" => COUNT.to_owned(),
        _ if is_stored => "completions and responses are not stored by this server".to_owned(),
        Some((_, help)) => (*help).to_owned(),
        None => format!(
            "there is nothing at this address; there are /v1/chat/completions, /v1/responses, /v1/messages, /v1/models, \
             /v1/models/ID{more_paths}"
        ),
    };
    ApiError::new(StatusCode::NOT_FOUND, INVALID, "unknown_url", &message)
}

/// What clients of other dialects, or of this one at another base URL, request, and what to request here. The
/// first that the path ends with counts.
const ELSEWHERE: [(&str, &str); 12] = [
    (
        "/chat/completions",
        "the base URL for clients is http://THIS-SERVER/v1, with one `/v1`; the address is then /v1/chat/completions",
    ),
    (
        "/responses",
        "the base URL for clients is http://THIS-SERVER/v1, with one `/v1`; the address is then /v1/responses",
    ),
    (
        "/completions",
        "text completions are not served here; send the prompt as a user message: POST /v1/chat/completions or \
         /v1/responses",
    ),
    (
        "/embeddings",
        "embeddings are not served here, only chat models; set the client to another service for them",
    ),
    (
        "/messages",
        "the base URL for clients of the Messages API is http://THIS-SERVER, without `/v1`; the address is then /v1/messages",
    ),
    (
        "/models",
        "the base URL for clients is http://THIS-SERVER/v1, with one `/v1`; the list is then at /v1/models",
    ),
    ("/api/chat", OLLAMA),
    ("/api/generate", OLLAMA),
    ("/api/tags", OLLAMA),
    (
        "/images/generations",
        "pictures are not made here, only chat models are served; set the client to another service for them",
    ),
    (
        "/audio/speech",
        "speech is not made here, only chat models are served; set the client to another service for it",
    ),
    (
        "/audio/transcriptions",
        "speech is not read here, only chat models are served; set the client to another service for it",
    ),
];
const COMPACT: &str =
    "conversations are not compacted here; ask a model for a summary, and send that as `input`";
const COUNT: &str = "tokens are not counted here: models count differently; a response says its `usage`";
const OLLAMA: &str = "Ollama's own API is not served here; set the client to an OpenAI-compatible server with the base \
                      URL http://THIS-SERVER/v1";
