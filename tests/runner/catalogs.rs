//! `catalog/*.json` and `names.json`: the catalog that the plugin makes of the router's list.

use serde_json::{Value, json};

use super::{super::types::*, word};

/// A model under the names that the case files use.
pub(super) fn facts(model: &Model) -> Value {
    let pairs = |extras: &[Extra]| -> Vec<String> {
        extras
            .iter()
            .map(|extra| format!("{}={}", extra.key, extra.value_json))
            .collect()
    };
    let routes: Vec<&String> = model.routes.iter().map(|route| &route.backend).collect();
    let picks: Vec<String> = model
        .picks
        .iter()
        .map(|pick| format!("{}={}", pick.policy, pick.backend))
        .collect();
    json!({
        "id": model.id,
        "name": model.display_name,
        "alias": model.alias,
        "source": word(model.source),
        "input": model.input,
        "output": model.output,
        "reasoning": model.reasoning,
        "contextWindow": model.context_window,
        "maxOutputTokens": model.max_output_tokens,
        "price": model.price.as_ref().map(|price| format!("{}/{}", price.input, price.output)),
        "supportsTools": model.supports_tools,
        "supportsStructuredOutput": model.supports_structured_output,
        "routes": routes,
        "picks": picks.join(" "),
        "extras": pairs(&model.extras),
        "routeExtras": model.routes.first().map(|route| pairs(&route.extras)),
    })
}

/// The router's response of a case, as JSON or as any text.
pub(crate) fn list_body(case: &Value) -> String {
    case["bodyText"]
        .as_str()
        .map_or_else(|| case["body"].to_string(), String::from)
}

/// What is wrong with a catalog.
pub(crate) fn check_catalog(expect: &Value, catalog: &ModelCatalog) -> Vec<String> {
    let mut wrong = Vec::new();
    let codes: Vec<&str> = catalog
        .warnings
        .iter()
        .map(|warning| warning.code.as_str())
        .collect();
    if json!(codes) != expect["warnings"] {
        wrong.push(format!("the warnings are {:?}", catalog.warnings));
    }
    if word(catalog.source) != expect["source"].as_str().unwrap() {
        wrong.push(format!("the source is {:?}", catalog.source));
    }
    if let Some(count) = expect["count"].as_u64()
        && catalog.models.len() as u64 != count
    {
        wrong.push(format!("there are {} models", catalog.models.len()));
    }
    let ids: Vec<&str> = catalog.models.iter().map(|model| model.id.as_str()).collect();
    if let Some(first) = expect["first"].as_array()
        && !first
            .iter()
            .map(Value::as_str)
            .eq(ids.iter().take(first.len()).copied().map(Some))
    {
        wrong.push(format!("the models are {ids:?}"));
    }
    if let Some(models) = expect["models"].as_array() {
        if !models
            .iter()
            .map(|model| model["id"].as_str())
            .eq(ids.iter().copied().map(Some))
        {
            wrong.push(format!("the models are {ids:?}"));
        }
        for (expected, model) in models.iter().zip(&catalog.models) {
            let is = facts(model);
            for (key, value) in expected.as_object().unwrap() {
                if is[key] != *value {
                    wrong.push(format!("{key} of {} is {}, expected {value}", model.id, is[key]));
                }
            }
        }
    }
    wrong
}

/// What is wrong with the name of a row's model, and with whether it counts as a reasoning model.
pub(crate) fn check_name(case: &Value, catalog: &ModelCatalog) -> Vec<String> {
    let [model] = catalog.models.as_slice() else {
        return vec![format!("there are {} models", catalog.models.len())];
    };
    let mut wrong = Vec::new();
    if case["name"] != model.display_name.as_str() {
        wrong.push(format!("the name is {:?}", model.display_name));
    }
    if case["reasoning"].is_boolean() && case["reasoning"] != json!(model.reasoning) {
        wrong.push(format!("reasoning is {:?}", model.reasoning));
    }
    wrong
}
