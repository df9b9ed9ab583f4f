//! The other endpoints: health check, metrics, and the 404 of unknown paths.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri, header};
use serde_json::json;

use super::{Service, account::Caller, current::Current, response::Refusal};
use dialects::{
    api_error::ApiError,
    server::{
        addresses::{CHAT_COMPLETIONS, COUNT_TOKENS, MESSAGES, RESPONSES},
        refusals,
    },
};

/// Where anybody may ask whether the server is well.
pub(super) const HEALTH: &str = "/healthz";
/// The readiness check, which needs no access key.
pub(super) const READY: &str = "/readyz";
/// The metrics page.
pub(super) const METRICS: &str = "/metrics";

/// Whether requests to an address count against the limits of a key.
pub(super) fn is_counted(path: &str) -> bool {
    [CHAT_COMPLETIONS, RESPONSES, MESSAGES, COUNT_TOKENS].contains(&path)
}

/// Whether a path is a health or readiness check: both need no key and are served when the server is full.
pub(super) fn is_probe(path: &str) -> bool {
    path == HEALTH || path == READY
}

/// The paths of the server, as in the audit log; `None` for any other.
pub(super) fn known(path: &str) -> Option<&'static str> {
    let is_model = path.starts_with("/v1/models/");
    let known = [
        CHAT_COMPLETIONS,
        RESPONSES,
        MESSAGES,
        COUNT_TOKENS,
        "/v1/models",
        HEALTH,
        READY,
        METRICS,
    ];
    let known = known.into_iter().find(|known| *known == path);
    known.or(is_model.then_some("/v1/models/ID"))
}

/// Whether a path is for monitoring: such requests have no record.
pub(super) fn is_observed(path: &str) -> bool {
    is_probe(path) || path == METRICS
}

pub(super) async fn health(
    State(service): State<Service>,
    Extension(current): Extension<Arc<Current>>,
) -> Response {
    let host = &current.host;
    let generation = host.generation();
    let ending = host.is_draining() || service.0.readiness.is_ending();
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
    // Only that one waits: what it wants is for the operator, and anybody may ask here.
    if let Some(pending) = host.pending_update() {
        body["pendingUpdate"] = json!(pending.digest);
    }
    // Neither stops the server; the operator has to fix both.
    if let Some(audit) = service.0.books.audit() {
        body["audit"] = json!(audit.word);
    }
    if !service.0.books.is_usage_kept() {
        body["usage"] = json!("failing");
    }
    (status, Json(body)).into_response()
}

pub(super) async fn ready(
    State(service): State<Service>,
    Extension(current): Extension<Arc<Current>>,
) -> Response {
    let reasons = service.readiness(&current).await;
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = if reasons.is_empty() { "ready" } else { "not-ready" };
    (status, Json(json!({ "status": word, "reasons": reasons }))).into_response()
}

pub(super) async fn metrics(
    State(service): State<Service>,
    Extension(current): Extension<Arc<Current>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refusal> {
    // The page names all keys.
    if matches!(&caller, Caller::Key(key) if !key.metrics) {
        return Err(Refusal(ApiError::new(
            StatusCode::FORBIDDEN,
            "permission_error",
            "metrics_not_allowed",
            "this access key may not read the metrics; `\"metrics\": true` in the file of keys allows it",
        )));
    }
    let (books, host) = (&service.0.books, &current.host);
    let is_ready = service.0.readiness.reasons(host).is_empty();
    let (audit, is_kept) = (books.audit(), books.is_usage_kept());
    let page = books
        .counts
        .page(&host.metrics_page(), &books.ledger, audit, is_ready, is_kept);
    let kind = [(header::CONTENT_TYPE, model_provider_host::metrics::PAGE_TYPE)];
    Ok((kind, page).into_response())
}

/// The connection limit is reached.
pub(super) fn no_seat() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server_error",
        "serve-max-connections",
        "the limit of connections with requests is reached, in total or for this address",
    )
    .retry_after(1)
}

pub(super) async fn not_found(uri: Uri) -> Refusal {
    Refusal(refusals::not_found(
        uri.path(),
        ", /healthz, /readyz and /metrics",
    ))
}

pub(super) async fn wrong_method() -> Refusal {
    Refusal(refusals::wrong_method())
}
