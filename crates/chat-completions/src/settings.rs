//! Settings that the protocol needs from the host, as a trait: the core runs against the imported interface in the
//! component, and against plain values in tests.

use alloc::{string::String, vec::Vec};

use crate::contract::{
    settings::{ConfiguredModel, ModelAlias, Snapshot},
    types::Model,
};

/// The lookups of the contract's `settings` interface; see `wit/provider.wit` for each.
pub trait Settings {
    /// The settings that every request needs.
    fn get(&self) -> Snapshot;
    /// The configured models, in their order.
    fn list_configured(&self) -> Vec<ConfiguredModel>;
    /// The configured model with this id, suffix included if it has one.
    fn find_configured(&self, id: &str) -> Option<ConfiguredModel>;
    /// The aliases, in their order.
    fn list_aliases(&self) -> Vec<ModelAlias>;
    /// The aliases that match a text: compared trimmed, in any case, runs of white space as one.
    fn find_alias(&self, text: &str) -> Vec<ModelAlias>;
    /// The aliases of a reference in its canonical text, or more than those: the caller compares. The default returns
    /// all aliases.
    fn aliases_of(&self, canonical: &str) -> Vec<ModelAlias> {
        let _ = canonical;
        self.list_aliases()
    }
    /// The row of a model in the cached list.
    fn find_listed(&self, id: &str) -> Option<Model>;
    /// The ids of all models in the cached list.
    fn listed_ids(&self) -> Vec<String>;
}

/// Settings as plain values, for tests, benches and fuzzing of the core on the machine itself.
#[cfg(not(target_family = "wasm"))]
#[derive(Clone, Debug, Default)]
pub struct PlainSettings {
    /// The settings that every request needs; `None` means the contract's defaults with a credential attached.
    pub snapshot: Option<Snapshot>,
    /// The configured models.
    pub configured: Vec<ConfiguredModel>,
    /// The aliases.
    pub aliases: Vec<ModelAlias>,
    /// The models in the cached list.
    pub listed: Vec<Model>,
}

#[cfg(not(target_family = "wasm"))]
impl Settings for PlainSettings {
    fn get(&self) -> Snapshot {
        self.snapshot.clone().unwrap_or_else(|| Snapshot {
            base_url: None,
            credential: crate::contract::settings::CredentialState::AttachedByHost,
            connect_timeout_ms: 10_000,
            first_byte_timeout_ms: 120_000,
            idle_timeout_ms: 60_000,
            list_timeout_ms: 30_000,
            max_retries: 2,
            extras: Vec::new(),
        })
    }

    fn list_configured(&self) -> Vec<ConfiguredModel> {
        self.configured.clone()
    }

    fn find_configured(&self, id: &str) -> Option<ConfiguredModel> {
        self.configured.iter().find(|model| model.id == id).cloned()
    }

    fn list_aliases(&self) -> Vec<ModelAlias> {
        self.aliases.clone()
    }

    fn find_alias(&self, text: &str) -> Vec<ModelAlias> {
        let fold = |text: &str| {
            text.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .to_lowercase()
        };
        let text = fold(text);
        self.aliases
            .iter()
            .filter(|alias| fold(&alias.alias) == text)
            .cloned()
            .collect()
    }

    fn find_listed(&self, id: &str) -> Option<Model> {
        self.listed.iter().find(|model| model.id == id).cloned()
    }

    fn listed_ids(&self) -> Vec<String> {
        self.listed.iter().map(|model| model.id.clone()).collect()
    }
}
