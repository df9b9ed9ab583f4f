//! `/v1/models` and `/v1/models/ID`.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, rejection::PathRejection},
    response::Response,
};

use http::{HeaderMap, Uri};
use serde_json::Value;

use super::{account::Caller, current::Current, model_rules, response};
use dialects::{
    chat_completions as openai, messages,
    server::{addresses::is_messages_client, refusals::invalid_path},
};
use model_provider_host::{
    Error, ErrorKind,
    contract::{Model, ProviderErrorKind},
};

pub(super) async fn list(
    Extension(current): Extension<Arc<Current>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, response::Refusal> {
    let listing = current.catalog.listing().await?;
    let models = &*allowed(&current, &caller, &listing.catalog.models).await;
    let list = if is_messages_client(&headers) {
        let page = messages::models::Page::of(uri.query().unwrap_or_default());
        messages::models::list(models, &page)
    } else {
        openai::models::list(models)
    };
    Ok(response::by(&listing.generation, Json(list)))
}

/// The models of the list that the caller's key allows.
async fn allowed<'m>(current: &Current, caller: &Caller, models: &'m [Model]) -> Cow<'m, [Model]> {
    let Some(rules) = caller.rules() else {
        return Cow::Borrowed(models);
    };
    let provider = current.host.info().id;
    let mut allowed = Vec::new();
    for model in models {
        if model_rules::list(rules, &provider, &model.id, &current.resolver).await {
            allowed.push(model.clone());
        }
    }
    Cow::Owned(allowed)
}

fn entry(headers: &HeaderMap, id: &str, model: &Model) -> Json<Value> {
    Json(if is_messages_client(headers) {
        messages::models::entry(id, model)
    } else {
        openai::models::entry(id, model)
    })
}

/// One model. Its id contains slashes, raw or percent-encoded, and may have a suffix.
pub(super) async fn one(
    Extension(current): Extension<Arc<Current>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, response::Refusal> {
    let Path(id) = id.map_err(|_| invalid_path())?;
    // Somebody may have put the access key into the wrong place; what is said of the model must not repeat it.
    let id = current.access.redacted(&id);
    let listing = current.catalog.listing().await?;
    let generation = &listing.generation;
    if let Some(rules) = caller.rules() {
        let resolved = current.resolver.resolve(&id).await?;
        // The same error as for an unknown model.
        if !model_rules::allow(rules, &resolved, &current.resolver).await
            && !model_rules::list(rules, &current.host.info().id, &id, &current.resolver).await
        {
            return Err(unlisted(&id));
        }
    }
    if let Some(model) = listing.catalog.models.iter().find(|model| model.id == id) {
        return Ok(response::by(generation, entry(&headers, &id, model)));
    }
    let resolved = current.resolver.resolve(&id).await?;
    match &resolved.metadata {
        Some(model) => Ok(response::by(generation, entry(&headers, &id, model))),
        None => Err(unlisted(&id)),
    }
}

fn unlisted(id: &str) -> response::Refusal {
    let message = format!("there is no model `{id}` in the list");
    let kind = ErrorKind::Provider(ProviderErrorKind::ModelUnavailable);
    Error::new(kind, message)
        .with_hint("`/v1/models` lists them")
        .into()
}
