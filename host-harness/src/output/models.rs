//! Models, as JSON.

use std::collections::HashMap;

use serde::Serialize;

use super::{Warning, warnings};
use crate::format;
use model_provider_host::contract::{self, ModelCatalog, ModelSource, ProviderInfo};

/// The list of models.
#[derive(Debug, Serialize)]
pub(crate) struct CatalogJson {
    pub(crate) source: &'static str,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) models: Vec<ModelJson>,
}

/// One model.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelJson {
    #[serde(rename = "ref")]
    reference: String,
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<bool>,
    input: Vec<String>,
    output: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supports_tools: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supports_structured_output: Option<bool>,
    routes: Vec<RouteJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variants: Option<Vec<VariantJson>>,
}

/// US dollars for a million tokens, as decimal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PriceJson {
    input: String,
    output: String,
}

/// One backend of a model.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteJson {
    backend: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supports_tools: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supports_structured_output: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_model_author: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_free: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_token_latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_second: Option<f64>,
}

/// One way to request a model: without suffix, by a policy, or from one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariantJson {
    #[serde(rename = "ref")]
    pub(crate) reference: String,
    pub(crate) label: String,
    pub(crate) provider_locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context_window: Option<u32>,
    #[serde(skip)]
    pub(crate) shown_price: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supports_tools: Option<bool>,
}

/// The name of a source.
pub(crate) fn source(source: ModelSource) -> &'static str {
    match source {
        ModelSource::Live => "live",
        ModelSource::Bundled => "bundled",
        ModelSource::Configured => "configured",
    }
}

/// The reference of a model in its one spelling.
pub(crate) fn reference(info: &ProviderInfo, model: &contract::Model) -> String {
    format!("{}/{}", info.id, model.id)
}

/// A model's display name.
pub(crate) fn shown_name(model: &contract::Model) -> &str {
    model.alias.as_deref().unwrap_or(&model.display_name)
}

/// The routes that requests can take. An unknown status counts as available.
pub(crate) fn usable(model: &contract::Model) -> impl Iterator<Item = &contract::Route> {
    model.routes.iter().filter(|route| !is_down(route))
}

fn is_down(route: &contract::Route) -> bool {
    matches!(&*route.status.to_ascii_lowercase(), "error" | "offline")
}

/// A model's price; "from" where the routes that can be taken differ.
pub(crate) fn shown_price(model: &contract::Model) -> String {
    let mut prices = usable(model).filter_map(|route| route.price.as_ref());
    let first = prices.next();
    let differ = prices.any(|price| first.is_some_and(|first| price != first));
    let text = format::price(model.price.as_ref());
    if differ && model.price.is_some() {
        format!("from {text}")
    } else {
        text
    }
}

impl CatalogJson {
    /// A catalog; with variants if their aliases (by reference) are given.
    pub(crate) fn new(
        info: &ProviderInfo,
        catalog: &ModelCatalog,
        aliases: Option<&HashMap<String, String>>,
    ) -> Self {
        let model = |model: &contract::Model| ModelJson {
            variants: aliases.map(|aliases| variants(info, model, aliases)),
            ..ModelJson::new(info, model)
        };
        Self {
            source: source(catalog.source),
            warnings: warnings(&catalog.warnings),
            models: catalog.models.iter().map(model).collect(),
        }
    }
}

impl ModelJson {
    pub(crate) fn new(info: &ProviderInfo, model: &contract::Model) -> Self {
        Self {
            reference: reference(info, model),
            id: model.id.clone(),
            name: model.display_name.clone(),
            alias: model.alias.clone(),
            source: source(model.source),
            reasoning: model.reasoning,
            input: model.input.clone(),
            output: model.output.clone(),
            context_window: model.context_window,
            max_output_tokens: model.max_output_tokens,
            price: model.price.as_ref().map(PriceJson::from),
            supports_tools: model.supports_tools,
            supports_structured_output: model.supports_structured_output,
            routes: model.routes.iter().map(RouteJson::from).collect(),
            variants: None,
        }
    }
}

impl From<&contract::Price> for PriceJson {
    fn from(price: &contract::Price) -> Self {
        Self {
            input: price.input.clone(),
            output: price.output.clone(),
        }
    }
}

impl From<&contract::Route> for RouteJson {
    fn from(route: &contract::Route) -> Self {
        let flag = |key: &str| {
            let extra = route.extras.iter().find(|extra| extra.key == key)?;
            serde_json::from_str::<bool>(&extra.value_json).ok()
        };
        let figure = |value: Option<f64>| value.filter(|value| value.is_finite());
        Self {
            backend: route.backend.clone(),
            status: route.status.clone(),
            context_window: route.context_window,
            price: route.price.as_ref().map(PriceJson::from),
            supports_tools: route.supports_tools,
            supports_structured_output: route.supports_structured_output,
            is_model_author: flag("is_model_author"),
            is_free: flag("is_free"),
            first_token_latency_ms: figure(route.first_token_latency_ms),
            tokens_per_second: figure(route.tokens_per_second),
        }
    }
}

/// Every reference of a model: without suffix, by each policy, by each backend. A configured id that already has a
/// suffix has only one.
pub(crate) fn variants(
    info: &ProviderInfo,
    model: &contract::Model,
    aliases: &HashMap<String, String>,
) -> Vec<VariantJson> {
    let base = reference(info, model);
    let name = shown_name(model);
    let suffix = model.id.rsplit_once(':').map(|(_, suffix)| suffix);
    let locked = suffix.is_some_and(|suffix| {
        let policy = info
            .policies
            .iter()
            .find(|policy| policy.suffix.eq_ignore_ascii_case(suffix));
        policy.is_some_and(|policy| policy.locks_provider)
    });
    let variant = |reference: String, label: String, locked: bool, route: Option<&contract::Route>| {
        let price = match route {
            Some(route) => route.price.as_ref(),
            None => model.price.as_ref(),
        };
        VariantJson {
            label: aliases.get(&reference).cloned().unwrap_or(label),
            reference,
            provider_locked: locked,
            backend: route.map(|route| route.backend.clone()),
            context_window: route.map_or(model.context_window, |route| route.context_window),
            shown_price: route
                .map_or_else(|| shown_price(model), |route| format::price(route.price.as_ref())),
            price: price.map(PriceJson::from),
            supports_tools: route.map_or(model.supports_tools, |route| route.supports_tools),
        }
    };
    let mut all = vec![variant(base.clone(), name.to_owned(), locked, None)];
    if suffix.is_some() {
        return all;
    }
    for policy in &info.policies {
        let pick = model.picks.iter().find(|pick| pick.policy == policy.suffix);
        let route = pick.and_then(|pick| model.routes.iter().find(|route| route.backend == pick.backend));
        all.push(variant(
            format!("{base}:{}", policy.suffix),
            format!("{name} ({})", policy.label),
            policy.locks_provider,
            route,
        ));
    }
    all.extend(model.routes.iter().map(|route| {
        let state = if is_down(route) {
            format!(", {}", route.status)
        } else {
            String::new()
        };
        let label = format!("{name} ({}{state})", route.backend);
        variant(format!("{base}:{}", route.backend), label, false, Some(route))
    }));
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::fixtures;

    #[test]
    fn a_model_has_the_keys_that_scripts_read() {
        let (info, model) = (fixtures::info(), fixtures::model());
        assert_eq!(
            serde_json::to_value(ModelJson::new(&info, &model)).expect("it is JSON"),
            json!({
                "ref": "acme/org/big-model", "id": "org/big-model", "name": "big model", "alias": "Big",
                "source": "live", "reasoning": true, "input": ["text", "image"], "output": ["text"],
                "contextWindow": 64000, "maxOutputTokens": 8192, "price": {"input": "0.27", "output": "1.1"},
                "supportsTools": true, "supportsStructuredOutput": false,
                "routes": [
                    {
                        "backend": "east", "status": "live", "contextWindow": 64000,
                        "price": {"input": "0.27", "output": "1.1"}, "supportsTools": true,
                        "supportsStructuredOutput": false, "isModelAuthor": false, "isFree": true,
                        "firstTokenLatencyMs": 611.0, "tokensPerSecond": 40.5,
                    },
                    {"backend": "west", "status": "error"},
                ],
            })
        );
    }

    #[test]
    fn unknown_values_of_a_model_are_absent() {
        let info = fixtures::info();
        let bare = contract::Model {
            alias: None,
            reasoning: None,
            context_window: None,
            max_output_tokens: None,
            price: None,
            supports_tools: None,
            supports_structured_output: None,
            routes: Vec::new(),
            ..fixtures::model()
        };
        let json = serde_json::to_value(ModelJson::new(&info, &bare)).expect("it is JSON");
        let keys: Vec<_> = json.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["ref", "id", "name", "source", "input", "output", "routes"]);
    }

    #[test]
    fn unavailable_routes_are_not_counted_and_are_marked() {
        let mut model = fixtures::model();
        let mut down = model.routes[0].clone();
        down.status = "Error".to_owned();
        down.backend = "gone".to_owned();
        down.price.as_mut().expect("a price").input = "0".to_owned();
        down.tokens_per_second = Some(1e9);
        model.routes = vec![model.routes[0].clone(), down];
        assert!(!shown_price(&model).starts_with("from"));
        assert_eq!(usable(&model).count(), 1);
        let all = variants(&fixtures::info(), &model, &HashMap::new());
        assert_eq!(all.last().expect("a variant").label, "Big (gone, Error)");
    }

    #[test]
    fn variants_are_the_default_each_policy_and_each_backend() {
        let aliases = HashMap::from([("acme/org/big-model:west".to_owned(), "Wild West".to_owned())]);
        let all = variants(&fixtures::info(), &fixtures::model(), &aliases);
        assert_eq!(
            serde_json::to_value(all).expect("it is JSON"),
            json!([
                {
                    "ref": "acme/org/big-model", "label": "Big", "providerLocked": false, "contextWindow": 64000,
                    "price": {"input": "0.27", "output": "1.1"}, "supportsTools": true,
                },
                {
                    "ref": "acme/org/big-model:thrifty", "label": "Big (thrifty)", "providerLocked": true,
                    "backend": "east", "contextWindow": 64000, "price": {"input": "0.27", "output": "1.1"},
                    "supportsTools": true,
                },
                {
                    "ref": "acme/org/big-model:mine", "label": "Big (my order)", "providerLocked": false,
                    "contextWindow": 64000, "price": {"input": "0.27", "output": "1.1"}, "supportsTools": true,
                },
                {
                    "ref": "acme/org/big-model:east", "label": "Big (east)", "providerLocked": false,
                    "backend": "east", "contextWindow": 64000, "price": {"input": "0.27", "output": "1.1"},
                    "supportsTools": true,
                },
                {
                    "ref": "acme/org/big-model:west", "label": "Wild West", "providerLocked": false,
                    "backend": "west",
                },
            ])
        );
    }

    #[test]
    fn a_configured_id_with_a_suffix_has_no_further_variants() {
        let model = contract::Model {
            id: "org/big-model:thrifty".into(),
            ..fixtures::model()
        };
        let all = variants(&fixtures::info(), &model, &HashMap::new());
        assert_eq!(all.len(), 1);
        assert!(all[0].provider_locked);
    }

    #[test]
    fn a_catalog_has_its_source_and_warnings() {
        let catalog = ModelCatalog {
            models: Vec::new(),
            source: ModelSource::Bundled,
            warnings: vec![contract::Warning {
                code: "catalog-not-live".into(),
                message: "no credential".into(),
            }],
        };
        assert_eq!(
            serde_json::to_value(CatalogJson::new(&fixtures::info(), &catalog, None)).expect("it is JSON"),
            json!({
                "source": "bundled",
                "warnings": [{"code": "catalog-not-live", "message": "no credential"}],
                "models": [],
            })
        );
    }
}
