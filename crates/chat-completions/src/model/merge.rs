//! Models without metadata, and configured metadata laid over known metadata.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::contract::{
    settings::ConfiguredModel,
    types::{Model, ModelSource},
};

/// A model with nothing but its id.
#[must_use]
pub fn blank(id: &str, source: ModelSource) -> Model {
    Model {
        id: id.to_owned(),
        display_name: String::new(),
        alias: None,
        source,
        input: Vec::new(),
        output: Vec::new(),
        reasoning: None,
        context_window: None,
        max_output_tokens: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        routes: Vec::new(),
        picks: Vec::new(),
        extras: Vec::new(),
    }
}

/// Lays configured metadata over what is known otherwise, except the id.
#[must_use]
pub fn overlay(configured: ConfiguredModel, mut model: Model) -> Model {
    model.source = ModelSource::Configured;
    model.alias = None;
    if let Some(name) = configured
        .display_name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        model.display_name = name.to_owned();
    }
    if !configured.input.is_empty() {
        model.input = configured.input;
    }
    model.reasoning = configured.reasoning.or(model.reasoning);
    model.context_window = configured.context_window.or(model.context_window);
    model.max_output_tokens = configured.max_output_tokens.or(model.max_output_tokens);
    model.price = configured.price.or(model.price);
    for extra in configured.extras {
        model.extras.retain(|known| known.key != extra.key);
        model.extras.push(extra);
    }
    model
}
