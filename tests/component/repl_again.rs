//! Conversations at a terminal: pasted lines, and models that are chosen or retried explicitly.

use std::sync::Arc;

use mock_router::{MockOptions, MockRouter, Script};
use serde_json::{Value, json};

use crate::{
    harness::TOKEN,
    terminal::{Home, Terminal, key, person},
};

const FIRST: &str = "Qwen/Qwen3-8B";
const SECOND: &str = "deepseek-ai/DeepSeek-R1";

/// The bodies of the chat requests received.
fn questions(mock: &MockRouter) -> Vec<Value> {
    let requests = mock.requests();
    let chats = requests
        .iter()
        .filter(|request| request.path.ends_with("/chat/completions"));
    chats.map(mock_router::RecordedRequest::json).collect()
}

/// Types a line and waits until there are this many responses.
fn says(terminal: &mut Terminal, text: &str, answers: usize) {
    terminal.types(text);
    terminal.types(key::ENTER);
    terminal.waits_for(&format!("response {answers}"), |screen| {
        screen.matches("generation 1").count() == answers
    });
}

#[tokio::test]
async fn a_pasted_backslash_before_a_line_feed_stays_and_a_typed_one_continues_the_line() {
    let mock = Arc::new(
        MockRouter::start(MockOptions::immediate())
            .await
            .expect("a mock router"),
    );
    let seen = Arc::clone(&mock);
    person(move || {
        let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
        let mut terminal = home.open(&["chat", "-m", FIRST]);
        terminal.sees("Talking to");
        terminal.pastes("docker run \\\r\n  -it \\\n  image");
        says(&mut terminal, "", 1);
        terminal.types("typed \\");
        terminal.types(key::ENTER);
        says(&mut terminal, "on", 2);
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
        let asked: Vec<Value> = questions(&seen)
            .iter()
            .map(|body| {
                body["messages"]
                    .as_array()
                    .and_then(|all| all.last())
                    .expect("one")["content"]
                    .clone()
            })
            .collect();
        assert_eq!(
            asked,
            [json!("docker run \\\n  -it \\\n  image"), json!("typed \non")]
        );
    })
    .await;
}

#[tokio::test]
async fn a_model_on_cooldown_is_tried_again_when_the_user_retries_it() {
    let mock = Arc::new(
        MockRouter::start(MockOptions::immediate())
            .await
            .expect("a mock router"),
    );
    let seen = Arc::clone(&mock);
    person(move || {
        let config = json!({"agents": {"defaults": {"model": {
            "primary": format!("huggingface/{FIRST}"), "fallbacks": [format!("huggingface/{SECOND}")],
        }}}});
        let home = Home::new(&mock.base_url())
            .variable("HF_TOKEN", TOKEN)
            .file("openclaw.json", &config.to_string());
        let mut terminal = home.open(&["chat", "--set", "max-retries=0"]);
        terminal.sees("Talking to");
        mock.push(Script::status(503));
        says(&mut terminal, "One", 1);
        says(&mut terminal, "Two", 2);
        says(&mut terminal, "/retry", 3);
        mock.push(Script::status(503));
        says(&mut terminal, "Three", 4);
        says(&mut terminal, "Four", 5);
        terminal.types(&format!("/model {FIRST}"));
        terminal.types(key::ENTER);
        says(&mut terminal, "Five", 6);
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
        let asked: Vec<Value> = questions(&seen)
            .iter()
            .map(|body| body["model"].clone())
            .collect();
        let expected = [
            FIRST, SECOND, // it fails
            SECOND, // and is on cooldown
            FIRST,  // until the user retries it
            FIRST, SECOND, // it fails
            SECOND, // and is on cooldown
            FIRST,  // until the user chooses it
        ];
        assert_eq!(asked, expected.map(|model| json!(model)), "{}", terminal.screen());
    })
    .await;
}
