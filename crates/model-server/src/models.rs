//! `/v1/models` and `/v1/models/ID`.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};

use http::{HeaderMap, Uri};
use serde_json::Value;

use super::{Service, response};
use dialects::{
    chat_completions as openai, messages,
    server::{addresses::speaks_messages, refusals::invalid_path},
};
use model_provider_host::{
    Error, Kind,
    contract::{ErrorKind, Model},
};

pub(super) async fn list(
    State(service): State<Service>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, response::Refusal> {
    let listing = service.0.catalog.listing().await?;
    let models = &listing.catalog.models;
    let list = if speaks_messages(&headers) {
        let page = messages::models::Page::of(uri.query().unwrap_or_default());
        messages::models::list(models, &page)
    } else {
        openai::models::list(models)
    };
    Ok(response::by(&listing.generation, Json(list)))
}

fn entry(headers: &HeaderMap, id: &str, model: &Model) -> Json<Value> {
    Json(if speaks_messages(headers) {
        messages::models::entry(id, model)
    } else {
        openai::models::entry(id, model)
    })
}

/// One model. Its id contains slashes, raw or percent-encoded, and may have a suffix.
pub(super) async fn one(
    State(service): State<Service>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, response::Refusal> {
    let Path(id) = id.map_err(|_| invalid_path())?;
    // Somebody may have put the access key into the wrong place; what is said of the model must not repeat it.
    let id = service.0.access.redacted(&id);
    let listing = service.0.catalog.listing().await?;
    let generation = &listing.generation;
    if let Some(model) = listing.catalog.models.iter().find(|model| model.id == id) {
        return Ok(response::by(generation, entry(&headers, &id, model)));
    }
    let resolved = service.0.host.resolve(&id).await?;
    match resolved.metadata {
        Some(model) => Ok(response::by(generation, entry(&headers, &id, &model))),
        None => {
            let message = format!("there is no model `{id}` in the list");
            let kind = Kind::Provider(ErrorKind::ModelUnavailable);
            Err(Error::new(kind, message)
                .with_hint("`/v1/models` lists them")
                .into())
        }
    }
}
