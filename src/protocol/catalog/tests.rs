//! The case files, and the rules that are not data.

mod hostile;
mod recorded;

use alloc::{format, string::ToString, vec};

use serde_json::{Value, json};

use super::*;
use crate::contract::settings::{ConfiguredModel, ModelAlias};
use crate::contract::types::Extra;
use crate::settings::{PlainSettings, from_case};

/// A model under the names that the case files use.
fn facts(model: &Model) -> Value {
    let pairs = |extras: &[Extra]| {
        extras
            .iter()
            .map(|extra| format!("{}={}", extra.key, extra.value_json))
            .collect::<Vec<_>>()
    };
    json!({
        "id": model.id,
        "name": model.display_name,
        "alias": model.alias,
        "source": format!("{:?}", model.source).rsplit("::").next().unwrap().to_lowercase(),
        "input": model.input,
        "output": model.output,
        "reasoning": model.reasoning,
        "contextWindow": model.context_window,
        "maxOutputTokens": model.max_output_tokens,
        "price": model.price.as_ref().map(|price| format!("{}/{}", price.input, price.output)),
        "supportsTools": model.supports_tools,
        "supportsStructuredOutput": model.supports_structured_output,
        "routes": model.routes.iter().map(|route| &route.backend).collect::<Vec<_>>(),
        "picks": model.picks.iter().map(|pick| format!("{}={}", pick.policy, pick.backend)).collect::<Vec<_>>().join(" "),
        "extras": pairs(&model.extras),
        "routeExtras": model.routes.first().map(|route| pairs(&route.extras)),
    })
}

/// What is wrong with a catalog, compared with what a case expects.
fn check(expect: &Value, catalog: &ModelCatalog) -> Vec<String> {
    let mut wrong = Vec::new();
    let codes: Vec<&str> = catalog
        .warnings
        .iter()
        .map(|warning| warning.code.as_str())
        .collect();
    if json!(codes) != expect["warnings"] {
        wrong.push(format!("the warnings are {:?}", catalog.warnings));
    }
    if Some(catalog.source) != source(expect["source"].as_str().unwrap()) {
        wrong.push(format!("the source is {:?}", catalog.source));
    }
    if let Some(count) = expect["count"].as_u64()
        && catalog.models.len() as u64 != count
    {
        wrong.push(format!("there are {} models", catalog.models.len()));
    }
    let ids: Vec<&str> = catalog.models.iter().map(|model| model.id.as_str()).collect();
    if let Some(first) = expect["first"].as_array()
        && !first
            .iter()
            .map(Value::as_str)
            .eq(ids.iter().take(first.len()).copied().map(Some))
    {
        wrong.push(format!("the models are {ids:?}"));
    }
    if let Some(models) = expect["models"].as_array() {
        if !models
            .iter()
            .map(|model| model["id"].as_str())
            .eq(ids.iter().copied().map(Some))
        {
            wrong.push(format!("the models are {ids:?}"));
        }
        for (expected, model) in models.iter().zip(&catalog.models) {
            let facts = facts(model);
            for (key, value) in expected.as_object().unwrap() {
                if facts[key] != *value {
                    wrong.push(format!(
                        "{key} of {} is {}, expected {value}",
                        model.id, facts[key]
                    ));
                }
            }
        }
    }
    wrong
}

fn source(word: &str) -> Option<ModelSource> {
    [
        ("live", ModelSource::Live),
        ("bundled", ModelSource::Bundled),
        ("configured", ModelSource::Configured),
    ]
    .into_iter()
    .find_map(|(name, source)| (name == word).then_some(source))
}

fn from_rows(rows: &[Value]) -> ModelCatalog {
    from_list(
        json!({ "data": rows }).to_string().as_bytes(),
        &PlainSettings::default(),
    )
}

#[test]
fn every_case_of_the_catalog_files_comes_out_as_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases/catalog");
    let mut failures = Vec::new();
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let file: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let body = case["bodyText"]
                .as_str()
                .map_or_else(|| case["body"].to_string(), ToString::to_string);
            let wrong = check(
                &case["expect"],
                &from_list(body.as_bytes(), &from_case(&case["settings"])),
            );
            failures.extend(
                wrong
                    .into_iter()
                    .map(|wrong| format!("{}: {wrong}", case["name"])),
            );
            count += 1;
        }
    }
    assert!(count > 0);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_case_of_the_names_file_gets_its_name() {
    let file: Value = serde_json::from_str(include_str!("../../../tests/cases/names.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let catalog = from_rows(core::slice::from_ref(&case["row"]));
        let model = &catalog.models[0];
        assert_eq!(json!(model.display_name), case["name"], "{case}");
        if case["reasoning"].is_boolean() {
            assert_eq!(json!(model.reasoning), case["reasoning"], "{case}");
        }
    }
}

#[test]
fn the_router_is_asked_with_a_credential_or_where_none_is_needed_or_on_demand() {
    use CredentialState::{AttachedByHost, Missing, NotRequired};
    use DiscoveryMode::{Always, Authenticated, ConfiguredOnly, Off};

    for (mode, credential) in [
        (Authenticated, AttachedByHost),
        (Authenticated, NotRequired),
        (Always, Missing),
        (Always, AttachedByHost),
    ] {
        assert_eq!(should_ask(mode, credential), Ok(()));
    }
    let why = should_ask(Authenticated, Missing).unwrap_err();
    assert_eq!(why[0].code, CATALOG_NOT_LIVE);
    assert!(
        why[0].message.contains("HUGGINGFACE_HUB_TOKEN or HF_TOKEN"),
        "{}",
        why[0].message
    );
    for mode in [Off, ConfiguredOnly] {
        assert_eq!(
            should_ask(mode, AttachedByHost),
            Err(vec![]),
            "what was asked for is no warning"
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
    settings = from_case(&json!({ "configured": [{ "id": "Qwen/Qwen3-8B" }] }));
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

/// Settings that fail a test if anybody asks for all of something.
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
    let settings = LookUpsOnly(from_case(&json!({
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
