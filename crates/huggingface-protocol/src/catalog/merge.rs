//! Merges a model's metadata from the router, the plugin and the settings.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use chat_completions::model::{self, Index, blank, display_name, suggests_reasoning};

use super::bundled::{self, Bundled};
use super::routes;
use crate::{
    contract::{
        settings::{ConfiguredModel, ModelAlias},
        types::{Model, ModelSource, Routing},
    },
    reference::{Reference, begins_with_prefix, canonical_text, parse, without_prefix},
};

/// Fills in fields that a row lacks: from the bundled models, then from the id itself.
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

/// Lays configured metadata over what is known otherwise.
fn overlay(configured: ConfiguredModel, mut model: Model) -> Model {
    model.id = configured_id(&configured.id).to_owned();
    model::overlay(configured, model)
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

/// All metadata of one reference's model: the results of the lookups in the settings and in the plugin.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The configured model with exactly this reference, suffix included.
    pub(super) exact: Option<ConfiguredModel>,
    /// The configured model without the suffix, if the reference has one.
    pub(super) base: Option<ConfiguredModel>,
    /// The model in the cached list.
    pub(super) listed: Option<Model>,
    /// The bundled model.
    pub(super) bundled: Option<&'static Bundled>,
}

impl Known {
    /// Whether the model is known at all.
    pub(crate) fn is_some(&self) -> bool {
        self.exact.is_some() || self.base.is_some() || self.listed.is_some() || self.bundled.is_some()
    }

    /// The model in the cached list.
    pub(crate) fn listed(&self) -> Option<&Model> {
        self.listed.as_ref()
    }

    /// Merges everything into one entry, except the alias: a backend's own figures for a reference that names it, and
    /// the settings above all.
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
        model.alias = alias.map(|alias| alias.alias.trim().to_owned());
    }
}

/// The models of a catalog: the configured ones in their order, completed, then the remaining ones. Also the number
/// of configured models without an id.
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
