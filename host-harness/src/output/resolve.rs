//! A resolved reference, as JSON.

use serde::Serialize;

use super::{Warning, models::ModelJson, warnings};
use model_provider_host::contract::{ModelRef, ProviderInfo, Routing};

/// A resolved reference.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResolvedJson {
    model: String,
    routing: String,
    canonical: String,
    wire_id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    provider_locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<ModelJson>,
    warnings: Vec<Warning>,
}

impl ResolvedJson {
    pub(crate) fn new(info: &ProviderInfo, resolved: &ModelRef) -> Self {
        Self {
            model: resolved.model.clone(),
            routing: routing(&resolved.routing),
            canonical: resolved.canonical.clone(),
            wire_id: resolved.wire_id.clone(),
            name: resolved.display_name.clone(),
            alias: resolved.alias.clone(),
            provider_locked: resolved.provider_locked,
            metadata: resolved
                .metadata
                .as_ref()
                .map(|model| ModelJson::new(info, model)),
            warnings: warnings(&resolved.warnings),
        }
    }
}

/// `default`, a policy's name, or `backend:SLUG`.
pub(crate) fn routing(routing: &Routing) -> String {
    match routing {
        Routing::Default => "default".to_owned(),
        Routing::Policy(policy) => policy.clone(),
        Routing::Backend(backend) => format!("backend:{backend}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::fixtures;

    #[test]
    fn a_resolved_reference_has_the_keys_that_scripts_read() {
        let resolved = ModelRef {
            metadata: None,
            ..fixtures::resolved()
        };
        assert_eq!(
            serde_json::to_value(ResolvedJson::new(&fixtures::info(), &resolved)).expect("it is JSON"),
            json!({
                "model": "org/big-model", "routing": "backend:east", "canonical": "acme/org/big-model:east",
                "wireId": "org/big-model:east", "name": "big model", "alias": "Big East", "providerLocked": false,
                "warnings": [{"code": "unknown-backend", "message": "never heard of it"}],
            })
        );
    }

    #[test]
    fn its_metadata_is_a_model_like_those_of_the_list() {
        let json = serde_json::to_value(ResolvedJson::new(&fixtures::info(), &fixtures::resolved()))
            .expect("it is JSON");
        let model =
            serde_json::to_value(ModelJson::new(&fixtures::info(), &fixtures::model())).expect("JSON");
        assert_eq!(json["metadata"], model);
    }

    #[test]
    fn a_routing_is_one_word() {
        assert_eq!(routing(&Routing::Default), "default");
        assert_eq!(routing(&Routing::Policy("thrifty".into())), "thrifty");
    }
}
