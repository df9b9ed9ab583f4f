//! Putting together what the router, the plugin and the settings say of one model.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use chat_completions::model::{Index, display_name, suggests_reasoning};

use super::bundled::{self, Bundled};
use super::routes;
use crate::{
    contract::{
        settings::{ConfiguredModel, ModelAlias},
        types::{Model, ModelSource, Routing},
    },
    reference::{Reference, begins_with_prefix, canonical_text, parse, without_prefix},
};

/// A model of which nothing is known but its id.
pub(super) fn blank(id: &str, source: ModelSource) -> Model {
    Model {
        id: id.to_string(),
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

/// Fills in what a row does not say: from the plugin's own knowledge of `id`, then from the id itself.
pub(super) fn complete(model: &mut Model, id: &str) {
    if let Some(bundled) = bundled::find(id) {
        bundled.fill(model);
    }
    if model.display_name.is_empty() {
        model.display_name = display_name(id);
    }
    if model.reasoning.is_none() {
        model.reasoning = Some(suggests_reasoning(id));
    }
}

/// Puts what a person has described over what is known otherwise.
fn overlay(configured: ConfiguredModel, mut model: Model) -> Model {
    model.id = configured_id(&configured.id).to_string();
    model.source = ModelSource::Configured;
    model.alias = None;
    if let Some(name) = configured
        .display_name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        model.display_name = name.to_string();
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

/// The id of a configured model as the router takes it: trimmed, the prefix gone where it is one.
fn configured_id(id: &str) -> &str {
    let id = id.trim();
    match without_prefix(id) {
        Some(rest) if rest.contains('/') => rest,
        _ => id,
    }
}

/// A configured id as a reference; an id outside the grammar is the model's whole name.
fn configured_reference(id: &str) -> Reference {
    parse(id).unwrap_or_else(|_| Reference::verbatim(id))
}

/// Everything that is known of one reference's model: what look-ups in the settings and in the plugin gave.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// What the settings say of exactly this reference, suffix included.
    pub(super) exact: Option<ConfiguredModel>,
    /// What the settings say of the model, if the reference has a suffix.
    pub(super) base: Option<ConfiguredModel>,
    /// What a list says of the model.
    pub(super) listed: Option<Model>,
    /// What the plugin knows of the model.
    pub(super) bundled: Option<&'static Bundled>,
}

impl Known {
    /// Whether anybody knows the model.
    pub(crate) fn is_some(&self) -> bool {
        self.exact.is_some() || self.base.is_some() || self.listed.is_some() || self.bundled.is_some()
    }

    /// What a list says of the model.
    pub(crate) fn listed(&self) -> Option<&Model> {
        self.listed.as_ref()
    }

    /// All of it as one entry, the alias aside: a backend's own figures for a reference that names it, the
    /// settings above all.
    pub(crate) fn entry(self, reference: &Reference) -> Option<Model> {
        if !self.is_some() {
            return None;
        }
        let mut model = (self.listed)
            .or_else(|| self.bundled.map(Bundled::model))
            .unwrap_or_else(|| blank(&reference.model, ModelSource::Configured));
        complete(&mut model, &reference.model);
        if let Some(base) = self.base {
            model = overlay(base, model);
        }
        if let Routing::Backend(backend) = &reference.routing {
            routes::narrow(&mut model, backend);
        }
        if let Some(exact) = self.exact {
            model = overlay(exact, model);
        }
        Some(model)
    }
}

/// The one spelling of the reference that an id of the catalog is.
fn canonical_of_id(id: &str) -> String {
    if begins_with_prefix(id) {
        Reference::verbatim(id).canonical()
    } else {
        canonical_text(id)
    }
}

/// Gives each model the alias of exactly its reference, the first of several.
fn name_by_aliases(models: &mut [Model], aliases: &[ModelAlias]) {
    let mut by_reference = Index::default();
    for (at, alias) in aliases.iter().enumerate() {
        if !alias.alias.trim().is_empty() {
            by_reference.note(&canonical_text(&alias.reference), at);
        }
    }
    if by_reference.is_empty() {
        return;
    }
    for model in models {
        let alias = by_reference
            .get(&canonical_of_id(&model.id))
            .and_then(|at| aliases.get(at));
        model.alias = alias.map(|alias| alias.alias.trim().to_string());
    }
}

/// The models of a catalog: the configured ones in their order, filled in, then the others that are not among
/// them. Also how many configured ones have no id.
pub(super) fn models(
    configured: &[ConfiguredModel],
    others: Vec<Model>,
    aliases: &[ModelAlias],
) -> (Vec<Model>, usize) {
    let mut by_id = Index::default();
    if !configured.is_empty() {
        for (at, model) in others.iter().enumerate() {
            by_id.note(&model.id, at);
        }
    }
    let mut described = Index::default();
    for (at, model) in configured.iter().enumerate() {
        described.note(configured_id(&model.id), at);
    }
    let mut without_id = 0;
    let mut models = Vec::with_capacity(configured.len() + others.len());
    for (at, model) in configured.iter().enumerate() {
        let id = configured_id(&model.id);
        if id.is_empty() {
            without_id += 1;
        } else if described.get(id) == Some(at) {
            let reference = configured_reference(&model.id);
            let base = reference.suffix().and_then(|_| described.get(&reference.model));
            let known = Known {
                exact: Some(model.clone()),
                base: base.and_then(|at| configured.get(at)).cloned(),
                listed: by_id.get(&reference.model).and_then(|at| others.get(at)).cloned(),
                bundled: bundled::find(&reference.model),
            };
            models.extend(known.entry(&reference));
        }
    }
    for model in others {
        if described.get(&model.id).is_none() {
            models.push(model);
        }
    }
    name_by_aliases(&mut models, aliases);
    (models, without_id)
}
