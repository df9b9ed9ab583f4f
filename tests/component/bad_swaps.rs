//! Swaps to bad plugins: the previous generation stays live, no request is lost, and the reason is reported.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use component_build::Build;
use model_provider_host::{Error, ErrorKind, contract::Summary};

use crate::{
    guests::{Files, hostile_plugin, replaced},
    harness::{Harness, built, collect, parts_text, question},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
const FINE: &str = "hostile/a/fine";
/// The workspace's own component with another version of the contract in it, everywhere.
pub fn of_contract(files: &Files, version: &str) -> PathBuf {
    let mut file = built(Build::Release);
    for interface in ["provider", "settings", "types"] {
        let name = |version: &str| format!("openclaw:model-provider/{interface}@{version}").into_bytes();
        file = files.write(version, &replaced(&file, &name("0.2.0"), &name(version)));
    }
    file
}

/// A swap that has to be refused; the live generation must respond as before.
async fn refused(harness: &Harness, model: &str, file: &Path) -> Error {
    let before = harness.host.generation();
    let error = harness.host.swap(file).await.unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    assert_eq!(harness.host.generation(), before);
    assert_eq!(harness.host.info().version, before.version);
    harness.ask(model).await.summary();
    error
}

#[tokio::test]
async fn a_component_of_another_world_is_refused() {
    let (harness, files) = (Harness::start().await, Files::new());
    let file = files.write("world", &wat::parse_str("(component)").unwrap());
    let error = refused(&harness, MODEL, &file).await;
    assert_eq!(error.kind(), ErrorKind::ContractMismatch);
    assert!(
        error.message().contains("openclaw:model-provider/provider"),
        "{error}"
    );
}

#[tokio::test]
async fn a_newer_and_an_older_contract_are_refused_with_both_versions() {
    let (harness, files) = (Harness::start().await, Files::new());
    for version in ["0.3.0", "0.1.9", "1.2.0", "2.0.0"] {
        let error = refused(&harness, MODEL, &of_contract(&files, version)).await;
        assert_eq!(error.kind(), ErrorKind::ContractMismatch);
        assert!(
            error.message().contains(version) && error.message().contains("0.2.0"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_component_of_another_shape_under_the_same_version_is_refused() {
    let (harness, files) = (Harness::start().await, Files::new());
    let text = r#"(component
        (core module $m (func (export "f")))
        (core instance $c (instantiate $m))
        (func $f (canon lift (core func $c "f")))
        (instance $i (export "describe" (func $f)))
        (export "openclaw:model-provider/provider@0.2.0" (instance $i)))"#;
    let error = refused(
        &harness,
        MODEL,
        &files.write("shape", &wat::parse_str(text).unwrap()),
    )
    .await;
    assert_eq!(error.kind(), ErrorKind::ContractMismatch, "{error}");
}

#[tokio::test]
async fn a_plugin_that_fails_its_self_test_is_refused() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    let orders = [
        ("default-model", "unknown"),
        ("default-model", "trap"),
        ("list", "trap"),
    ];
    for (at, (order, value)) in orders.into_iter().enumerate() {
        let file = files.ordered(&at.to_string(), [(order, value)]);
        let error = refused(&harness, FINE, &file).await;
        assert_eq!(error.kind(), ErrorKind::PluginLoad);
        assert!(error.message().contains("self-test"), "{error}");
    }
}

#[tokio::test]
async fn after_a_swap_the_new_code_responds() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    assert_eq!(harness.ask(FINE).await.text(), "hostile 1.0.0");
    for version in ["1.0.1", "1.0.2"] {
        let report = harness
            .host
            .swap(&files.ordered(version, [("version", version)]))
            .await
            .unwrap();
        assert_eq!(report.to.version, version);
        let completion = harness.host.chat(question(FINE, "Hello!")).await.unwrap();
        assert_eq!(completion.generation().version, version);
        assert_eq!(collect(completion).await.text(), format!("hostile {version}"));
        let whole = harness.host.complete(question(FINE, "Hello!")).await.unwrap();
        assert_eq!(parts_text(&whole.content), format!("hostile {version}"));
        assert_eq!(
            harness.host.resolve(FINE).await.unwrap().display_name,
            format!("hostile {version}")
        );
    }
}

fn warned(summary: &Summary) -> bool {
    summary.warnings.iter().any(|warning| {
        assert!(warning.message.contains("generation 2 failed"), "{warning:?}");
        assert!(warning.message.contains("generation 1 responded"), "{warning:?}");
        warning.code == "answered-by-previous"
    })
}

#[tokio::test]
async fn a_cancelled_wait_during_a_retry_on_the_previous_generation_loses_nothing() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    // One generation that is slow to respond, and one that traps.
    let slow = files.ordered("slow", [("version", "2.0.0"), ("chat", "sleep-500")]);
    harness.host.swap(&slow).await.unwrap();
    harness.ask(FINE).await.summary();
    let bad = files.ordered("bad", [("version", "6.6.6"), ("chat", "read.trap")]);
    harness.host.swap(&bad).await.unwrap();
    let mut completion = harness.host.chat(question(FINE, "Hello!")).await.unwrap();
    let mut given_up = 0;
    let event = loop {
        match tokio::time::timeout(Duration::from_millis(20), completion.next()).await {
            Ok(event) => break event.unwrap(),
            Err(_) => given_up += 1,
        }
    };
    assert!(given_up > 2, "it did not wait");
    assert!(event.is_some());
    assert_eq!(completion.generation().version, "2.0.0");
    let heard = collect(completion).await;
    assert!(
        heard
            .summary()
            .warnings
            .iter()
            .any(|warning| warning.code == "answered-by-previous")
    );
}

#[tokio::test]
async fn a_generation_that_traps_on_first_use_fails_over_to_the_previous_one_and_is_rolled_back_after_three_traps()
 {
    for attack in ["trap", "read.trap", "panic", "read.panic"] {
        let harness = Harness::with().start_with(hostile_plugin().await).await;
        let files = Files::new();
        let file = files.ordered("bad", [("version", "6.6.6"), ("chat", attack)]);
        harness.host.swap(&file).await.unwrap();
        for time in 1..=3 {
            assert_eq!(
                harness.host.generation().version,
                "6.6.6",
                "{attack}: before trap {time}"
            );
            let mut completion = harness.host.chat(question(FINE, "Hello!")).await.unwrap();
            completion.ready().await.unwrap();
            assert_eq!(completion.generation().number, 1);
            let heard = collect(completion).await;
            assert_eq!(heard.text(), "hostile 1.0.0");
            assert!(warned(heard.summary()), "{attack}: {:?}", heard.summary());
        }
        // Now the previous generation is live again, and responses carry no warning.
        assert_eq!(harness.host.generation().number, 1);
        assert_eq!(harness.host.info().version, "1.0.0");
        let heard = harness.ask(FINE).await;
        assert_eq!(heard.text(), "hostile 1.0.0");
        assert!(heard.summary().warnings.is_empty());
        // And it can be replaced by a good one.
        let good = files.ordered("good", [("version", "1.0.1")]);
        harness.host.swap(&good).await.unwrap();
        assert_eq!(harness.ask(FINE).await.text(), "hostile 1.0.1");
    }
}

/// A generation that was draining and is live again: its drain deadline no longer applies to its responses.
#[tokio::test]
async fn a_generation_live_again_after_a_rollback_is_not_cut_at_its_drain_deadline() {
    let harness = Harness::with()
        .setting("drain-deadline-ms", "1500")
        .start_with(hostile_plugin().await)
        .await;
    let files = Files::new();
    let slow = || question("hostile/a/read.sleep-4000", "Hello!");
    let before = harness.host.chat(slow()).await.unwrap();
    let bad = files.ordered("bad", [("version", "6.6.6"), ("chat", "trap")]);
    harness.host.swap(&bad).await.unwrap();
    for _ in 0..3 {
        harness.ask(FINE).await.summary();
    }
    assert_eq!(harness.host.generation().number, 1);
    let after = harness.host.chat(slow()).await.unwrap();
    let (before, after) = tokio::join!(collect(before), collect(after));
    for heard in [before, after] {
        assert_eq!(heard.text(), "hostile 1.0.0", "{:?}", heard.error);
    }
}

/// A generation that streams badly and has only shown that its whole responses are good: a better one stays at hand.
#[tokio::test]
async fn a_generation_that_is_healthy_in_one_way_only_does_not_replace_the_one_that_is_healthy_in_both() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    harness.ask(FINE).await.summary();
    harness.host.complete(question(FINE, "Hello!")).await.unwrap();
    for (name, version, attack) in [("half", "6.6.6", "read.trap"), ("bad", "7.7.7", "trap")] {
        let file = files.ordered(name, [("version", version), ("chat", attack)]);
        harness.host.swap(&file).await.unwrap();
        if attack == "read.trap" {
            let answer = harness.host.complete(question(FINE, "Hello!")).await.unwrap();
            assert_eq!(answer.generation.version, version);
        }
    }
    let heard = harness.ask(FINE).await;
    assert_eq!(heard.text(), "hostile 1.0.0", "{:?}", heard.error);
    let warnings = &heard.summary().warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.code == "answered-by-previous")
    );
}

#[tokio::test]
async fn a_whole_response_is_retried_on_the_previous_generation_too() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    let bad = files.ordered("bad", [("version", "6.6.6"), ("chat", "trap")]);
    harness.host.swap(&bad).await.unwrap();
    let answer = harness.host.complete(question(FINE, "Hello!")).await.unwrap();
    assert_eq!(answer.generation.number, 1);
    assert!(warned(&answer.summary));
}

#[tokio::test]
async fn after_its_first_event_a_trap_ends_the_response() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    let file = files.ordered("late", [("version", "6.6.6"), ("chat", "read.then-trap")]);
    harness.host.swap(&file).await.unwrap();
    for _ in 0..3 {
        let heard = harness.ask(FINE).await;
        assert_eq!(heard.text(), "hostile 6.6.6", "the events before it stay valid");
        assert_eq!(heard.error().kind(), ErrorKind::PluginTrap);
    }
    assert_eq!(
        harness.host.generation().number,
        1,
        "three of them roll back as well"
    );
}

/// Bad generations in a row, none of which has ever responded: requests fall back to the last one that has.
#[tokio::test]
async fn one_bad_plugin_after_another_loses_nothing() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    let first = files.ordered("first", [("version", "6.6.6"), ("chat", "read.trap")]);
    let second = files.ordered("second", [("version", "7.7.7"), ("chat", "trap")]);
    for turn in 0..3 {
        harness.host.swap(&first).await.unwrap();
        // Begun in the first bad one, and read when the second one is live.
        let between = harness.host.chat(question(FINE, "Hello!")).await.unwrap();
        harness.host.swap(&second).await.unwrap();
        assert_eq!(harness.host.generation().version, "7.7.7");
        for heard in [
            collect(between).await,
            harness.ask(FINE).await,
            harness.ask(FINE).await,
        ] {
            assert_eq!(heard.text(), "hostile 1.0.0", "turn {turn}");
            assert_eq!(heard.summary().warnings[0].code, "answered-by-previous");
        }
    }
}
