//! The configuration of a case, and the router's last list.

use serde_json::{Value, json};

use super::super::{
    settings::{ConfiguredModel, ModelAlias},
    types::{Extra, Price},
};

fn text(value: &Value) -> Option<String> {
    value.as_str().map(String::from)
}

fn count(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|count| count.try_into().ok())
}

fn list<'v>(settings: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    settings[key].as_array().into_iter().flatten()
}

/// The configured models of a case's settings.
pub(crate) fn configured(settings: &Value) -> Vec<ConfiguredModel> {
    let model = |model: &Value| ConfiguredModel {
        id: text(&model["id"]).expect("a configured model has an id"),
        display_name: text(&model["name"]),
        reasoning: model["reasoning"].as_bool(),
        input: list(model, "input").filter_map(text).collect(),
        context_window: count(&model["contextWindow"]),
        max_output_tokens: count(&model["maxTokens"]),
        price: text(&model["price"]["input"])
            .zip(text(&model["price"]["output"]))
            .map(|(input, output)| Price {
                input,
                output,
                cached_input: None,
            }),
        extras: model
            .get("template-opens-reasoning")
            .map(|value| Extra {
                key: "template-opens-reasoning".into(),
                value_json: value.to_string(),
            })
            .into_iter()
            .collect(),
    };
    list(settings, "configured").map(model).collect()
}

/// The aliases of a case's settings.
pub(crate) fn aliases(settings: &Value) -> Vec<ModelAlias> {
    let alias = |alias: &Value| ModelAlias {
        alias: text(&alias["alias"]).expect("an alias has a text"),
        reference: text(&alias["reference"]).expect("an alias has a reference"),
    };
    list(settings, "aliases").map(alias).collect()
}

/// The router's last list, if a case's settings name its rows.
pub(crate) fn listed_body(settings: &Value) -> Option<String> {
    let rows = settings["listed"].as_array()?;
    Some(json!({ "data": rows }).to_string())
}
