//! The conformance kit: sound providers pass it, and each planted fault of `tests/guests/mutant` is found.

use std::{path::Path, sync::OnceLock};

use conformance::{Dialect, Kit, Options, Report, Subject, judge};
use futures::{StreamExt as _, stream};
use model_provider_host::contract::DiscoveryMode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    guests::{member, replaced},
    harness::{Harness, built, sandbox},
};

const FAULTS: &str = include_str!("../cases/conformance-faults.json");
const MARK: &[u8] = b"planted fault:";
/// The space for a fault in the built file, mark included.
const ROOM: usize = 48;

/// One planted fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fault {
    name: String,
    /// The check that has to find it.
    found_by: String,
    /// Written into the file, for exports that may not read settings.
    #[serde(default)]
    built_in: bool,
    /// The guest that has it.
    #[serde(default = "mutant_guest")]
    guest: String,
}

fn mutant_guest() -> String {
    "mutant-guest".to_owned()
}

fn faults() -> Vec<Fault> {
    let file: Value = serde_json::from_str(FAULTS).unwrap();
    serde_json::from_value(file["faults"].clone()).unwrap()
}

fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(|| Kit::new().unwrap())
}

/// The one check that has to find a fault: all of them for each would take minutes.
fn the_check_of(fault: &Fault) -> Options {
    let planted = (!fault.built_in).then(|| ("fault".to_owned(), json!(fault.name)));
    Options {
        settings: planted.into_iter().collect(),
        only: Some(fault.found_by.clone()),
        ..Options::default()
    }
}

fn failures(report: &Report) -> Vec<&str> {
    let failed = report
        .findings
        .iter()
        .filter(|finding| finding.verdict == "failed");
    failed.map(|finding| finding.id).collect()
}

async fn guest(name: &'static str) -> Subject {
    let file = tokio::task::spawn_blocking(|| member(name)).await.unwrap();
    kit().load(&file).await.unwrap()
}

async fn mutant() -> Subject {
    guest("mutant-guest").await
}

/// The findings for one fault.
async fn found(subject: &Subject, fault: &Fault) -> Vec<String> {
    let report = if fault.built_in {
        let blank = [MARK, &[b' '; ROOM][MARK.len()..]].concat();
        let mut planted = [MARK, fault.name.as_bytes()].concat();
        planted.resize(ROOM, b' ');
        let file = member("mutant-guest");
        let bytes = replaced(&file, &blank, &planted);
        let subject = kit().compile(Path::new(&fault.name), bytes).await.unwrap();
        judge(&subject, &the_check_of(fault)).await
    } else {
        judge(subject, &the_check_of(fault)).await
    };
    failures(&report).into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_planted_fault_is_found_by_the_check_of_its_promise() {
    let (of_the_template, of_the_shell) = (mutant().await, guest("shell-mutant-guest").await);
    let all = faults();
    let found: Vec<(&Fault, Vec<String>)> = stream::iter(&all)
        .map(|fault| {
            let subject = if fault.guest == "shell-mutant-guest" {
                &of_the_shell
            } else {
                assert_eq!(fault.guest, mutant_guest(), "{fault:?}");
                &of_the_template
            };
            async move { (fault, found(subject, fault).await) }
        })
        .buffered(12)
        .collect()
        .await;
    let missed: Vec<String> = found
        .iter()
        .filter(|(fault, found)| !found.contains(&fault.found_by))
        .map(|(fault, found)| format!("{}: expected {}, found {found:?}", fault.name, fault.found_by))
        .collect();
    assert!(
        missed.is_empty(),
        "{} of {} missed:\n{}",
        missed.len(),
        all.len(),
        missed.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_provider_of_the_template_passes() {
    let report = judge(&mutant().await, &Options::default()).await;
    assert!(report.conforms, "{}", report.text());
}

/// One that takes any name as a model's and needs no credential.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_provider_of_this_workspace_passes() {
    let report = judge(&guest("openai-compatible").await, &Options::default()).await;
    assert!(report.conforms, "{}", report.text());
    let finding = |id: &str| report.findings.iter().find(|finding| finding.id == id).unwrap();
    let why = finding("references/invalid").why.clone().unwrap_or_default();
    assert!(why.contains("any-model-id"), "{}", report.text());
    let without = finding("request/without-credential");
    assert_eq!(without.verdict, "passed", "it is sent: {}", report.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_of_this_workspace_passes() {
    let file = tokio::task::spawn_blocking(|| built(component_build::Build::Release))
        .await
        .unwrap();
    let subject = kit().load(&file).await.unwrap();
    let report = judge(&subject, &Options::default()).await;
    assert!(report.conforms, "{}", report.text());
}

#[test]
fn every_fault_names_a_check_that_is_there() {
    for fault in faults() {
        assert!(
            conformance::checks().any(|check| check.id == fault.found_by),
            "{fault:?}"
        );
        assert!(fault.name.len() + MARK.len() <= ROOM, "{fault:?}");
    }
}

/// The probe in our host: every check of `conformance/host-probe` passes.
#[tokio::test]
async fn our_host_passes_the_checks_of_the_probe() {
    let file = tokio::task::spawn_blocking(|| member("host-probe"))
        .await
        .unwrap();
    let plugin = model_provider_host::Plugin::load(sandbox(), &file).await.unwrap();
    let grant = model_provider_host::Grant::requested_by(plugin.info()).unwrap();
    let setup = Harness::with().grants(|grants| grants.insert("host-probe".to_owned(), grant));
    let harness = setup.start_with(plugin).await;
    let catalog = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
    let rows = catalog.models.iter().filter(|model| model.id != "probe/start");
    let said: Vec<_> = rows
        .map(|model| (model.id.as_str(), model.display_name.as_str()))
        .collect();
    assert_eq!(said.len(), 18);
    assert!(said.iter().all(|(_, said)| *said == "passed"), "{said:?}");
}

#[tokio::test]
async fn an_upstream_may_have_words_of_its_own_for_the_end_of_a_response() {
    let chunk = json!({"choices": [{"delta": {"content": "Hello"}, "finish_reason": "COMPLETE"}]});
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("router.json");
    for (word, found) in [("COMPLETE", vec![]), ("stop", vec!["response/raw-finish-reason"])] {
        let text = json!({"sse": [chunk, "[DONE]"], "finishReason": word});
        let router = json!({"basedOn": "chat-completions", "situations": {"text": text}});
        std::fs::write(&file, router.to_string()).unwrap();
        let options = Options {
            dialect: Dialect::read(&file).unwrap(),
            only: Some("response/raw-finish-reason".to_owned()),
            ..Options::default()
        };
        assert_eq!(failures(&judge(&mutant().await, &options).await), found, "{word}");
    }
}
