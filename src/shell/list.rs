//! `list-models` over HTTP: one request, within one time limit, up to one size.

use alloc::{format, string::String, vec, vec::Vec};

use wasi::http::types::Method;

use super::{
    http::{self, Endpoint, Exchange, Failure, Piece},
    settings::Imported,
};
use crate::{
    contract::{
        settings::Snapshot,
        types::{DiscoveryMode, ModelCatalog, Warning},
    },
    protocol::{catalog, chat, error, provider, settings::Settings as _},
};

/// Lists the models: asks if it may, and gives the bundled list with the reason if that brings nothing.
pub(crate) fn list_models(mode: DiscoveryMode) -> ModelCatalog {
    let settings = Imported;
    let snapshot = settings.get();
    if matches!(mode, DiscoveryMode::ConfiguredOnly | DiscoveryMode::Off) {
        return catalog::offline(mode, &settings, Vec::new());
    }
    if let Err(why) = catalog::should_ask(mode, snapshot.credential) {
        return catalog::offline(mode, &settings, vec![why]);
    }
    match fetch(&snapshot) {
        Ok(body) => catalog::from_list(&body, &settings),
        Err(why) => catalog::offline(mode, &settings, vec![catalog::not_live(&why)]),
    }
}
