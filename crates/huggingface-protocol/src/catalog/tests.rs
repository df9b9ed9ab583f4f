//! The case files, and the rules that are not data.

mod hostile;
mod recorded;

use alloc::{string::ToString, vec};

use chat_completions::model::decimal;
use serde_json::{Value, json};

use super::*;
use crate::{
    cases::{self, plain_settings},
    contract::settings::{ConfiguredModel, ModelAlias},
    settings::PlainSettings,
};

fn from_rows(rows: &[Value]) -> ModelCatalog {
    from_list(
        json!({ "data": rows }).to_string().as_bytes(),
        &PlainSettings::default(),
    )
}

#[test]
fn every_case_of_the_catalog_files_comes_out_as_it_says() {
    let mut report = cases::Report::default();
    for case in cases::cases("catalog") {
        let settings = cases::plain_settings(&case["settings"]);
        let catalog = from_list(cases::list_body(&case).as_bytes(), &settings);
        report.add(&case, cases::check_catalog(&case["expect"], &catalog));
    }
    report.finish();
}

#[test]
fn every_case_of_the_names_file_gets_its_name() {
    let mut report = cases::Report::default();
    for case in cases::cases("names.json") {
        let catalog = from_rows(core::slice::from_ref(&case["row"]));
        report.add(&case, cases::check_name(&case, &catalog));
    }
    report.finish();
}

#[test]
fn the_list_is_requested_with_a_credential_or_where_none_is_needed_or_on_demand() {
    use CredentialState::{AttachedByHost, Missing, NotRequired};
    use DiscoveryMode::{Always, Authenticated, ConfiguredOnly, Off};

    for (mode, credential) in [
        (Authenticated, AttachedByHost),
        (Authenticated, NotRequired),
        (Always, Missing),
        (Always, AttachedByHost),
    ] {
        assert_eq!(may_fetch_list(mode, credential), Ok(()));
    }
    let why = may_fetch_list(Authenticated, Missing).unwrap_err();
    assert_eq!(why[0].code, CATALOG_NOT_LIVE);
    assert!(
        why[0].message.contains("HUGGINGFACE_HUB_TOKEN or HF_TOKEN"),
        "{}",
        why[0].message
    );
    for mode in [Off, ConfiguredOnly] {
        assert_eq!(
            may_fetch_list(mode, AttachedByHost),
            Err(vec![]),
            "a requested mode gives no warning"
        );
    }
}

#[test]
fn configured_only_is_nothing_but_what_is_configured() {
    let mut settings = PlainSettings::default();
    let catalog = offline(DiscoveryMode::ConfiguredOnly, &settings, Vec::new());
    assert_eq!(
        (catalog.source, catalog.models.len(), catalog.warnings.len()),
        (ModelSource::Configured, 0, 0)
    );
    settings = plain_settings(&json!({ "configured": [{ "id": "Qwen/Qwen3-8B" }] }));
    let catalog = offline(DiscoveryMode::ConfiguredOnly, &settings, Vec::new());
    assert_eq!(catalog.models.len(), 1);
    assert_eq!(
        catalog.models[0].context_window,
        Some(40960),
        "what it leaves out is filled in all the same"
    );
    assert_eq!(
        offline(DiscoveryMode::Off, &settings, Vec::new()).models.len(),
        10
    );
}

#[test]
fn the_bundled_models_are_the_ten_of_the_page_with_all_their_figures() {
    let catalog = offline(DiscoveryMode::Off, &PlainSettings::default(), Vec::new());
    let ids: Vec<&str> = catalog.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "deepseek-ai/DeepSeek-R1",
            "deepseek-ai/DeepSeek-V3.2",
            "Qwen/Qwen3-8B",
            "Qwen/Qwen2.5-7B-Instruct",
            "Qwen/Qwen3-32B",
            "meta-llama/Llama-3.3-70B-Instruct",
            "meta-llama/Llama-3.1-8B-Instruct",
            "openai/gpt-oss-120b",
            "zai-org/GLM-4.7",
            "moonshotai/Kimi-K2.5",
        ]
    );
    for model in &catalog.models {
        let price = model.price.as_ref().unwrap();
        for figure in [
            Some(&price.input),
            Some(&price.output),
            price.cached_input.as_ref(),
        ]
        .into_iter()
        .flatten()
        {
            assert_eq!(decimal::price_text(figure).as_ref(), Some(figure), "{}", model.id);
        }
        assert!(
            model.context_window.is_some() && model.max_output_tokens.is_some(),
            "{}",
            model.id
        );
        assert!(model.max_output_tokens <= model.context_window, "{}", model.id);
        assert!(
            model.reasoning.is_some() && !model.input.is_empty() && !model.output.is_empty(),
            "{}",
            model.id
        );
        assert!(crate::reference::parse(&model.id).is_ok());
    }
}

/// Settings that fail a test if a whole list is read.
struct LookUpsOnly(PlainSettings);

impl Settings for LookUpsOnly {
    fn get(&self) -> crate::contract::settings::Snapshot {
        self.0.get()
    }
    fn list_configured(&self) -> Vec<ConfiguredModel> {
        panic!("a scan of all configured models")
    }
    fn find_configured(&self, id: &str) -> Option<ConfiguredModel> {
        self.0.find_configured(id)
    }
    fn list_aliases(&self) -> Vec<ModelAlias> {
        panic!("a scan of all aliases")
    }
    fn find_alias(&self, text: &str) -> Vec<ModelAlias> {
        self.0.find_alias(text)
    }
    fn aliases_of(&self, canonical: &str) -> Vec<ModelAlias> {
        self.0
            .aliases
            .iter()
            .filter(|alias| alias.reference == canonical)
            .cloned()
            .collect()
    }
    fn find_listed(&self, id: &str) -> Option<Model> {
        self.0.find_listed(id)
    }
    fn listed_ids(&self) -> Vec<String> {
        panic!("a scan of all listed models")
    }
}

#[test]
fn what_is_known_resolves_by_look_ups_alone() {
    let settings = LookUpsOnly(plain_settings(&json!({
        "configured": [{ "id": "acme/one" }],
        "aliases": [{ "alias": "Uno", "reference": "huggingface/acme/one:cheapest" }],
        "listed": [{ "id": "acme/two", "providers": [{ "provider": "x", "status": "live" }] }],
    })));
    for text in [
        "acme/one",
        "uno",
        "huggingface/acme/two:x",
        "Qwen/Qwen3-8B:fastest",
        "acme/two",
    ] {
        let found = crate::reference::resolve(text, &settings).unwrap();
        assert!(found.metadata.is_some() && found.warnings.is_empty(), "{text}");
    }
    let reference = crate::reference::parse("acme/two:x").unwrap();
    assert_eq!(entry(&reference, &settings).unwrap().routes.len(), 1);
}
