//! Whole configuration files: every alias and every reference in them resolves as its author meant.

use std::{collections::BTreeSet, fs, path::Path};

use model_provider_host::{Error, Grants, Host, HostOptions};
use openclaw_config::{Configuration, Environment};
use serde_json::{Value, json};

use crate::{
    cases::{Report, cases, check_reference},
    harness::plugin,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/config");

/// What a configuration resolves to other than expected.
async fn meaning(case: &Value) -> Vec<String> {
    let state = tempfile::tempdir().unwrap();
    let state_dir = state.path().to_string_lossy().into_owned();
    let environment = Environment::new([("OPENCLAW_STATE_DIR", state_dir)], Some(state.path().into()));
    let file = Path::new(FOLDER).join(case["name"].as_str().unwrap());
    let configuration = Configuration::load(Some(&file), &environment)
        .unwrap()
        .declaring(model_server::SETTINGS);
    let plugin = plugin().await;
    let settings = configuration.settings(plugin.info()).unwrap();
    let model = configuration.default_model(plugin.info()).unwrap();
    let mut wrong = Vec::new();
    if json!([model.primary, model.fallbacks, model.elsewhere])
        != json!([case["primary"], case["fallbacks"], []])
    {
        wrong.push(format!("the models are {model:?}"));
    }
    let mut written: BTreeSet<String> = model.chain().into_iter().collect();
    for alias in settings.models.aliases() {
        written.extend([alias.alias.clone(), alias.reference.clone()]);
    }
    let options = HostOptions::default()
        .with_settings(settings)
        .with_grants(Grants::parse(component_build::GRANT).unwrap());
    let host = Host::start(plugin, options).unwrap();
    for reference in model.chain() {
        match host.resolve(&reference).await {
            Ok(found) if found.canonical == reference => {}
            other => wrong.push(format!("{reference} comes to {other:?}")),
        }
    }
    for row in case["resolves"].as_array().unwrap() {
        let input = row["input"].as_str().unwrap();
        written.remove(input);
        let outcome = host.resolve(input).await;
        let found = check_reference(&row["expect"], outcome.as_ref().map_err(Error::details));
        wrong.extend(found.into_iter().map(|wrong| format!("{input:?}: {wrong}")));
    }
    if !written.is_empty() {
        wrong.push(format!("the table does not say what these mean: {written:?}"));
    }
    wrong
}

#[tokio::test]
async fn every_alias_and_reference_of_a_configuration_resolves_as_its_author_meant() {
    let mut report = Report::default();
    let mut files: BTreeSet<String> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for case in cases("configurations.json") {
        report.add(&case, meaning(&case).await);
        files.remove(case["name"].as_str().unwrap());
    }
    report.finish();
    assert!(files.is_empty(), "nothing says what these mean: {files:?}");
}
