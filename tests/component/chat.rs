//! Chat completions through the component.

use std::time::Duration;

use mock_router::Script;
use model_provider_host::{
    ErrorKind,
    contract::{ChatEvent, FinishReason, ProviderErrorKind},
};

use crate::harness::{Harness, parts_text, question, weather_tool};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";

#[tokio::test]
async fn a_response_streams_and_ends_with_a_summary() {
    let harness = Harness::start().await;
    let heard = harness.ask(MODEL).await;
    let summary = heard.summary();
    assert!(!heard.text().is_empty());
    assert_eq!(summary.finish_reason, FinishReason::Stop);
    assert_eq!(summary.model, MODEL);
    assert_eq!(summary.attempts, 1);
    assert!(summary.usage.input_tokens.is_some() && summary.usage.output_tokens.is_some());
    assert!(summary.backend.is_some() && summary.request_id.is_some());
}

#[tokio::test]
async fn the_whole_response_equals_the_collected_stream() {
    let harness = Harness::start().await;
    let streamed = harness.ask(MODEL).await;
    let whole = harness.host.complete(question(MODEL, "Hello!")).await.unwrap();
    assert_eq!(parts_text(&whole.content), streamed.text());
    assert_eq!(whole.summary.finish_reason, streamed.summary().finish_reason);
    assert_eq!(whole.summary.usage, streamed.summary().usage);
}

#[tokio::test]
async fn a_tool_call_starts_gets_its_arguments_and_ends_once() {
    let harness = Harness::start().await;
    let mut request = question(MODEL, "What is the weather in Paris?");
    request.tools.push(weather_tool());
    let heard = harness.send(request).await;
    assert_eq!(heard.summary().finish_reason, FinishReason::ToolCalls);
    let calls = heard.tool_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].name, "get_weather");
    let arguments: serde_json::Value = serde_json::from_str(&calls[0].arguments_json).unwrap();
    assert!(arguments["city"].is_string());
    let ends = heard
        .events
        .iter()
        .filter(|event| matches!(event, ChatEvent::ToolCallEnd(end) if end.index == 0))
        .count();
    assert_eq!(ends, 1);
}

#[tokio::test]
async fn reasoning_is_separate_from_the_text() {
    let harness = Harness::start().await;
    let heard = harness.ask("huggingface/deepseek-ai/DeepSeek-R1").await;
    heard.summary();
    assert!(!heard.reasoning().is_empty());
    assert!(!heard.text().contains("<think>"));
}

#[tokio::test]
async fn a_model_that_nobody_serves_is_unavailable() {
    let harness = Harness::start().await;
    let heard = harness.ask("huggingface/nobody/nothing").await;
    let error = heard.error();
    assert_eq!(
        error.kind(),
        ErrorKind::Provider(ProviderErrorKind::ModelUnavailable)
    );
    assert_eq!(error.details().status, Some(400));
    assert_eq!(error.details().code.as_deref(), Some("model_not_found"));
    assert!(error.details().request_sent && !error.is_retryable() && error.hint().is_some());
}

#[tokio::test]
async fn for_a_misspelt_model_the_right_one_is_suggested() {
    let harness = Harness::start().await;
    for (asked, meant) in [
        (
            "huggingface/deepseek-ai/DeepSek-R1",
            "huggingface/deepseek-ai/DeepSeek-R1",
        ),
        ("qwen/qwen3-8b", "huggingface/Qwen/Qwen3-8B"),
        (
            "huggingface/Qwen/Qwen3-8B:cheepest",
            "huggingface/Qwen/Qwen3-8B:cheapest",
        ),
    ] {
        let heard = harness.ask(asked).await;
        let suggestions = &heard.error().details().suggestions;
        assert_eq!(suggestions.first().map(String::as_str), Some(meant), "{asked}");
    }
}

#[tokio::test]
async fn the_first_byte_timeout_covers_head_and_body_together() {
    // Each alone is shorter than the timeout; together they are so much longer that a busy machine sees it end first.
    let pause = Duration::from_millis(1800);
    let harness = Harness::with()
        .setting("first-byte-timeout-ms", "2000")
        .start()
        .await;
    let late = Script::status(200)
        .header("content-type", "text/event-stream")
        .delay(pause);
    harness.mock.push(late.wait(pause).chunk("data: [DONE]\n\n"));
    let heard = harness.ask(MODEL).await;
    assert_eq!(
        heard.error().kind(),
        ErrorKind::Provider(ProviderErrorKind::Timeout)
    );
    assert!(
        heard.error().message().contains("within 2 s"),
        "{:?}",
        heard.error()
    );
}

#[tokio::test]
async fn a_bad_token_is_unauthenticated() {
    let harness = Harness::with().token(Some("not-a-token-of-theirs")).start().await;
    let heard = harness.ask(MODEL).await;
    assert_eq!(
        heard.error().kind(),
        ErrorKind::Provider(ProviderErrorKind::Unauthenticated)
    );
}

#[tokio::test]
async fn without_a_token_a_server_on_this_machine_is_called_without_one() {
    let harness = Harness::with()
        .token(None)
        .mock(|mock| mock.require_key(false))
        .start()
        .await;
    harness.ask(MODEL).await.summary();
    let requests = harness.mock.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[tokio::test]
async fn without_a_token_elsewhere_nothing_is_sent() {
    let harness = Harness::with().token(None).start().await;
    let settings = model_provider_host::Settings::default();
    let options = model_provider_host::HostOptions::default()
        .with_settings(settings)
        .with_grants(model_provider_host::Grants::parse(component_build::GRANT).unwrap());
    let host = model_provider_host::Host::start(harness.host.plugin(), options).unwrap();
    let error = host.chat(question(MODEL, "Hello!")).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Provider(ProviderErrorKind::Unauthenticated)
    );
    assert!(!error.details().request_sent);
    let said = format!("{} {}", error.message(), error.hint().unwrap_or_default());
    assert!(
        said.contains("HUGGINGFACE_HUB_TOKEN") && said.contains("HF_TOKEN"),
        "{said}"
    );
}

#[tokio::test]
async fn the_host_adds_the_token_and_the_plugin_its_own_headers() {
    let harness = Harness::with().setting("bill-to", "my-org").start().await;
    harness.ask(MODEL).await.summary();
    let requests = harness.mock.requests();
    let request = requests.last().unwrap();
    assert_eq!(
        request.header("authorization"),
        Some(format!("Bearer {}", crate::harness::TOKEN).as_str())
    );
    assert_eq!(request.header("x-hf-bill-to"), Some("my-org"));
    assert!(
        request
            .header("user-agent")
            .unwrap()
            .starts_with("openclaw-huggingface-provider/")
    );
    assert_eq!(request.header("accept-encoding"), None);
    assert_eq!(
        request.header("content-length").unwrap(),
        request.body.len().to_string()
    );
    let body = request.json();
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert!(request.body.starts_with(br#"{"model":"Qwen/Qwen3-8B""#));
}

#[tokio::test]
async fn a_refused_connection_is_retried_and_nothing_was_sent() {
    let harness = Harness::with().setting("max-retries", "1").start().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut settings = model_provider_host::Settings::default();
    settings.set("base-url", &format!("http://{nobody}/v1")).unwrap();
    settings.set("max-retries", "1").unwrap();
    let options = model_provider_host::HostOptions::default().with_settings(settings);
    let host = model_provider_host::Host::start(harness.host.plugin(), options).unwrap();
    let heard = crate::harness::collect(host.chat(question(MODEL, "Hello!")).await.unwrap()).await;
    let error = heard.error();
    assert_eq!(error.kind(), ErrorKind::Provider(ProviderErrorKind::Transport));
    assert!(error.is_retryable() && !error.details().request_sent);
    assert_eq!(error.details().attempts, 2);
}

#[tokio::test]
async fn a_server_that_closes_after_each_response_loses_none_of_300_requests() {
    let harness = Harness::with()
        .mock(|mock| mock.scenario("close-after-answer"))
        .start()
        .await;
    for _ in 0..300 {
        harness.ask(MODEL).await.summary();
    }
}

#[tokio::test]
async fn the_second_request_needs_no_new_connection() {
    let harness = Harness::start().await;
    harness.ask(MODEL).await.summary();
    harness.ask(MODEL).await.summary();
    assert_eq!(harness.mock.connections(), 1);
    assert_eq!(harness.host.connections_opened(), 1);
}
