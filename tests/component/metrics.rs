//! The metrics of the host.

use std::time::Duration;

use component_build::Build;
use mock_router::Script;
use model_provider_host::{contract::DiscoveryMode, metrics::Operation};
use model_server::ServeOptions;
use serde_json::json;

use crate::{
    harness::{Harness, built, question},
    http::Serving,
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";

#[tokio::test]
async fn every_call_is_counted_by_its_outcome() {
    let harness = Harness::with()
        .setting("max-retries", "1")
        .setting("first-byte-timeout-ms", "5000")
        .start()
        .await;
    let host = &harness.host;
    let summary = harness.ask(MODEL).await.summary().clone();
    host.complete(question(MODEL, "Hello!")).await.unwrap();
    harness.ask("mock/402-depleted").await.error();
    harness.ask("mock/fail-once-503").await.summary();
    harness.ask("not a reference").await.error();
    host.resolve(MODEL).await.unwrap();
    host.list_models(DiscoveryMode::Always).await.unwrap();
    drop(host.chat(question("mock/stall", "Hello!")).await.unwrap());
    let now = host.metrics();
    assert_eq!(now.ended(Operation::Chat, "ok"), 2);
    assert_eq!(now.ended(Operation::Chat, "payment-required"), 1);
    assert_eq!(now.ended(Operation::Chat, "invalid-reference"), 1);
    assert_eq!(now.ended(Operation::Chat, "abandoned"), 1);
    assert_eq!(now.ended(Operation::Complete, "ok"), 1);
    assert_eq!(now.ended(Operation::List, "ok"), 1);
    assert_eq!(now.ended(Operation::Resolve, "ok"), 1);
    assert_eq!(now.in_flight, 0);
    assert_eq!(now.attempts, 1 + 1 + 1 + 2, "retries are counted");
    let output = u64::from(summary.usage.output_tokens.unwrap());
    assert!(now.output_tokens >= 2 * output && now.input_tokens > 0, "{now:?}");
    assert_eq!(now.first_token.count, 2, "streams that began");
    assert!(now.guest_time.count >= 8 && now.guest_time.total > Duration::ZERO);
    // At least the one page that a memory has, at most what it may have.
    let most = host.settings().limits.memory_bytes as u64;
    assert!(
        (65_536..=most).contains(&now.guest_memory_peak),
        "{}",
        now.guest_memory_peak
    );
    assert_eq!((now.generations_loaded, now.draining), (1, 0));
    assert_eq!(
        (now.generation, now.connections_opened >= 1, now.blocked_requests),
        (1, true, 0)
    );
}

#[tokio::test]
async fn swaps_are_counted_and_counts_survive_them() {
    let harness = Harness::start().await;
    harness.ask(MODEL).await.summary();
    harness.host.swap(&built(Build::NextVersion)).await.unwrap();
    harness
        .host
        .swap(std::path::Path::new("/no/such/file"))
        .await
        .unwrap_err();
    let now = harness.host.metrics();
    assert_eq!((now.swaps, now.swaps_refused, now.swaps_rolled_back), (1, 1, 0));
    assert_eq!((now.generation, now.ended(Operation::Chat, "ok")), (2, 1));
    assert_eq!(
        now.generations_loaded, 2,
        "the previous generation is retained for a rollback"
    );
}

#[tokio::test]
async fn the_metrics_page_contains_no_text_of_a_user_or_a_model() {
    let serving = Serving::start().await;
    // The first list is requested in the background; once it is there, nothing is in flight.
    serving.client.get("/v1/models").await;
    serving.client.ask("Qwen/Qwen3-8B").await;
    serving.client.ask("some/words of-mine").await;
    let page = serving.client.get("/metrics").await;
    assert!(
        page.header("content-type")
            .starts_with("application/openmetrics-text")
    );
    for line in [
        "model_host_calls_total{call=\"complete\",outcome=\"ok\"} 1",
        "model_host_calls_in_flight 0",
        "model_host_generation 1",
        "model_host_generations_loaded 1",
        "model_host_answers_draining 0",
        "model_host_denials_total 0",
        "model_host_connections_total ",
        "model_host_attempts_total ",
        "model_host_tokens_total{kind=\"output\"} ",
        "model_host_guest_memory_bytes_count ",
        "model_host_guest_time_seconds_sum ",
        "model_host_answer_seconds_count ",
        "# EOF",
    ] {
        assert!(page.text.contains(line), "no {line} in {}", page.text);
    }
    assert!(
        !page.text.contains("Qwen") && !page.text.contains("mine"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn the_metrics_page_contains_no_text_of_an_upstream_and_its_backends() {
    let serving = Serving::with(
        Harness::with().setting("max-retries", "0"),
        ServeOptions::default(),
    )
    .await;
    serving.client.get("/v1/models").await;
    let words = "Upstreams say such words";
    let error = json!({ "error": { "message": words, "type": words, "code": "such-a-code" } });
    let failure = |status| {
        Script::json(status, &error)
            .header("x-inference-provider", "such-a-backend")
            .header("x-request-id", "such-a-request")
    };
    let mut heard = String::new();
    for status in [400, 402, 429, 500, 503] {
        serving.harness.mock.push(failure(status));
        heard += &serving.client.ask("Qwen/Qwen3-8B").await.text;
    }
    let finish = json!({ "choices": [{ "index": 0, "delta": { "content": words }, "finish_reason": "such-a-reason" }] });
    let odd = Script::sse([finish.to_string(), "[DONE]".to_owned()]);
    serving
        .harness
        .mock
        .push(odd.header("x-inference-provider", "such-a-backend"));
    heard += &serving.client.ask("Qwen/Qwen3-8B").await.text;
    for what in [words, "such-a-code", "such-a-backend", "such-a-reason"] {
        assert!(heard.contains(what), "no {what} to be found in {heard}");
    }
    let page = serving.client.get("/metrics").await.text;
    assert!(page.contains("outcome=\"payment-required\"} 1"), "{page}");
    assert!(!page.contains("such"), "{page}");
}
