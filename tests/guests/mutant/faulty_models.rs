//! Lists that violate the contract.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    contract::{
        settings,
        types::{DiscoveryMode, Error, Extra, ModelCatalog, ModelSource, Price},
    },
    error, facts, fault, models,
};

pub(crate) fn list(mode: DiscoveryMode) -> Result<ModelCatalog, Error> {
    let asked = match mode {
        DiscoveryMode::Off if fault::is("off-sends") => DiscoveryMode::Always,
        DiscoveryMode::Authenticated if fault::is("authenticated-sends-anyway") => DiscoveryMode::Always,
        DiscoveryMode::ConfiguredOnly if fault::is("configured-only-bundled") => DiscoveryMode::Off,
        DiscoveryMode::Authenticated if fault::is("authenticated-never-sends") => DiscoveryMode::Off,
        DiscoveryMode::Always if fault::is("always-needs-credential") => DiscoveryMode::Authenticated,
        mode => mode,
    };
    let mut catalog = models::list(asked);
    let is_fallback = catalog.source == ModelSource::Bundled && mode == DiscoveryMode::Always;
    if fault::is("list-failure-is-error") && is_fallback {
        return Err(error::new(crate::contract::types::ErrorKind::Upstream, "no list"));
    }
    if fault::is("list-failure-is-empty") && is_fallback {
        catalog.models.clear();
    }
    if fault::is("fallback-silent") {
        catalog.warnings.clear();
    }
    if fault::is("rows-skipped-silent") && catalog.source == ModelSource::Live {
        catalog.warnings.clear();
    }
    if fault::is("fallback-called-live") && is_fallback {
        catalog.source = ModelSource::Live;
    }
    if fault::is("configured-called-bundled") && mode == DiscoveryMode::ConfiguredOnly {
        catalog.source = ModelSource::Bundled;
    }
    if fault::is("row-twice") {
        catalog.models.extend(catalog.models.last().cloned());
    }
    if fault::is("configured-last") {
        let configured = settings::list_configured().len().min(catalog.models.len());
        catalog.models.rotate_left(configured);
    }
    if fault::is("configured-name-ignored") {
        for model in &mut catalog.models {
            model.display_name = model.id.clone();
        }
    }
    if fault::is("display-name-blank") {
        for model in &mut catalog.models {
            model.display_name = String::new();
        }
    }
    for model in &mut catalog.models {
        let is_configured = model.source == ModelSource::Configured;
        if fault::is("configured-limits-ignored") && is_configured {
            model.max_output_tokens = None;
            model.price = None;
            model.input.clear();
        }
        if fault::is("configured-name-blank") && is_configured && model.display_name == model.id {
            model.display_name = String::new();
        }
        if fault::is("row-extras-not-json") {
            model.extras.push(Extra {
                key: "owned_by".to_string(),
                value_json: "acme".to_string(),
            });
        }
    }
    if fault::is("unknown-is-zero") {
        for model in &mut catalog.models {
            model.context_window = model.context_window.or(Some(0));
        }
    }
    if fault::is("price-as-float") {
        let price = |text: &str| text.to_string();
        for model in &mut catalog.models {
            model.price = Some(Price {
                input: price("1e-6"),
                output: price("2.50"),
                cached_input: None,
            });
        }
    }
    if fault::is("id-with-prefix") {
        for model in &mut catalog.models {
            model.id = [facts::ID, "/", &model.id].concat();
        }
    }
    if fault::is("row-source-wrong") {
        for model in &mut catalog.models {
            model.source = ModelSource::Configured;
        }
    }
    let _: Vec<String> = settings::listed_ids();
    Ok(catalog)
}
