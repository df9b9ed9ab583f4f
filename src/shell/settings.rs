//! The imported `settings` interface as the protocol's trait.

use alloc::{string::String, vec::Vec};

use crate::{
    contract::{
        settings::{self, ConfiguredModel, ModelAlias, Snapshot},
        types::Model,
    },
    protocol::settings::Settings,
};

/// The host's settings.
pub(crate) struct Imported;

impl Settings for Imported {
    fn get(&self) -> Snapshot {
        settings::get()
    }

    fn list_configured(&self) -> Vec<ConfiguredModel> {
        settings::list_configured()
    }

    fn find_configured(&self, id: &str) -> Option<ConfiguredModel> {
        settings::find_configured(id)
    }

    fn list_aliases(&self) -> Vec<ModelAlias> {
        settings::list_aliases()
    }

    fn find_alias(&self, text: &str) -> Vec<ModelAlias> {
        settings::find_alias(text)
    }

    fn aliases_of(&self, canonical: &str) -> Vec<ModelAlias> {
        let mut found = settings::find_aliases_of(canonical);
        // People also write it without the prefix.
        if let Some((_, bare)) = canonical.split_once('/') {
            found.append(&mut settings::find_aliases_of(bare));
        }
        found
    }

    fn find_listed(&self, id: &str) -> Option<Model> {
        settings::find_listed(id)
    }

    fn listed_ids(&self) -> Vec<String> {
        settings::listed_ids()
    }
}
