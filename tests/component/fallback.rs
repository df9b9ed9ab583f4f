//! Failover where every model fails.

use std::sync::Arc;

use mock_router::{MockOptions, MockRouter};
use model_provider_host::{ErrorKind, contract::ProviderErrorKind, failover::Failover};
use serde_json::json;

use crate::{
    harness::{Harness, TOKEN, plugin, question},
    terminal::{Home, person},
};

/// An address where no server listens.
const CLOSED: &str = "http://127.0.0.1:9/v1";
const REFUSED: &str = "there is no connection to http://127.0.0.1:9: the connection was refused";
const MODELS: [&str; 2] = ["huggingface/Qwen/Qwen3-8B", "huggingface/zai-org/GLM-4.7"];

#[tokio::test]
async fn where_no_server_listens_each_model_is_tried_and_the_attempts_say_why_each_failed() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let harness = Harness::with()
        .setting("max-retries", "0")
        .start_at(CLOSED, Arc::new(mock), plugin().await)
        .unwrap();
    let (host, request) = (&harness.host, question(MODELS[0], "Hello!"));
    let models = MODELS.map(str::to_owned);
    let started = Failover::new().start(host, &request, &models).await.map(drop);
    let completed = Failover::new().complete(host, &request, &models).await.map(drop);
    for failed in [started.unwrap_err(), completed.unwrap_err()] {
        assert_eq!(
            failed.error.kind(),
            ErrorKind::Provider(ProviderErrorKind::Transport)
        );
        assert!(failed.error.message().contains(REFUSED), "{failed}");
        let attempts: Vec<_> = failed.attempts.iter().map(|attempt| &attempt.reference).collect();
        assert_eq!(attempts, MODELS);
        for attempt in &failed.attempts {
            let error = &attempt.error;
            assert!(error.message().contains(REFUSED), "{error}");
            // It was tried, and not skipped.
            assert_eq!(error.details().attempts, 1, "{error}");
        }
    }
}

#[tokio::test]
async fn the_command_line_shows_the_failed_attempts() {
    let config =
        json!({ "agents": { "defaults": { "model": { "primary": MODELS[0], "fallbacks": [MODELS[1]] } } } });
    let home = Home::new(CLOSED)
        .variable("HF_TOKEN", TOKEN)
        .file("openclaw.json", &config.to_string());
    person(move || {
        let chat = ["chat", "--set", "max-retries=0", "Hello!"];
        let ran = home.run(&[&["--format", "json"][..], &chat].concat());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let said = ran.json();
        let failed = said["trail"].as_array().expect("a trail");
        let references: Vec<_> = failed.iter().map(|attempt| &attempt["ref"]).collect();
        assert_eq!(references, MODELS, "{said}");
        assert!(
            said["error"]["message"]
                .as_str()
                .expect("words")
                .contains(REFUSED),
            "{said}"
        );
        let ran = home.run(&chat);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        for words in [REFUSED, MODELS[1]] {
            assert!(ran.err.contains(words), "{ran:?}");
        }
    })
    .await;
}
