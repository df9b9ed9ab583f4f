//! `/v1/models` and `/v1/models/ID`. Knows no dialect's form.

use dialects::{
    api_error::ApiError,
    chat_completions as openai, messages,
    server::{addresses::is_messages_client, refusals::invalid_path},
};
use percent_encoding::percent_decode_str;
use provider_contract::{
    Error, ErrorKind,
    contract::{DiscoveryMode, Model, ProviderErrorKind},
};

use crate::{bindings::provider, component::JsonResponse, request::Head};

#[allow(clippy::result_large_err, reason = "an error is made once a request")]
pub(crate) fn list(head: &Head, discovery: DiscoveryMode) -> JsonResponse {
    let catalog = provider::list_models(discovery).map_err(Error::from)?;
    let list = if is_messages_client(&head.headers) {
        let page = messages::models::Page::of(head.uri.query().unwrap_or_default());
        messages::models::list(&catalog.models, &page)
    } else {
        openai::models::list(&catalog.models)
    };
    Ok(list.to_string())
}

/// One model. Its id holds slashes, written as they are or percent-encoded, and may hold a suffix.
#[allow(clippy::result_large_err, reason = "an error is made once a request")]
pub(crate) fn one(head: &Head, id: &str, discovery: DiscoveryMode) -> JsonResponse {
    let id = percent_decode_str(id).decode_utf8().map_err(|_| invalid_path())?;
    let catalog = provider::list_models(discovery).map_err(Error::from)?;
    if let Some(model) = catalog.models.iter().find(|model| model.id == id) {
        return Ok(entry(head, &id, model));
    }
    let resolved = provider::resolve_ref(&id).map_err(Error::from)?;
    if let Some(model) = resolved.metadata {
        Ok(entry(head, &id, &model))
    } else {
        let message = format!("there is no model `{id}` in the list");
        let kind = ErrorKind::Provider(ProviderErrorKind::ModelUnavailable);
        Err(ApiError::from(
            Error::new(kind, message).with_hint("`/v1/models` lists them"),
        ))
    }
}

fn entry(head: &Head, id: &str, model: &Model) -> String {
    let entry = if is_messages_client(&head.headers) {
        messages::models::entry(id, model)
    } else {
        openai::models::entry(id, model)
    };
    entry.to_string()
}
