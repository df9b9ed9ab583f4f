//! What the protocol asks of the host's settings, as a trait, so that the core runs against the imported interface
//! in the component and against plain values in tests.

use alloc::{string::String, vec::Vec};

use crate::contract::settings::{ConfiguredModel, ModelAlias, Snapshot};
use crate::contract::types::Model;

/// The look-ups of the contract's `settings` interface; see `wit/provider.wit` for what each gives.
pub trait Settings {
    /// What every request needs.
    fn get(&self) -> Snapshot;
    /// The models that a person has described, in their order.
    fn list_configured(&self) -> Vec<ConfiguredModel>;
    /// The described model of this id, suffix included if it has one.
    fn find_configured(&self, id: &str) -> Option<ConfiguredModel>;
    /// The names that a person has given to references, in their order.
    fn list_aliases(&self) -> Vec<ModelAlias>;
    /// Those that a text means: compared trimmed, in any case, runs of white space as one.
    fn find_alias(&self, text: &str) -> Vec<ModelAlias>;
    /// What an earlier list said of a model.
    fn find_listed(&self, id: &str) -> Option<Model>;
    /// The ids of all models of an earlier list.
    fn listed_ids(&self) -> Vec<String>;
}
