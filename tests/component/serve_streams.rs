//! The OpenAI-compatible server: what a client gets while it waits, and what comes in one chunk of a stream.

use std::time::{Duration, Instant};

use mock_router::Script;
use model_server::ServeOptions;
use serde_json::{Value, json};

use crate::{
    harness::{Harness, Setup},
    http::{Serving, question, streamed},
};

const MODEL: &str = "Qwen/Qwen3-8B";
const LIMIT: Duration = Duration::from_secs(20);
/// A log probability as recorded: no float is written like this.
const LOGPROB: &str = "-0.11082194000482559";

fn impatient() -> Setup {
    Harness::with()
        .setting("max-retries", "0")
        .setting("serve-status-wait-ms", "100")
        .setting("serve-heartbeat-ms", "50")
}

fn delta(delta: &Value) -> String {
    json!({"id": "c", "choices": [{"index": 0, "delta": delta}]}).to_string()
}

fn end() -> String {
    json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).to_string()
}

#[tokio::test]
async fn a_stream_has_its_headers_and_heartbeats_while_the_upstream_is_silent() {
    let serving = Serving::with(impatient(), ServeOptions::default()).await;
    let silence = Duration::from_millis(1500);
    let nothing: [&str; 0] = [];
    for quiet in [
        // Comments only, and not even a head.
        Script::sse(nothing)
            .chunk(": queued\n\n")
            .wait(silence / 2)
            .chunk(": queued\n\n")
            .wait(silence / 2),
        Script::sse(nothing).delay(silence),
    ] {
        let script = quiet
            .chunk(format!("data: {}\n\n", delta(&json!({"content": "late"}))))
            .chunk(format!("data: {}\n\ndata: [DONE]\n\n", end()));
        serving.harness.mock.push(script);
        let asked = Instant::now();
        let mut open = serving.client.open_chat(&streamed(MODEL)).await;
        assert_eq!(open.response.status(), 200);
        assert_eq!(open.response.headers()["x-accel-buffering"], "no");
        assert!(asked.elapsed() < silence, "the headers waited for the upstream");
        let mut heartbeats = 0;
        let first = loop {
            let piece = open.next().await.expect("it goes on");
            if piece.contains("data:") {
                break piece;
            }
            assert!(piece.starts_with(':'), "{piece}");
            heartbeats += 1;
        };
        assert!(heartbeats > 3, "{heartbeats} heartbeats");
        let reply = open.read().await;
        let text = first + &reply.text;
        assert!(
            text.contains("\"late\"") && text.ends_with("data: [DONE]\n\n"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_early_error_has_a_status_and_a_late_one_is_an_event() {
    let serving = Serving::with(impatient(), ServeOptions::default()).await;
    let refusal = || {
        Script::json(
            402,
            &json!({"error": "You have depleted your monthly included credits."}),
        )
    };
    serving.harness.mock.push(refusal());
    let soon = serving.client.chat(&streamed(MODEL)).await;
    assert_eq!(soon.status, 402);
    assert_eq!(soon.json()["error"]["type"], "insufficient_quota");

    serving
        .harness
        .mock
        .push(refusal().delay(Duration::from_millis(600)));
    let late = serving.client.chat(&streamed(MODEL)).await;
    assert_eq!(late.status, 200);
    let (events, is_done) = late.events();
    assert!(!is_done, "an error is no end");
    let [error] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(error["error"]["type"], "insufficient_quota");
}

#[tokio::test]
async fn a_client_that_disconnects_before_the_first_event_ends_the_upstream_request() {
    let serving = Serving::with(
        impatient().mock(|mock| mock.scenario("no-headers")),
        ServeOptions::default(),
    )
    .await;
    let open = serving.client.open_chat(&streamed(MODEL)).await;
    assert_eq!(open.response.status(), 200);
    drop(open);
    tokio::time::timeout(LIMIT, serving.harness.mock.wait_disconnects(1))
        .await
        .expect("the upstream was left");
}

#[tokio::test]
async fn logprobs_are_sent_with_their_text_and_keep_every_digit() {
    let serving = Serving::with(impatient(), ServeOptions::default()).await;
    // More than one crossing returns, in one burst and one by one.
    let pieces: Vec<String> = (0..700).map(|number| format!("t{number} ")).collect();
    for pause in [false, true] {
        let chunk = |piece: &String| {
            let logprobs =
                format!(r#"{{"content":[{{"token":"{piece}","logprob":{LOGPROB},"top_logprobs":[]}}]}}"#);
            format!(
                "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{piece}\"}},\"logprobs\":{logprobs}}}]}}\n\n"
            )
        };
        let nothing: [&str; 0] = [];
        let mut script = Script::sse(nothing);
        if pause {
            for piece in pieces.iter().take(20) {
                script = script.chunk(chunk(piece)).wait(Duration::from_millis(5));
            }
        } else {
            script = script.chunk(pieces.iter().map(chunk).collect::<String>());
        }
        script = script.chunk(format!("data: {}\n\ndata: [DONE]\n\n", end()));
        serving.harness.mock.push(script);
        let reply = serving.client.chat(&streamed(MODEL)).await;
        let (chunks, is_done) = reply.events();
        assert!(is_done, "{}", reply.text);
        let mut seen = 0;
        for choice in chunks.iter().map(|chunk| &chunk["choices"][0]) {
            let text = choice["delta"]["content"].as_str().unwrap_or_default();
            let said: Vec<_> = choice["logprobs"]["content"]
                .as_array()
                .into_iter()
                .flatten()
                .collect();
            assert_eq!(said.len(), usize::from(!text.is_empty()), "{choice}");
            for token in said {
                assert_eq!(token["token"], text, "the log probability of another text");
                seen += 1;
            }
        }
        assert_eq!(seen, if pause { 20 } else { pieces.len() });
        assert_eq!(reply.text.matches(LOGPROB).count(), seen, "digits were lost");
    }
}

#[tokio::test]
async fn numbers_are_passed_on_as_they_are_written_in_both_directions() {
    let serving = Serving::with(impatient(), ServeOptions::default()).await;
    let numbers = format!("[{LOGPROB},1.0,123456789012345678901,1e400]");
    let whole = format!(
        r#"{{"id":"c","choices":[{{"index":0,"message":{{"role":"assistant","content":"x","annotations":{numbers}}},"finish_reason":"stop","logprobs":{{"content":[{{"token":"x","logprob":{LOGPROB}}}]}}}}]}}"#
    );
    serving
        .harness
        .mock
        .push(Script::text(200, "application/json", whole));
    let schema = format!(r#"{{"type":"object","properties":{{"x":{{"enum":{numbers}}}}}}}"#);
    let body = format!(
        r#"{{"model":"{MODEL}","messages":[{{"role":"user","content":"hi"}}],"extra":{numbers},
            "response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":{schema}}}}},
            "tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]}}"#
    );
    let request = serving
        .client
        .chat_request()
        .body(body.into())
        .expect("a request");
    let reply = serving.client.send(request).await.read().await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(
        reply.text.contains(&format!("\"annotations\":{numbers}")),
        "{}",
        reply.text
    );
    assert!(
        reply.text.contains(&format!("\"logprob\":{LOGPROB}")),
        "{}",
        reply.text
    );
    let requests = serving.harness.mock.requests();
    let sent = String::from_utf8_lossy(&requests.last().expect("a request").body).into_owned();
    assert!(sent.contains(&format!("\"extra\":{numbers}")), "{sent}");
    assert_eq!(sent.matches(&schema).count(), 2, "{sent}");
}

#[tokio::test]
async fn reasoning_is_in_one_field_whole_and_as_deltas() {
    for (setting, present, absent) in [
        ("reasoning_content", "reasoning_content", "reasoning"),
        ("reasoning", "reasoning", "reasoning_content"),
    ] {
        let setup = impatient().setting("serve-reasoning-field", setting);
        let serving = Serving::with(setup, ServeOptions::default()).await;
        let whole = serving.client.chat(&question(MODEL)).await.json();
        let message = &whole["choices"][0]["message"];
        assert!(
            message[present].is_string() && message.get(absent).is_none(),
            "{message}"
        );
        let (chunks, _) = serving.client.chat(&streamed(MODEL)).await.events();
        let has = |name: &str| {
            chunks
                .iter()
                .any(|chunk| chunk["choices"][0]["delta"].get(name).is_some())
        };
        assert!(has(present) && !has(absent), "{chunks:?}");
    }
}
