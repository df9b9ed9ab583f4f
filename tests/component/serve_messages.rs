//! The Messages API of the server: whole and streaming responses.

use std::time::Duration;

use hyper::header;
use mock_router::Script;
use model_server::ServeOptions;
use serde_json::{Value, json};

use crate::{
    harness::Harness,
    http::Serving,
    messages_reader::{events, folded, message, open, send, streamed},
};

const MODEL: &str = "Qwen/Qwen3-8B";

#[tokio::test]
async fn a_streaming_message_equals_the_whole_message() {
    let serving = Serving::start().await;
    let whole = send(&serving.client, &message(MODEL)).await;
    assert_eq!(
        (whole.status, whole.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(whole.header("request-id"), whole.header("x-request-id"));
    let whole = whole.json();
    let stream = send(&serving.client, &streamed(MODEL)).await;
    assert_eq!(
        (stream.status, stream.header("content-type")),
        (200, "text/event-stream")
    );
    let events = events(&stream);
    let started = &events[0]["message"];
    assert_eq!(started["content"], json!([]));
    assert_eq!(started["stop_reason"], Value::Null);
    assert_eq!(started["usage"]["output_tokens"], 0);
    assert_eq!(
        events.last().map(|event| &event["type"]),
        Some(&json!("message_stop"))
    );
    let (mut streamed, error) = folded(&events);
    assert_eq!(error, None);
    assert!(streamed["id"].as_str().is_some_and(|id| id.starts_with("msg_")));
    streamed["id"] = whole["id"].clone();
    assert!(streamed["x_plugin"]["backend"].is_string(), "{streamed}");
    // The upstream's own id of each request.
    streamed["x_plugin"]["requestId"] = whole["x_plugin"]["requestId"].clone();
    assert_eq!(streamed, whole);
    assert_eq!(
        (&whole["model"], &whole["role"], &whole["type"]),
        (&json!(MODEL), &json!("assistant"), &json!("message"))
    );
    let kinds: Vec<_> = whole["content"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|block| &block["type"])
        .collect();
    assert_eq!(kinds, ["thinking", "text"]);
    assert_eq!(whole["stop_reason"], "end_turn");
    assert_eq!(whole["stop_sequence"], Value::Null);
    assert!(whole["usage"]["input_tokens"].as_u64() > Some(0), "{whole}");
}

#[tokio::test]
async fn tool_calls_are_blocks_whole_and_as_deltas() {
    let serving = Serving::start().await;
    for (scenario, calls) in [
        ("tool-pieces", 1),
        ("tool-whole", 1),
        ("tool-two-pieces", 2),
        ("tool-no-id-pieces", 1),
        ("tool-args-empty", 1),
        ("tool-after-text", 1),
    ] {
        let model = format!("mock/{scenario}");
        let whole = send(&serving.client, &message(&model)).await.json();
        assert_eq!(whole["stop_reason"], "tool_use", "{scenario}: {whole}");
        let blocks = whole["content"].as_array().expect("a list");
        let uses: Vec<_> = blocks
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .collect();
        assert_eq!(uses.len(), calls, "{scenario}");
        for call in uses {
            assert!(call["input"].is_object() && call["id"].is_string(), "{call}");
        }
        let (streamed, _) = folded(&events(&send(&serving.client, &streamed(&model)).await));
        let without_ids = |message: &Value| {
            let mut blocks = message["content"].clone();
            // Ids that the plugin makes up differ each time.
            blocks
                .as_array_mut()
                .expect("a list")
                .iter_mut()
                .for_each(|block| block["id"] = Value::Null);
            blocks
        };
        assert_eq!(without_ids(&streamed), without_ids(&whole), "{scenario}");
    }
}

#[tokio::test]
async fn request_parameters_reach_the_upstream() {
    let serving = Serving::start().await;
    let body = json!({
        "model": "moonshotai/Kimi-K2.5",
        "max_tokens": 100,
        "temperature": 0.5,
        "top_k": 40,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "somebody"},
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": ""},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "no eyes", "is_error": true},
                {"type": "text", "text": "Well?"},
            ]},
            {"role": "system", "content": "Hurry."},
        ],
        "tools": [
            {"name": "look", "description": "Looks", "input_schema": {"type": "object"}, "cache_control": {}},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
    });
    let reply = send(&serving.client, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let requests = serving.harness.mock.requests();
    let sent = requests.last().expect("a request").json();
    assert_eq!(
        sent["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ]},
            {"role": "assistant", "content": null, "reasoning_content": "Hm.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "Error: no eyes"},
            {"role": "user", "content": "Well?"},
            {"role": "system", "content": "Hurry."},
        ])
    );
    assert_eq!(sent["tools"].as_array().map(Vec::len), Some(1));
    for (member, value) in [
        ("max_tokens", json!(100)),
        ("temperature", json!(0.5)),
        ("top_k", json!(40)),
        ("stop", json!(["END"])),
        ("reasoning_effort", json!("low")),
        ("tool_choice", json!("auto")),
        ("parallel_tool_calls", json!(false)),
    ] {
        assert_eq!(sent[member], value, "{member}");
    }
    assert!(
        !requests
            .last()
            .expect("a request")
            .json()
            .to_string()
            .contains("somebody")
    );
    let warnings = reply.json()["x_plugin"]["warnings"].to_string();
    assert!(
        warnings.contains("tool-left-out") && warnings.contains("tools[1]"),
        "{warnings}"
    );
}

#[tokio::test]
async fn errors_have_the_dialects_form_and_status() {
    let serving = Serving::with(
        Harness::with().setting("max-retries", "0"),
        ServeOptions::default(),
    )
    .await;
    for (model, status, kind) in [
        ("mock/401-json", 401, "authentication_error"),
        ("mock/402-depleted", 402, "billing_error"),
        ("mock/404-object", 404, "not_found_error"),
        ("mock/429", 429, "rate_limit_error"),
        ("mock/500-message", 500, "api_error"),
        ("mock/503-html", 529, "overloaded_error"),
        ("mock/504-empty", 504, "timeout_error"),
        ("no reference", 400, "invalid_request_error"),
    ] {
        for body in [message(model), streamed(model)] {
            let reply = send(&serving.client, &body).await;
            let error = reply.json();
            assert_eq!(
                (reply.status, &error["error"]["type"]),
                (status, &json!(kind)),
                "{model}: {error}"
            );
            assert_eq!(error["type"], "error");
            assert_eq!(error["request_id"], reply.header("request-id"));
            assert!(reply.header("x-should-retry").parse::<bool>().is_ok());
            assert!(
                error["error"]["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
        }
    }
    let mut unlimited = message(MODEL);
    unlimited.as_object_mut().expect("an object").remove("max_tokens");
    let reply = send(&serving.client, &unlimited).await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["x_plugin"]["param"]),
        (400, &json!("max_tokens"))
    );
    // Unknown paths and methods, in the client's dialect.
    for (method, path, status, kind) in [
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("POST", "/v1/files", 404, "not_found_error"),
        ("GET", "/v1/messages", 405, "invalid_request_error"),
    ] {
        let request = serving
            .client
            .request(method, path)
            .header("anthropic-version", "2023-06-01");
        let reply = serving
            .client
            .send(request.body(String::new().into()).expect("a request"))
            .await
            .read()
            .await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["type"]),
            (status, &json!(kind)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error_event() {
    let serving = Serving::with(
        Harness::with().setting("max-retries", "0"),
        ServeOptions::default(),
    )
    .await;
    let events = events(&send(&serving.client, &streamed("mock/cut")).await);
    let (message, error) = folded(&events);
    assert!(
        !message["content"].as_array().expect("a list").is_empty(),
        "{message}"
    );
    let error = error.expect("an error");
    assert_eq!(error["error"]["type"], "api_error");
    assert_eq!(message["stop_reason"], Value::Null, "nobody takes it for an end");
}

#[tokio::test]
async fn a_silent_upstream_is_covered_by_pings() {
    let setup = Harness::with()
        .setting("serve-status-wait-ms", "100")
        .setting("serve-heartbeat-ms", "50");
    let serving = Serving::with(setup, ServeOptions::default()).await;
    let chunk =
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "late"}, "finish_reason": "stop"}]});
    let script = Script::sse([chunk.to_string(), "[DONE]".to_owned()]);
    serving
        .harness
        .mock
        .push(script.delay(Duration::from_millis(800)));
    let events = events(&send(&serving.client, &streamed(MODEL)).await);
    let pings = events.iter().filter(|event| event["type"] == "ping").count();
    assert!(pings > 3, "{pings} pings");
    assert_eq!(folded(&events).0["content"][0]["text"], "late");
}

#[tokio::test]
async fn tokens_are_estimated_without_an_upstream_and_marked_as_estimated() {
    let serving = Serving::start().await;
    let mut body = message(MODEL);
    body.as_object_mut().expect("an object").remove("max_tokens");
    let count = async |body: &Value| {
        open(&serving.client, "/v1/messages/count_tokens?beta=true", body)
            .await
            .read()
            .await
    };
    let short = count(&body).await;
    assert_eq!(short.status, 200, "{}", short.text);
    assert_eq!(short.json()["x_plugin"]["estimate"], true);
    // Larger than what is parsed where requests are served.
    body["system"] = "word ".repeat(40_000).into();
    let long = count(&body).await.json()["input_tokens"].as_u64();
    assert!(
        long > short.json()["input_tokens"].as_u64().map(|count| count + 40_000),
        "{long:?}"
    );
    // The server requests the list of models by itself.
    let asked = serving.harness.mock.requests();
    assert!(asked.iter().all(|request| request.method == "GET"), "{asked:?}");
    let reply = count(&json!({"messages": 7})).await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
}

#[tokio::test]
async fn models_are_listed_in_the_dialect_of_the_client() {
    let serving = Serving::start().await;
    let ask = async |path: &str| {
        let request = serving
            .client
            .request("GET", path)
            .header("anthropic-version", "2023-06-01");
        serving
            .client
            .send(request.body(String::new().into()).expect("a request"))
            .await
            .read()
            .await
    };
    let openai = serving.client.get("/v1/models").await.json();
    let all = ask("/v1/models").await.json();
    let (ids, own): (Vec<_>, Vec<_>) = openai["data"]
        .as_array()
        .expect("a list")
        .iter()
        .zip(all["data"].as_array().expect("a list"))
        .map(|(openai, own)| (&openai["id"], &own["id"]))
        .unzip();
    assert!(ids == own && ids.len() > 10, "{all}");
    assert_eq!((&all["has_more"], &all["first_id"]), (&json!(false), ids[0]));
    let page = ask(&format!(
        "/v1/models?limit=2&after_id={}",
        ids[0].as_str().expect("an id")
    ))
    .await
    .json();
    assert_eq!(
        (&page["data"][0]["id"], &page["last_id"], &page["has_more"]),
        (ids[1], ids[2], &json!(true))
    );
    let one = ask("/v1/models/Qwen/Qwen3-8B:cheapest").await.json();
    assert_eq!(
        (&one["type"], &one["id"]),
        (&json!("model"), &json!("Qwen/Qwen3-8B:cheapest"))
    );
    let none = ask("/v1/models/no/such-model").await;
    assert_eq!(
        (none.status, &none.json()["error"]["type"]),
        (404, &json!("not_found_error"))
    );
}

#[tokio::test]
async fn the_key_is_accepted_in_either_header() {
    let key = "0123456789abcdef-messages";
    let serving = Serving::locked(key).await;
    let ask = async |name: &'static str, value: &str| {
        let request = serving
            .client
            .request("POST", "/v1/messages")
            .header(header::CONTENT_TYPE, "application/json")
            .header(name, value)
            .body(message(MODEL).to_string().into());
        serving
            .client
            .send(request.expect("a request"))
            .await
            .read()
            .await
    };
    assert_eq!(ask("x-api-key", key).await.status, 200);
    assert_eq!(ask("authorization", &format!("Bearer {key}")).await.status, 200);
    for (name, value) in [
        ("x-api-key", "wrong"),
        ("authorization", "Bearer wrong"),
        ("accept", key),
    ] {
        let reply = ask(name, value).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["type"]),
            (401, &json!("authentication_error"))
        );
        assert!(!reply.text.contains(key));
    }
}
