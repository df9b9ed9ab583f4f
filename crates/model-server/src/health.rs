//! The other endpoints: health check, metrics, and the 404 of unknown paths.

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

/// The health check, which needs no access key.
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
    let mut body = json!({
        "status": if ending { "draining" } else { "ok" },
        "generation": generation.number,
        "version": generation.version,
    });
    // Only reports that an update waits: its message is for the operator, and this endpoint is public.
    if let Some(pending) = host.pending_update() {
        body["pendingUpdate"] = json!(pending.digest);
    }
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

/// The connection limit is reached.
pub(super) fn no_seat() -> Fault {
    Fault::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server_error",
        "serve-max-connections",
        "the limit of connections with requests is reached, in total or for this address",
    )
    .retry_after(1)
}

// The path is not repeated: the client knows it, and it may hold anything.
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

/// Paths that clients of other dialects, or with another base URL, request, and what to use instead. The first
/// matching suffix wins.
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
        "image generation is not supported, only chat models; set the client to another service for it",
    ),
    (
        "/audio/speech",
        "speech synthesis is not supported, only chat models; set the client to another service for it",
    ),
    (
        "/audio/transcriptions",
        "transcription is not supported, only chat models; set the client to another service for it",
    ),
];
const COMPACT: &str = "compaction is not supported; request a summary from a model, and send that as `input`";
const COUNT: &str = "token counts are not supported: they depend on the model; a response has its `usage`";
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
