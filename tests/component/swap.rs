//! Hot swaps of the component while responses are in flight.

use std::time::{Duration, Instant};

use component_build::Build;
use futures::future::join_all;
use model_provider_host::ErrorKind;
use tempfile::TempDir;

use crate::{
    guests::{Files, tiny, tiny_plugin},
    harness::{Harness, built, collect, question},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
/// How far apart two swaps are.
const APART: Duration = Duration::from_millis(50);

#[tokio::test]
async fn after_a_swap_the_new_version_responds_and_a_response_in_flight_finishes_on_the_old_one() {
    let harness = Harness::with()
        .mock(|mock| mock.pace(Duration::from_millis(20)))
        .start()
        .await;
    let old = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
    let report = harness.host.swap(&built(Build::NextVersion)).await.unwrap();
    assert_eq!((report.from.number, report.to.number), (1, 2));
    assert_eq!(report.to.version, "0.1.0-next");
    assert_eq!(report.draining, 1);
    let new = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
    assert_eq!(old.generation().number, 1);
    assert_eq!(new.generation().number, 2);
    assert_eq!(harness.host.info().version, "0.1.0-next");
    let (old, new) = tokio::join!(collect(old), collect(new));
    assert_eq!(old.text(), new.text());
    old.summary();
    new.summary();
}

#[tokio::test]
async fn a_file_that_is_no_plugin_changes_nothing() {
    let harness = Harness::start().await;
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("half.wasm");
    let whole = std::fs::read(built(Build::NextVersion)).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 3]).unwrap();
    let error = harness.host.swap(&file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    assert_eq!(harness.host.generation().number, 1);
    harness.ask(MODEL).await.summary();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_swaps_run_one_after_the_other_and_report_the_time_of_each_step() {
    let harness = Harness::with().start_with(tiny_plugin().await).await;
    let file = tiny();
    let began = Instant::now();
    let reports = join_all((0..4).map(|_| harness.host.swap(&file))).await;
    let took = began.elapsed();
    let mut busy = Duration::ZERO;
    for (number, report) in (2..).zip(&reports) {
        let report = report.as_ref().unwrap();
        assert_eq!((report.from.number, report.to.number), (number - 1, number));
        for step in [report.compile, report.check, report.self_test] {
            assert!(!step.is_zero(), "{report:?}");
        }
        busy += report.compile + report.check + report.self_test + report.switch;
    }
    // Two that ran beside each other, or without a pause, would have been through earlier.
    assert!(took >= busy + 3 * APART, "{took:?} for {busy:?}: {reports:?}");
    assert_eq!(harness.host.generation().number, 5);
}

#[tokio::test]
async fn refused_swaps_are_as_far_apart_as_accepted_ones() {
    let harness = Harness::with().start_with(tiny_plugin().await).await;
    let files = Files::new();
    let bad = files.write("bad", b"no plugin");
    let began = Instant::now();
    for refused in join_all((0..10).map(|_| harness.host.swap(&bad))).await {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::PluginLoad);
    }
    assert!(began.elapsed() >= 9 * APART, "{:?}", began.elapsed());
    let report = harness.host.swap(&tiny()).await.unwrap();
    assert_eq!((report.from.number, report.to.number), (1, 2));
}

#[tokio::test]
async fn a_passed_drain_deadline_ends_the_response_with_its_own_error_kind() {
    let harness = Harness::with()
        .mock(|mock| mock.scenario("stall"))
        .setting("drain-deadline-ms", "200")
        .start()
        .await;
    let old = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
    harness.host.swap(&built(Build::NextVersion)).await.unwrap();
    let heard = collect(old).await;
    assert_eq!(heard.error().kind(), ErrorKind::Drained);
    assert!(heard.error().is_retryable());
}

#[tokio::test]
async fn a_finished_response_delays_no_drain_even_if_it_is_still_held() {
    let harness = Harness::start().await;
    let mut answer = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
    while answer.next().await.unwrap().is_some() {}
    let report = harness.host.swap(&built(Build::NextVersion)).await.unwrap();
    assert_eq!(report.draining, 0);
    let ended = tokio::time::timeout(
        Duration::from_secs(60),
        harness.host.drain(Duration::from_secs(600)),
    );
    assert_eq!(ended.await.expect("nothing is under way"), 0);
    assert!(answer.summary().is_some());
    assert_eq!(answer.generation().number, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_lose_no_request() {
    let harness = Harness::with()
        .mock(|mock| mock.pace(Duration::from_millis(1)))
        .start()
        .await;
    let host = harness.host.clone();
    let swapping = tokio::spawn(async move {
        for turn in 0..100 {
            let which = if turn % 2 == 0 {
                Build::NextVersion
            } else {
                Build::Release
            };
            let expected = if turn % 2 == 0 { "0.1.0-next" } else { "0.1.0" };
            let report = host.swap(&built(which)).await.unwrap();
            assert_eq!(report.to.version, expected);
        }
    });
    let mut asked = 0;
    while !swapping.is_finished() {
        let answers = (0..4).map(|_| async {
            let completion = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
            let generation = completion.generation();
            let expected = if generation.number % 2 == 1 {
                "0.1.0"
            } else {
                "0.1.0-next"
            };
            assert_eq!(
                generation.version, expected,
                "a response names the generation that served it"
            );
            collect(completion).await
        });
        for heard in futures::future::join_all(answers).await {
            heard.summary();
            asked += 1;
        }
    }
    swapping.await.unwrap();
    assert_eq!(harness.host.generation().number, 101);
    eprintln!("{asked} responses, none lost");
}
