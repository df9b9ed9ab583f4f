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
use dialects::{fault::Fault, server::refusals};

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

pub(super) async fn nowhere(uri: Uri) -> Refusal {
    Refusal(refusals::nowhere(uri.path(), ", /healthz and /metrics"))
}

pub(super) async fn wrong_method() -> Refusal {
    Refusal(refusals::wrong_method())
}
