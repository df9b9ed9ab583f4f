//! The audit log of a server: a line per request, without text of prompts or responses.

use std::{num::NonZeroU32, path::PathBuf};

use model_server::{Audit, AuditOptions, Records};
use serde_json::{Value, json};

use crate::{
    harness::{Harness, TOKEN},
    http::{Serving, question, streamed},
    keyed::{Keys, recording},
};

const MODEL: &str = "Qwen/Qwen3-8B";
const PROMPT: &str = "the prompt of this very test";

/// A server with an audit log, and the log's path.
async fn audited(keys: &Keys, setup: crate::harness::Setup) -> (tempfile::TempDir, PathBuf, Serving) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("audit.jsonl");
    let records = Records::default().with_audit(Audit::open(AuditOptions::new(&path)).expect("it opens"));
    let serving = recording(setup.start().await, keys.options(), records).await;
    (dir, path, serving)
}

/// The lines, once there are this many.
async fn lines(path: &PathBuf, count: usize) -> Vec<Value> {
    for _ in 0..500 {
        let text = std::fs::read_to_string(path).expect("the log");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        if lines.len() >= count {
            assert_eq!(lines.len(), count, "{text}");
            return lines;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{count} lines: {:?}", std::fs::read_to_string(path));
}

#[tokio::test]
async fn a_line_has_the_facts_of_a_request_and_no_text_of_it() {
    let keys = Keys::default().key("ci", |_| {});
    let (_dir, path, serving) = audited(&keys, Harness::with()).await;
    let client = keys.client(&serving, "ci");
    assert_eq!(client.get("/v1/models").await.status, 200);
    let mut body = question("deepseek-ai/DeepSeek-R1");
    body["messages"][0]["content"] = PROMPT.into();
    let request = client
        .chat_request()
        .header("x-request-id", "my-own-id")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .body(body.to_string().into());
    let reply = client.send(request.expect("a request")).await.read().await;
    assert_eq!(reply.status, 200);
    let said = reply.json();
    let stream = client.chat(&streamed(MODEL)).await;
    assert_eq!(stream.status, 200);

    let all = lines(&path, 3).await;
    let whole = &all[1];
    for (name, value) in [
        ("requestId", json!("my-own-id")),
        ("traceId", json!("4bf92f3577b34da6a3ce929d0e0e4736")),
        ("key", json!("ci")),
        ("method", json!("POST")),
        ("path", json!("/v1/chat/completions")),
        ("dialect", json!("chat-completions")),
        ("modelAsked", json!("deepseek-ai/DeepSeek-R1")),
        ("modelUsed", json!("deepseek-ai/DeepSeek-R1")),
        ("isStream", json!(false)),
        ("outcome", json!("ok")),
        ("status", json!(200)),
        ("generation", json!(1)),
        ("attempts", json!(1)),
        ("inputTokens", said["usage"]["prompt_tokens"].clone()),
        ("outputTokens", said["usage"]["completion_tokens"].clone()),
        ("backend", said["x_plugin"]["backend"].clone()),
        ("modelAnswered", said["x_plugin"]["model"].clone()),
    ] {
        assert_eq!(whole[name], value, "{name}: {whole}");
    }
    let cost = whole["costUsd"].as_str().expect("its price is in the list");
    assert!(cost.parse::<f64>().expect("a figure") > 0.0);
    assert_eq!(whole["digest"], serving.harness.host.generation().digest);
    assert!(whole["time"].as_str().expect("a time").ends_with('Z'));
    assert!(whole["latencyMs"].is_u64());
    assert_eq!(
        (&all[2]["isStream"], &all[2]["outcome"]),
        (&json!(true), &json!("ok"))
    );
    assert!(all[2]["firstEventMs"].is_u64());
    assert_eq!(
        (&all[0]["path"], &all[0]["modelAsked"]),
        (&json!("/v1/models"), &Value::Null)
    );

    let text = std::fs::read_to_string(&path).expect("the log");
    let answer = said["choices"][0]["message"]["content"].as_str().expect("text");
    for secret in [PROMPT, answer, TOKEN, keys.secret("ci")] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn failures_refusals_and_disconnects_have_lines_too() {
    let keys = Keys::default()
        .key("limited", |key| key.requests_per_minute = NonZeroU32::new(3))
        .key("off", |key| key.disabled = true);
    let (_dir, path, serving) = audited(&keys, Harness::with()).await;
    let client = keys.client(&serving, "limited");
    serving.harness.mock.set_scenario("stall").expect("a scenario");
    let mut stream = client.open_chat(&streamed(MODEL)).await;
    assert!(stream.next().await.is_some());
    drop(stream);
    assert_eq!(lines(&path, 1).await[0]["outcome"], "abandoned");
    serving.harness.mock.clear_scenario();
    assert_eq!(client.ask("no reference at all").await.status, 400);
    assert_eq!(client.chat(&json!({"messages": 1})).await.status, 400);
    assert_eq!(client.ask(MODEL).await.status, 429);
    assert_eq!(keys.client(&serving, "off").ask(MODEL).await.status, 401);
    let nobody = serving.client.ask(MODEL).await;
    assert_eq!(nobody.status, 401);
    let all = lines(&path, 6).await;
    let told: Vec<_> = all
        .iter()
        .map(|line| {
            [
                &line["key"],
                &line["outcome"],
                &line["status"],
                &line["error"],
                &line["reason"],
            ]
        })
        .collect();
    assert_eq!(
        told[1][1..4],
        [&json!("failed"), &json!(400), &json!("invalid-reference")]
    );
    assert_eq!(told[2][1..3], [&json!("failed"), &json!(400)]);
    let limited = [
        json!("limited"),
        json!("refused"),
        json!(429),
        json!("rate_limit_exceeded"),
        json!("requests-per-minute"),
    ];
    assert_eq!(told[3], limited.each_ref());
    let off = [
        json!("off"),
        json!("refused"),
        json!(401),
        json!("invalid_api_key"),
        json!("disabled"),
    ];
    assert_eq!(told[4], off.each_ref());
    let unknown = [
        Value::Null,
        json!("refused"),
        json!(401),
        json!("invalid_api_key"),
        json!("unknown-key"),
    ];
    assert_eq!(told[5], unknown.each_ref());
    // Repeated refusals do not fill the log, and are counted.
    for _ in 0..40 {
        assert_eq!(serving.client.ask(MODEL).await.status, 401);
    }
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    serving.client.ask(MODEL).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let text = std::fs::read_to_string(&path).expect("the log");
    let later: Vec<Value> = text
        .lines()
        .skip(6)
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let counted = later
        .iter()
        .map(|line| 1 + line["repeated"].as_u64().unwrap_or_default());
    assert_eq!((counted.sum::<u64>(), later.len() < 41), (41, true), "{text}");
}

#[cfg(unix)]
#[tokio::test]
async fn an_unwritable_log_delays_no_response_and_the_health_check_reports_it() {
    let keys = Keys::default().key("ci", |key| key.metrics = true);
    let (dir, path, serving) = audited(&keys, Harness::with()).await;
    let client = keys.client(&serving, "ci");
    assert_eq!(client.get("/healthz").await.json()["audit"], "ok");
    std::fs::rename(&path, dir.path().join("moved")).expect("it is there");
    std::fs::create_dir(&path).expect("something in its place");
    // As after a reload: the file is reopened.
    let host = serving.server.service().host();
    serving.server.reload(host, keys.options()).expect("it is taken");
    let mut health = Value::Null;
    for _ in 0..200 {
        assert_eq!(client.ask(MODEL).await.status, 200);
        health = client.get("/healthz").await.json();
        if health["audit"] == "failing" {
            break;
        }
    }
    assert_eq!(
        (&health["audit"], &health["status"]),
        (&json!("failing"), &json!("ok"))
    );
    let page = client.get("/metrics").await.text;
    assert!(!page.contains("model_server_audit_failed_total 0"), "{page}");
}
