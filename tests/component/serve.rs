//! The OpenAI-compatible server: what its clients get.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use component_build::Build;
use model_provider_host::contract::ModelCatalog;
use model_server::ServeOptions;
use serde_json::{Value, json};

use crate::{
    harness::{Harness, built},
    http::{Serving, question, streamed},
};

const MODEL: &str = "Qwen/Qwen3-8B";
const LIMIT: Duration = Duration::from_secs(20);

/// Text, reasoning and calls of a stream, as a client collects them.
fn folded(chunks: &[Value]) -> (String, String, Vec<(String, String)>) {
    let (mut text, mut thoughts, mut calls) = (String::new(), String::new(), Vec::new());
    for delta in chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]) {
        text += delta["content"].as_str().unwrap_or_default();
        thoughts += delta["reasoning_content"].as_str().unwrap_or_default();
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = piece["index"].as_u64().expect("an index") as usize;
            if index == calls.len() {
                assert!(piece["id"].is_string() && piece["type"] == "function", "{piece}");
                calls.push((String::new(), String::new()));
            }
            calls[index].0 += piece["function"]["name"].as_str().unwrap_or_default();
            calls[index].1 += piece["function"]["arguments"].as_str().unwrap_or_default();
        }
    }
    (text, thoughts, calls)
}

#[tokio::test]
async fn a_stream_equals_the_whole_response() {
    let serving = Serving::start().await;
    let whole = serving.client.ask(MODEL).await;
    assert_eq!(
        (whole.status, whole.header("content-type")),
        (200, "application/json")
    );
    let answer = whole.json();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], MODEL);
    let mut body = streamed(MODEL);
    body["stream_options"] = json!({"include_usage": true});
    let stream = serving.client.chat(&body).await;
    assert_eq!(
        (stream.status, stream.header("content-type")),
        (200, "text/event-stream")
    );
    let (chunks, is_done) = stream.events();
    assert!(is_done);
    let (text, thoughts, _) = folded(&chunks);
    let message = &answer["choices"][0]["message"];
    assert_eq!(message["content"], text);
    assert_eq!(message["reasoning_content"], thoughts);
    assert!(!text.is_empty() && !thoughts.is_empty());
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let [.., end, usage] = chunks.as_slice() else {
        panic!("{chunks:?}");
    };
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"], answer["usage"]);
    let named: Vec<_> = chunks
        .iter()
        .map(|chunk| (&chunk["id"], &chunk["created"]))
        .collect();
    assert!(named.iter().all(|name| *name == named[0]), "one response, one id");
}

#[tokio::test]
async fn usage_is_streamed_only_on_request() {
    let serving = Serving::start().await;
    let (chunks, is_done) = serving.client.chat(&streamed(MODEL)).await.events();
    assert!(is_done && chunks.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[tokio::test]
async fn tool_calls_have_the_dialects_format_whole_and_as_deltas() {
    let serving = Serving::start().await;
    for (scenario, names) in [
        ("tool-pieces", 1),
        ("tool-whole", 1),
        ("tool-two-pieces", 2),
        ("tool-no-id-pieces", 1),
        ("tool-args-empty", 1),
        ("tool-after-text", 1),
    ] {
        let model = format!("mock/{scenario}");
        let whole = serving.client.ask(&model).await.json();
        assert_eq!(
            whole["choices"][0]["finish_reason"], "tool_calls",
            "{scenario}: {whole}"
        );
        let calls = whole["choices"][0]["message"]["tool_calls"]
            .as_array()
            .expect("calls");
        assert_eq!(calls.len(), names, "{scenario}");
        let (chunks, _) = serving.client.chat(&streamed(&model)).await.events();
        let (_, _, pieces) = folded(&chunks);
        for (call, (name, arguments)) in calls.iter().zip(&pieces) {
            assert_eq!(call["function"]["name"], *name, "{scenario}");
            assert_eq!(call["function"]["arguments"], *arguments, "{scenario}");
            let parsed: Value = serde_json::from_str(arguments).expect("JSON in the end");
            assert!(parsed.is_object(), "{scenario}");
        }
        assert_eq!(pieces.len(), names, "{scenario}");
    }
}

#[tokio::test]
async fn request_parameters_reach_the_upstream() {
    let serving = Serving::start().await;
    let pixel = "data:image/png;base64,iVBORw0KGgo=";
    let body = json!({
        "model": "moonshotai/Kimi-K2.5",
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": pixel}},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/b.png", "detail": "low"}},
            {"type": "video_url", "video_url": {"url": "https://example.org/c.mp4"}},
            {"type": "input_audio", "input_audio": {"data": "AQ==", "format": "mp3"}},
            {"type": "file", "file": {"file_id": "f"}},
        ]}],
        "response_format": {"type": "json_object"},
        "max_completion_tokens": 100,
        "temperature": 0.5,
        "top_k": 40,
    });
    let reply = serving.client.chat(&body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let requests = serving.harness.mock.requests();
    let sent: Value = serde_json::from_slice(&requests.last().expect("a request").body).expect("JSON");
    assert_eq!(sent["messages"], body["messages"]);
    assert_eq!(sent["response_format"]["type"], "json_object");
    assert_eq!(sent["max_completion_tokens"], 100);
    assert_eq!((&sent["temperature"], &sent["top_k"]), (&json!(0.5), &json!(40)));
}

#[tokio::test]
async fn models_are_listed_and_found_by_ids_with_slashes_and_suffixes() {
    let serving = Serving::start().await;
    let list = serving.client.get("/v1/models").await;
    assert_eq!(list.status, 200);
    let data = list.json()["data"].as_array().expect("a list").clone();
    let catalog = serving
        .harness
        .host
        .list_models(model_provider_host::contract::DiscoveryMode::Always)
        .await
        .expect("a list");
    let ids: Vec<_> = catalog.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(
        data.iter()
            .map(|model| model["id"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ids
    );
    for model in &data {
        assert_eq!(model["object"], "model");
        assert!(
            model["created"].is_u64() && model["owned_by"].is_string(),
            "{model}"
        );
    }
    for (path, id) in [
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("Qwen%2FQwen3-8B", "Qwen/Qwen3-8B"),
        ("Qwen/Qwen3-8B:cheapest", "Qwen/Qwen3-8B:cheapest"),
        ("Qwen%2fQwen3-8B%3Acheapest", "Qwen/Qwen3-8B:cheapest"),
        ("huggingface/Qwen/Qwen3-8B", "huggingface/Qwen/Qwen3-8B"),
    ] {
        let model = serving.client.get(&format!("/v1/models/{path}")).await;
        assert_eq!(model.status, 200, "{path}: {}", model.text);
        assert_eq!(model.json()["id"], id);
        assert_eq!(model.json()["owned_by"], "Qwen");
    }
    for (path, status, code) in [
        ("no/such-model", 404, "model_not_found"),
        ("no-reference", 400, "invalid-reference"),
        ("a%20b", 400, "invalid-reference"),
        ("%ff", 400, "invalid_path"),
    ] {
        let reply = serving.client.get(&format!("/v1/models/{path}")).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
        assert_eq!(reply.json()["error"]["code"], code, "{path}");
    }
}

#[tokio::test]
async fn every_response_has_its_request_id_and_its_generation() {
    let serving = Serving::start().await;
    for path in ["/healthz", "/metrics", "/v1/models", "/nowhere"] {
        let reply = serving.client.get(path).await;
        assert_eq!(reply.header("x-plugin-generation"), "1", "{path}");
        assert!(reply.header("x-request-id").len() > 8, "{path}");
    }
    let request = serving.client.chat_request().header("x-request-id", "mine-1");
    let request = request
        .body(question(MODEL).to_string().into())
        .expect("a request");
    let reply = serving.client.send(request).await.read().await;
    assert_eq!(reply.header("x-request-id"), "mine-1");
    let id = reply.json()["id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("chatcmpl-mine-1-"), "{id}");
    serving
        .harness
        .host
        .swap(&built(Build::NextVersion))
        .await
        .expect("a swap");
    let reply = serving.client.ask(MODEL).await;
    assert_eq!(reply.header("x-plugin-generation"), "2");
    assert_eq!(reply.json()["x_plugin"]["generation"], 2);
    let health = serving.client.get("/healthz").await.json();
    assert_eq!(
        health,
        json!({"status": "ok", "generation": 2, "version": "0.1.0-next"})
    );
}

#[tokio::test]
async fn a_response_in_flight_during_a_swap_names_the_generation_that_serves_it() {
    let slow = Harness::with().mock(|mock| mock.pace(Duration::from_millis(20)));
    let serving = Serving::with(slow, ServeOptions::default()).await;
    let open = serving.client.open_chat(&streamed(MODEL)).await;
    serving
        .harness
        .host
        .swap(&built(Build::NextVersion))
        .await
        .expect("a swap");
    let reply = open.read().await;
    assert_eq!(reply.header("x-plugin-generation"), "1");
    let (chunks, is_done) = reply.events();
    assert!(is_done);
    let last = chunks.last().expect("a chunk");
    assert_eq!(
        (&last["x_plugin"]["generation"], &last["x_plugin"]["version"]),
        (&json!(1), &json!("0.1.0"))
    );
}

#[tokio::test]
async fn a_failed_model_fails_over_to_the_configured_ones_and_the_response_says_so() {
    let options = ServeOptions::default()
        .with_default_models(vec!["mock/503-loading".into(), MODEL.into()])
        .with_fallbacks(vec![MODEL.into()]);
    let serving = Serving::with(Harness::with().setting("max-retries", "0"), options).await;
    let mut unnamed = question(MODEL);
    unnamed.as_object_mut().expect("an object").remove("model");
    let refused = serving.client.chat(&unnamed).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["param"]),
        (400, &json!("model"))
    );
    for body in [question("mock/402-depleted"), question(" ")] {
        let answer = serving.client.chat(&body).await.json();
        assert_eq!(answer["model"], MODEL, "{answer}");
        let attempts = answer["x_plugin"]["trail"].as_array().expect("a trail");
        assert_eq!(attempts.len(), 1, "{answer}");
    }
    let (chunks, _) = serving.client.chat(&streamed("mock/402-depleted")).await.events();
    assert!(chunks.iter().all(|chunk| chunk["model"] == MODEL));
}

#[tokio::test]
async fn an_error_that_no_fallback_model_can_fix_is_returned_at_once() {
    let options = ServeOptions::default().with_fallbacks(vec![MODEL.into()]);
    let serving = Serving::with(Harness::with(), options).await;
    let reply = serving.client.ask("mock/400-context-nested").await;
    assert_eq!(reply.json()["error"]["code"], "context_length_exceeded");
    let sent = serving.harness.mock.requests();
    assert_eq!(sent.iter().filter(|sent| sent.method == "POST").count(), 1);
}

#[tokio::test]
async fn without_fallbacks_only_the_named_model_is_tried() {
    let options = ServeOptions::default().with_default_models(vec![MODEL.into()]);
    let serving = Serving::with(Harness::with(), options).await;
    assert_eq!(serving.client.ask("mock/402-depleted").await.status, 402);
}

#[tokio::test]
async fn a_fresh_list_is_cached_and_a_cached_list_is_served_without_network() {
    let kept: Arc<Mutex<Vec<ModelCatalog>>> = Arc::default();
    let keeping = Arc::clone(&kept);
    let options = ServeOptions::default().with_store_models(Box::new(move |catalog| {
        keeping.lock().unwrap().push(catalog.clone());
        Ok(())
    }));
    let serving = Serving::with(Harness::with(), options).await;
    let listed = serving.client.get("/v1/models").await.json();
    let catalog = kept.lock().unwrap().first().expect("it was cached").clone();
    assert_eq!(
        listed["data"].as_array().map(Vec::len),
        Some(catalog.models.len())
    );

    // The next start, while the router is down.
    let offline = Harness::with()
        .mock(|mock| mock.scenario("models-500"))
        .start()
        .await;
    offline.host.set_cached_models(catalog.models);
    let serving = Serving::over(offline, ServeOptions::default()).await;
    assert_eq!(serving.client.get("/v1/models").await.json(), listed);
    let bundled = Serving::with(
        Harness::with().mock(|mock| mock.scenario("models-500")),
        ServeOptions::default(),
    );
    let bundled = bundled.await.client.get("/v1/models").await.json();
    assert_eq!(bundled["data"].as_array().map(Vec::len), Some(10));
}

#[tokio::test]
async fn the_list_is_refreshed_at_the_start_by_age_and_after_a_swap() {
    let serving = Serving::with(
        Harness::with().setting("serve-refresh-ms", "50"),
        ServeOptions::default(),
    )
    .await;
    let mock = &serving.harness.mock;
    tokio::time::timeout(LIMIT, mock.wait_requests(3))
        .await
        .expect("by age");
    let calm = Serving::start().await;
    calm.client.get("/v1/models").await;
    calm.client.get("/v1/models").await;
    assert_eq!(calm.harness.mock.requests().len(), 1);
    calm.harness
        .host
        .swap(&built(Build::NextVersion))
        .await
        .expect("a swap");
    let reply = calm.client.get("/v1/models").await;
    assert_eq!(reply.header("x-plugin-generation"), "2");
    assert_eq!(calm.harness.mock.requests().len(), 2);
}
