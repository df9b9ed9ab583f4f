//! Model index: the user's model entries, and the last model list, indexed for the lookups of the contract.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use crate::contract::{
    Model, ModelCatalog, ModelSource,
    settings::{ConfiguredModel, ModelAlias},
};

/// The user's model entries and aliases, indexed for the lookups of the contract.
///
/// ```
/// use model_provider_host::{contract::settings::ModelAlias, settings::ModelSettings};
///
/// let alias = ModelAlias {
///     alias: "Big Model".to_owned(),
///     reference: "Qwen/Qwen3-235B-A22B".to_owned(),
/// };
/// let models = ModelSettings::new(Vec::new(), vec![alias]);
/// assert_eq!(models.find_alias("big  model").count(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModelSettings {
    configured: Vec<ConfiguredModel>,
    by_id: HashMap<String, usize>,
    aliases: Vec<ModelAlias>,
    by_alias: HashMap<String, Vec<usize>>,
    by_reference: HashMap<String, Vec<usize>>,
}

impl ModelSettings {
    /// Builds the index. Of models with the same id the first wins.
    #[must_use]
    pub fn new(configured: Vec<ConfiguredModel>, aliases: Vec<ModelAlias>) -> Self {
        let mut by_id = HashMap::with_capacity(configured.len());
        for (index, model) in configured.iter().enumerate() {
            by_id.entry(id_key(&model.id).into_owned()).or_insert(index);
        }
        let mut by_alias: HashMap<String, Vec<usize>> = HashMap::with_capacity(aliases.len());
        let mut by_reference: HashMap<String, Vec<usize>> = HashMap::with_capacity(aliases.len());
        for (index, alias) in aliases.iter().enumerate() {
            by_alias.entry(alias_key(&alias.alias)).or_default().push(index);
            by_reference
                .entry(alias.reference.trim().to_lowercase())
                .or_default()
                .push(index);
        }
        Self {
            configured,
            by_id,
            aliases,
            by_alias,
            by_reference,
        }
    }

    /// The models, in their order.
    #[must_use]
    pub fn configured(&self) -> &[ConfiguredModel] {
        &self.configured
    }

    /// The aliases, in their order.
    #[must_use]
    pub fn aliases(&self) -> &[ModelAlias] {
        &self.aliases
    }

    pub(crate) fn find(&self, id: &str) -> Option<&ConfiguredModel> {
        let index = self.by_id.get(&*id_key(id))?;
        self.configured.get(*index)
    }

    /// The aliases that match a text: trimmed, case-insensitive, runs of white space count as one.
    pub fn find_alias(&self, text: &str) -> impl Iterator<Item = &ModelAlias> {
        self.found(self.by_alias.get(&alias_key(text)))
    }

    /// The aliases of a reference, which is compared as text: trimmed, case-insensitive.
    pub fn find_aliases_of(&self, reference: &str) -> impl Iterator<Item = &ModelAlias> {
        self.found(self.by_reference.get(&reference.trim().to_lowercase()))
    }

    fn found<'a>(&'a self, indices: Option<&'a Vec<usize>>) -> impl Iterator<Item = &'a ModelAlias> {
        indices
            .into_iter()
            .flatten()
            .filter_map(|index| self.aliases.get(*index))
    }
}

/// An id with its suffix in lower case, which is how suffixes are looked up.
fn id_key(id: &str) -> Cow<'_, str> {
    match id.rsplit_once(':') {
        Some((model, suffix)) if suffix.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(format!("{model}:{}", suffix.to_ascii_lowercase()))
        }
        _ => Cow::Borrowed(id),
    }
}

fn alias_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.push_str(&word.to_lowercase());
    }
    key
}

/// The last model list, cached by the host for `find-listed` and `listed-ids`; survives swaps. Shared with the
/// caller that got it; its index is built on the first lookup.
#[derive(Debug)]
pub(crate) struct Listed {
    catalog: Arc<ModelCatalog>,
    by_id: OnceLock<HashMap<String, usize>>,
}

impl Listed {
    pub(crate) fn new(catalog: Arc<ModelCatalog>) -> Self {
        Self {
            catalog,
            by_id: OnceLock::new(),
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Model> {
        let models = &self.catalog.models;
        let by_id = self.by_id.get_or_init(|| {
            let places = models.iter().enumerate();
            places.map(|(index, model)| (model.id.clone(), index)).collect()
        });
        by_id.get(id).and_then(|index| models.get(*index))
    }

    pub(crate) fn catalog(&self) -> &Arc<ModelCatalog> {
        &self.catalog
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.catalog.models.iter().map(|model| model.id.clone()).collect()
    }
}

impl Default for Listed {
    /// An empty list.
    fn default() -> Self {
        Self::new(Arc::new(ModelCatalog {
            models: Vec::new(),
            source: ModelSource::Bundled,
            warnings: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_described_id_is_found_whatever_the_case_of_its_suffix() {
        let described = |id: &str| ConfiguredModel {
            id: id.to_owned(),
            display_name: None,
            input: Vec::new(),
            reasoning: None,
            context_window: None,
            max_output_tokens: None,
            price: None,
            extras: Vec::new(),
        };
        let models = ModelSettings::new(vec![described("A/B:FASTEST"), described("A/B")], Vec::new());
        for (asked, found) in [
            ("A/B:fastest", Some("A/B:FASTEST")),
            ("A/B:Fastest", Some("A/B:FASTEST")),
            ("A/B", Some("A/B")),
            ("a/b", None),
        ] {
            assert_eq!(models.find(asked).map(|model| &*model.id), found, "{asked}");
        }
    }
}
