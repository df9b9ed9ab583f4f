//! Bundled models, for when the router is not reachable, and for metadata that its list lacks.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use super::bundled_models::MODELS;
use chat_completions::model::blank;

use crate::contract::types::{Model, ModelSource, Price};

/// One model as the plugin knows it by itself.
#[derive(Debug)]
pub(crate) struct Bundled {
    /// As in `model`.
    pub(super) id: &'static str,
    /// As in `model`.
    pub(super) name: &'static str,
    /// As in `model`.
    pub(super) reasoning: bool,
    /// As in `model`.
    pub(super) input: &'static [&'static str],
    /// As in `model`.
    pub(super) output: &'static [&'static str],
    /// As in `model`.
    pub(super) context_window: Option<u32>,
    /// As in `model`.
    pub(super) max_output_tokens: Option<u32>,
    /// As in `model`.
    pub(super) price: Option<BundledPrice>,
}

/// US dollars per million tokens.
#[derive(Debug)]
pub(super) struct BundledPrice {
    /// For tokens sent.
    pub(super) input: &'static str,
    /// For tokens received.
    pub(super) output: &'static str,
    /// For tokens sent that were in the cache.
    pub(super) cached_input: Option<&'static str>,
}

/// A price for tokens sent, received, and sent from the cache.
pub(super) const fn usd(
    input: &'static str,
    output: &'static str,
    cached_input: Option<&'static str>,
) -> Option<BundledPrice> {
    Some(BundledPrice {
        input,
        output,
        cached_input,
    })
}

/// The model of this id.
pub(super) fn find(id: &str) -> Option<&'static Bundled> {
    MODELS.iter().find(|bundled| bundled.id == id)
}

/// All of them, in their order.
pub(super) fn all() -> impl Iterator<Item = &'static Bundled> {
    MODELS.iter()
}

/// The ids of all of them.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|bundled| bundled.id)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

impl Bundled {
    /// Converts it to a row of the catalog.
    pub(super) fn model(&self) -> Model {
        let mut model = blank(self.id, ModelSource::Bundled);
        self.fill(&mut model);
        model
    }

    /// Fills in fields that a row lacks.
    pub(super) fn fill(&self, model: &mut Model) {
        if model.display_name.is_empty() {
            model.display_name = self.name.to_owned();
        }
        if model.input.is_empty() {
            model.input = words(self.input);
        }
        if model.output.is_empty() {
            model.output = words(self.output);
        }
        model.reasoning = model.reasoning.or(Some(self.reasoning));
        model.context_window = model.context_window.or(self.context_window);
        model.max_output_tokens = model.max_output_tokens.or(self.max_output_tokens);
        if model.price.is_none() {
            model.price = self.price.as_ref().map(|price| Price {
                input: price.input.to_owned(),
                output: price.output.to_owned(),
                cached_input: price.cached_input.map(str::to_owned),
            });
        }
    }
}
