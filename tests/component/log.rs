//! The log of the command line: which lines belong to one request, and what they report.

use component_build::Build;
use mock_router::{MockOptions, MockRouter, Script};
use serde_json::Value;

use crate::{harness::built, program::Program};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";

async fn logged(mock: &MockRouter, arguments: &[&str]) -> String {
    let plugin = tokio::task::spawn_blocking(|| built(Build::Release))
        .await
        .unwrap();
    let url = mock.base_url();
    let line = ["--plugin", plugin.to_str().unwrap(), "--base-url", &url];
    let program = Program::new().variable("HF_TOKEN", "hf_a_token_of_the_log");
    program.run(&[&line, arguments].concat(), None).await.err
}

/// The log lines among the other output of that stream.
fn lines(log: &str) -> Vec<Value> {
    let json = log.lines().filter(|line| line.starts_with('{'));
    let json = json.map(serde_json::from_str);
    json.collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error} in {log}"))
}

fn said<'l>(lines: &'l [Value], message: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

#[tokio::test]
async fn every_log_line_of_a_request_has_its_id_and_every_attempt_is_logged() {
    let mock = MockRouter::start(MockOptions::immediate()).await.unwrap();
    mock.push(Script::status(503).header("retry-after", "0"));
    let chat = ["-v", "--log-format", "json", "chat", "-m", MODEL, "Hello!"];
    let lines = lines(&logged(&mock, &chat).await);
    let answers = said(&lines, "response");
    let statuses: Vec<_> = answers.iter().map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(503), Some(200)], "{lines:?}");
    let ended = said(&lines, "done");
    let ended = ended
        .iter()
        .find(|line| line["spans"][0]["export"] == "chat-stream");
    let request = &ended.unwrap()["spans"][0];
    assert!(!request["id"].as_str().unwrap().is_empty());
    assert_eq!(request["name"], "call");
    assert_eq!(request["about"], MODEL);
    assert_eq!(request["generation"], 1);
    for (answer, attempt) in answers.iter().zip(1..) {
        assert_eq!(&answer["spans"][0], request);
        assert_eq!(answer["spans"][1]["attempt"], attempt);
        assert_eq!(answer["spans"][1]["method"], "POST");
        assert_eq!(answer["path"], "/v1/chat/completions");
        assert!(answer["elapsed"].is_string());
    }
}

#[tokio::test]
async fn a_failed_request_logs_its_cause() {
    let mock = MockRouter::start(MockOptions::immediate().scenario("401-json"))
        .await
        .unwrap();
    let chat = ["-v", "--log-format", "json", "chat", "-m", MODEL, "Hello!"];
    let lines = lines(&logged(&mock, &chat).await);
    let failed = said(&lines, "failed");
    assert_eq!(failed[0]["spans"][0]["export"], "chat-stream", "{lines:?}");
    assert_eq!(failed[0]["kind"], "unauthenticated");
    assert_eq!(failed[0]["status"], 401);
    assert_eq!(failed[0]["attempts"], 1);
}

#[tokio::test]
async fn nothing_is_logged_by_default() {
    let mock = MockRouter::start(MockOptions::immediate()).await.unwrap();
    let chat = ["chat", "-m", MODEL, "Hello!"];
    let quiet = logged(&mock, &chat).await;
    assert!(!quiet.contains("INFO") && !quiet.contains("DEBUG"), "{quiet}");
    let text = logged(
        &mock,
        &[&["--log", "model_provider_host::egress=info"], &chat[..]].concat(),
    )
    .await;
    assert!(text.contains("INFO") && text.contains("status=200"), "{text}");
    let wrong = logged(&mock, &[&["--log", "a=b=c"], &chat[..]].concat()).await;
    assert!(wrong.contains("--log") && wrong.contains("filter"), "{wrong}");
}

#[tokio::test]
async fn no_log_line_holds_a_prompt_or_a_response() {
    let mock = MockRouter::start(MockOptions::immediate()).await.unwrap();
    for format in ["text", "json"] {
        let chat = [
            "-vvv",
            "--log-format",
            format,
            "chat",
            "-m",
            MODEL,
            "A marked prompt",
        ];
        let log = logged(&mock, &chat).await;
        assert!(
            log.contains("/v1/chat/completions") && !log.contains("marked"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn no_log_line_holds_a_prompt_that_an_upstream_echoes() {
    let mock = MockRouter::start(MockOptions::immediate()).await.unwrap();
    let answer = r#"{"error":{"message":"flagged: A marked prompt"}}"#;
    mock.push(Script::text(400, "application/json", answer));
    let chat = [
        "-vvv",
        "--log-format",
        "json",
        "chat",
        "-m",
        MODEL,
        "A marked prompt",
    ];
    let log = logged(&mock, &chat).await;
    let lines = lines(&log);
    assert_eq!(said(&lines, "failed")[0]["status"], 400);
    assert!(!format!("{lines:?}").contains("marked"), "{lines:?}");
    // The user sees the error.
    assert!(log.contains("flagged: A marked prompt"), "{log}");
}
