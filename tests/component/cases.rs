//! The case files through host, sandbox, component and network: the second driver of the shared runner, with the same
//! expectations as the core's unit tests.

use std::sync::Arc;

use futures::{Stream, StreamExt as _, stream};
use mock_router::{Chunking, End, Script};
use model_provider_host::{
    contract::{DiscoveryMode, ProviderErrorKind, settings, types},
    settings::ModelSettings,
};
use serde_json::Value;

use crate::harness::{Harness, Heard, Setup};

#[path = "../runner/mod.rs"]
mod runner;

pub(crate) use runner::{Report, cases, check_reference};

/// This many cases run concurrently.
const AT_ONCE: usize = 8;

/// Runs all cases of a file or folder, and fails with the list of all that failed.
async fn every_case<F: Future<Output = Vec<String>>>(name: &str, run: impl Fn(Value) -> F) {
    let mut report = Report::default();
    let mut outcomes = outcomes(cases(name), run);
    while let Some((case, wrong)) = outcomes.next().await {
        report.add(&case, wrong);
    }
    report.finish();
}

fn outcomes<F: Future<Output = Vec<String>>>(
    cases: Vec<Value>,
    run: impl Fn(Value) -> F,
) -> impl Stream<Item = (Value, Vec<String>)> + Unpin {
    let run = move |case: Value| {
        let outcome = run(case.clone());
        async move { (case, outcome.await) }
    };
    Box::pin(stream::iter(cases).map(run).buffer_unordered(AT_ONCE))
}

/// A host with the models and aliases of a case.
fn settings_of(case: &Value) -> Setup {
    let models = ModelSettings::new(
        runner::configured(&case["settings"]),
        runner::aliases(&case["settings"]),
    );
    Harness::with().settings(|settings| settings.models = Arc::new(models))
}

fn json_list(body: String) -> Script {
    Script::text(200, "application/json", body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reference_resolves_as_it_does_natively() {
    every_case("references.json", async |case| {
        let harness = settings_of(&case).start().await;
        if let Some(list) = runner::listed_body(&case["settings"]) {
            harness.mock.push_models(json_list(list));
            harness.host.list_models(DiscoveryMode::Always).await.unwrap();
        }
        let outcome = harness.host.resolve(case["input"].as_str().unwrap()).await;
        let mut wrong = check_reference(
            &case["expect"],
            outcome.as_ref().map_err(model_provider_host::Error::details),
        );
        if let Ok(found) = outcome {
            let again = harness.host.resolve(&found.canonical).await;
            if again.as_ref().map(|again| &again.canonical).ok() != Some(&found.canonical) {
                wrong.push(format!("the canonical reference resolves to {again:?}"));
            }
        }
        wrong
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_becomes_the_catalog_that_it_becomes_natively() {
    every_case("catalog", async |case| {
        let harness = settings_of(&case).start().await;
        harness.mock.push_models(json_list(runner::list_body(&case)));
        let catalog = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
        runner::check_catalog(&case["expect"], &catalog)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_gets_the_name_that_it_gets_natively() {
    every_case("names.json", async |case| {
        let harness = Harness::start().await;
        harness
            .mock
            .push_models(Script::json(200, &serde_json::json!({ "data": [case["row"]] })));
        let catalog = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
        runner::check_name(&case, &catalog)
    })
    .await;
}

/// A response as the mock sends it: the case's headers only.
fn script(served: runner::Served) -> Script {
    let mut script = Script::status(served.status)
        .chunk(served.body)
        .end(match served.close.as_str() {
            "end" => End::Finish,
            "reset" => End::Cut,
            "timeout" => End::Stall,
            other => panic!("unknown close {other}"),
        });
    // The mock adds these two where a script does not set them.
    for own in ["date", "x-request-id"] {
        if !served
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(own))
        {
            script = script.header(own, "");
        }
    }
    let headers = served.headers.into_iter();
    headers.fold(script, |script, (name, value)| script.header(name, value))
}

/// Serves a case's response to one request and collects its events.
async fn answered(case: &Value, chunking: Chunking) -> Heard {
    let harness = settings_of(case)
        .setting("max-retries", "0")
        .setting("idle-timeout-ms", "1000")
        .start()
        .await;
    harness.mock.push(script(runner::served(case)).chunking(chunking));
    let mut heard = harness
        .send(runner::chat_request(&Value::Null, &runner::requested_model(case)))
        .await;
    runner::check_order(&heard.events);
    heard.events = runner::joined(heard.events);
    heard
}

/// The end of a response.
fn result(heard: &Heard) -> Result<&types::Summary, &types::Error> {
    match (&heard.summary, &heard.error) {
        (Some(summary), _) => Ok(summary),
        (None, Some(error)) => Err(error.details()),
        (None, None) => panic!("a response without an end: {heard:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stream_yields_the_events_that_it_yields_natively() {
    every_case("streams", async |case| {
        let mut wrong = Vec::new();
        for chunking in [Chunking::Whole, Chunking::Bytes] {
            let heard = answered(&case, chunking).await;
            let found = runner::check_stream(&case, &heard.events, result(&heard));
            wrong.extend(found.into_iter().map(|wrong| format!("{chunking:?}: {wrong}")));
        }
        wrong
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_error_is_the_one_that_it_is_natively() {
    every_case("errors.json", async |case| {
        let heard = answered(&case, Chunking::Whole).await;
        match result(&heard) {
            Ok(summary) => vec![format!("it is a success: {summary:?}")],
            Err(error) => runner::check_failure(&case, error),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_sent_as_it_is_natively_or_not_at_all() {
    every_case("requests.json", async |case| {
        let harness = Harness::with()
            .settings(|settings| {
                let own = runner::plugin_settings(&case["settings"]).into_iter();
                settings
                    .extras
                    .extend(own.map(|extra| (extra.key, extra.value_json)));
            })
            .start()
            .await;
        harness
            .host
            .set_cached_models(runner::known_model(&case["model"]).into_iter().collect());
        harness.mock.push(Script::sse([
            r#"{"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ]));
        let mut reference = "huggingface/org/name".to_owned();
        if let Some(backend) = case["backend"].as_str() {
            reference += &format!(":{backend}");
        }
        let heard = harness
            .send(runner::chat_request(&case["request"], &reference))
            .await;
        let requests = harness.mock.requests();
        match (result(&heard), requests.as_slice()) {
            (Ok(summary), [request]) => runner::check_body(&case, &request.body, &summary.warnings),
            (Err(error), []) => runner::check_refusal(&case, error),
            (other, requests) => vec![format!("{} requests left: {other:?}", requests.len())],
        }
    })
    .await;
}

#[tokio::test]
async fn a_case_that_does_not_hold_is_found() {
    let harness = Harness::start().await;
    let found = harness.host.resolve("Qwen/Qwen3-8B:cheapest").await.unwrap();
    let expect =
        |canonical: &str, locked: bool| serde_json::json!({ "canonical": canonical, "locked": locked });
    let right = expect("huggingface/Qwen/Qwen3-8B:cheapest", true);
    assert_eq!(check_reference(&right, Ok(&found)), Vec::<String>::new());
    let wrong = check_reference(&expect("huggingface/Qwen/Qwen3-8B", false), Ok(&found));
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    let error = harness.host.resolve("huggingface/a/b:x:y").await.unwrap_err();
    assert_eq!(error.details().kind, ProviderErrorKind::InvalidReference);
    assert_eq!(check_reference(&right, Err(error.details())).len(), 1);
}
