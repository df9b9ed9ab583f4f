//! Model catalog: the available models and their metadata.
//!
//! It has three sources. The router's list is authoritative for routes, windows, prices and tools. The bundled models
//! fill in what the list lacks, and replace it when there is none. Configured models come first and take precedence.
//! This module must not know the network: the caller fetches the list and passes its bytes.

mod bundled;
mod bundled_models;
mod list;
mod merge;
mod routes;

use alloc::{format, vec::Vec};

use chat_completions::text::lossy;

use super::provider::ENV_VARS;
use super::reference::Reference;
use super::settings::Settings;
use super::warning::{CATALOG_NOT_LIVE, CONFIGURED_SKIPPED, LIST_CUT, ROWS_SKIPPED, warning};
use crate::contract::{
    settings::CredentialState,
    types::{DiscoveryMode, Model, ModelCatalog, ModelSource, Warning},
};

pub(super) use bundled::ids as bundled_ids;
pub(super) use merge::Known;
pub(super) use routes::{find as find_route, is_usable};

/// The longest list that is read, in bytes.
pub const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// Whether the router's list may be requested. If not, the error has the catalog's warnings: none if the caller
/// wanted it so.
pub fn may_fetch_list(mode: DiscoveryMode, credential: CredentialState) -> Result<(), Vec<Warning>> {
    match (mode, credential) {
        (DiscoveryMode::ConfiguredOnly | DiscoveryMode::Off, _) => Err(Vec::new()),
        (DiscoveryMode::Authenticated, CredentialState::Missing) => {
            let [first, second] = ENV_VARS;
            Err(Vec::from([not_live(&format!(
                "no request was sent, because no token is attached (set {first} or {second}; a token is sent over \
                 https or within this machine only)"
            ))]))
        }
        (DiscoveryMode::Authenticated | DiscoveryMode::Always, _) => Ok(()),
    }
}

/// The warning that goes with a catalog that does not come from the router; `why` continues "no list from the
/// router:".
#[must_use]
pub fn not_live(why: &str) -> Warning {
    let why = why.trim_end_matches('.');
    warning(
        CATALOG_NOT_LIVE,
        format!("There is no list from the router: {why}. These models may not be all, or up to date."),
    )
}

/// The catalog without the router's list: the configured models, and the bundled ones unless only the
/// configured ones are wanted. `why` are the reasons, if any.
#[must_use]
pub fn offline(mode: DiscoveryMode, settings: &impl Settings, why: Vec<Warning>) -> ModelCatalog {
    let (others, source) = match mode {
        DiscoveryMode::ConfiguredOnly => (Vec::new(), ModelSource::Configured),
        DiscoveryMode::Off | DiscoveryMode::Authenticated | DiscoveryMode::Always => (
            bundled::all().map(bundled::Bundled::model).collect(),
            ModelSource::Bundled,
        ),
    };
    merged(others, source, settings, why)
}

/// The catalog from the router's response. An invalid response, or one without models, gives the bundled catalog with
/// a warning that says why; rows without a model are skipped and counted in a warning.
#[must_use]
pub fn from_list(body: &[u8], settings: &impl Settings) -> ModelCatalog {
    let fall_back = |warnings| offline(DiscoveryMode::Authenticated, settings, warnings);
    if body.len() > MAX_LIST_BYTES {
        return fall_back(Vec::from([not_live("its response is longer than 4 MiB")]));
    }
    // An invalid UTF-8 byte spoils one text, not the list.
    let body = lossy(body);
    let mut list = match list::decode(&body) {
        Ok(list) => list,
        Err(why) => return fall_back(Vec::from([not_live(&why)])),
    };
    let mut warnings = Vec::new();
    if list.skipped > 0 {
        warnings.push(warning(
            ROWS_SKIPPED,
            format!(
                "{} of the rows of the router's list name no model and were left out.",
                list.skipped
            ),
        ));
    }
    if list.cut_rows > 0 {
        let (cut, most) = (list.cut_rows, list::MAX_ROWS);
        warnings.push(warning(
            LIST_CUT,
            format!("The router's list has more than {most} rows; {cut} were left out."),
        ));
    }
    if list.cut_routes > 0 {
        let cut = list.cut_routes;
        warnings.push(warning(
            LIST_CUT,
            format!("The router's list names too many backends; {cut} were left out."),
        ));
    }
    if list.models.is_empty() {
        warnings.insert(0, not_live("its response lists no model"));
        return fall_back(warnings);
    }
    for model in &mut list.models {
        let id = core::mem::take(&mut model.id);
        merge::complete(model, &id);
        model.id = id;
    }
    merged(list.models, ModelSource::Live, settings, warnings)
}

fn merged(
    others: Vec<Model>,
    source: ModelSource,
    settings: &impl Settings,
    mut warnings: Vec<Warning>,
) -> ModelCatalog {
    let (models, without_id) = merge::models(&settings.list_configured(), others, &settings.list_aliases());
    if without_id > 0 {
        let message = format!("{without_id} of the configured models have no id and were left out.");
        warnings.push(warning(CONFIGURED_SKIPPED, message));
    }
    ModelCatalog {
        models,
        source,
        warnings,
    }
}

/// The metadata of a reference without a request to the router: the settings take precedence over the cached list,
/// and that over the bundled models. A reference with a backend gets that backend's window, price and abilities; a
/// policy leaves the model's. `None` if the model is unknown.
#[must_use]
pub fn entry(reference: &Reference, settings: &impl Settings) -> Option<Model> {
    look_up(reference, settings).entry(reference)
}

/// Looks up a reference in the settings and the bundled models.
pub(super) fn look_up(reference: &Reference, settings: &impl Settings) -> Known {
    let model = &reference.model;
    let (exact, base) = match reference.suffix() {
        None => (settings.find_configured(model), None),
        Some(_) => (
            settings.find_configured(&reference.wire_id()),
            settings.find_configured(model),
        ),
    };
    Known {
        exact,
        base,
        listed: settings.find_listed(model),
        bundled: bundled::find(model),
    }
}

#[cfg(test)]
mod tests;
