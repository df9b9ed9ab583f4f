//! What is no model: whether the server is well, what it has done, and where nothing is.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde_json::json;

use super::Service;
use crate::openai::fault::Fault;

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
    ([(header::CONTENT_TYPE, crate::metrics::PAGE_TYPE)], page).into_response()
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
pub(super) async fn nowhere() -> Fault {
    Fault::new(
        StatusCode::NOT_FOUND,
        "invalid_request_error",
        "unknown_url",
        &format!(
            "there is nothing at this address; there are /v1/chat/completions, /v1/models, /v1/models/ID, {HEALTH} and \
             /metrics"
        ),
    )
}

pub(super) async fn wrong_method() -> Fault {
    Fault::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid_request_error",
        "method_not_allowed",
        "this address does not take requests of this method",
    )
}
