//! What is no model: whether the server is well, what it has done, and where nothing is.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri, header};
use serde_json::json;

use super::Service;
use super::response::Refusal;
use dialects::fault::Fault;

/// Where anybody may ask whether the server is well.
pub(super) const HEALTH: &str = "/healthz";

pub(super) async fn health(State(service): State<Service>) -> Response {
    let host = &service.0.host;
    let generation = host.generation();
    let ending = host.is_draining();
    let status = if ending {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let body = json!({
        "status": if ending { "draining" } else { "ok" },
        "generation": generation.number,
        "version": generation.version,
    });
    (status, Json(body)).into_response()
}

pub(super) async fn metrics(State(service): State<Service>) -> Response {
    let page = service.0.host.metrics_page();
    (
        [(header::CONTENT_TYPE, model_provider_host::metrics::PAGE_TYPE)],
        page,
    )
        .into_response()
}

/// There are as many connections as there may be.
pub(super) fn no_seat() -> Fault {
    Fault::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server_error",
        "serve-max-connections",
        "this server has as many connections with requests as it takes, in all or from this address",
    )
    .retry_after(1)
}

// The address is not repeated: who asks knows it, and it may hold anything.
pub(super) async fn nowhere(uri: Uri) -> Refusal {
    let path = uri.path();
    let is_stored = path.starts_with("/v1/chat/completions/") || path.starts_with("/v1/responses/");
    let known = ELSEWHERE.iter().find(|(end, _)| path.ends_with(end));
    let message = match known {
        _ if path == "/v1/responses/compact" => COMPACT.to_owned(),
        _ if path == "/v1/responses/input_tokens" => COUNT.to_owned(),
        _ if is_stored => "completions and responses are not stored by this server".to_owned(),
        Some((_, help)) => (*help).to_owned(),
        None => format!(
            "there is nothing at this address; there are /v1/chat/completions, /v1/responses, /v1/messages, /v1/models, \
             /v1/models/ID, {HEALTH} and /metrics"
        ),
    };
    Refusal(Fault::new(
        StatusCode::NOT_FOUND,
        "invalid_request_error",
        "unknown_url",
        &message,
    ))
}

/// What clients of other dialects, or of this one at another base URL, ask for, and what they are to ask for here. The
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

pub(super) async fn wrong_method() -> Refusal {
    Refusal(Fault::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid_request_error",
        "method_not_allowed",
        "this address does not take requests of this method",
    ))
}
