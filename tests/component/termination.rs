//! Conversations and prompts that are terminated from outside: the program ends, and the terminal is restored.

use std::{sync::Arc, time::Duration};

use mock_router::{MockOptions, MockRouter};

use crate::{
    harness::TOKEN,
    terminal::{Home, Terminal, key, person},
};

async fn mock(options: MockOptions) -> Arc<MockRouter> {
    Arc::new(MockRouter::start(options).await.expect("a mock router"))
}

fn ends_well(terminal: &mut Terminal, line: &str) {
    let code = terminal.ends();
    let screen = terminal.screen();
    assert_ne!(code, 0, "{screen}");
    assert!(
        screen.lines().any(|shown| shown.starts_with(line)),
        "it is said on a line of its own: {screen}"
    );
    assert!(terminal.is_as_before(), "{screen}");
}

#[tokio::test]
async fn a_conversation_terminated_at_the_prompt_restores_the_terminal() {
    let mock = mock(MockOptions::immediate()).await;
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    person(move || {
        for signal in ["-TERM", "-HUP"] {
            let mut terminal = home.open(&["chat"]);
            terminal.sees("Talking to");
            terminal.types("half a sen");
            terminal.sees("> half a sen");
            terminal.signals(signal);
            ends_well(
                &mut terminal,
                "error[cancelled]: the conversation was terminated from outside",
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_conversation_terminated_during_a_response_ends() {
    let mock = mock(MockOptions::default().pace(Duration::from_millis(300))).await;
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    person(move || {
        let mut terminal = home.open(&["chat"]);
        terminal.sees("Talking to");
        terminal.types("Slowly, please.");
        terminal.types(key::ENTER);
        terminal.sees("You wrote");
        let kept = home.read("chat-history");
        assert!(
            kept.contains("Slowly, please."),
            "before the response is there: {kept}"
        );
        terminal.signals("-TERM");
        ends_well(&mut terminal, "error[cancelled]");
        assert_eq!(terminal.screen().matches("error[").count(), 1);
    })
    .await;
}

#[tokio::test]
async fn prompts_terminated_from_outside_restore_the_terminal() {
    let home = Home::new("");
    person(move || {
        let other = home.other_plugin();
        for signal in ["-TERM", "-INT", "-HUP"] {
            let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
            terminal.sees("Enter Hugging Face API key");
            terminal.signals(signal);
            ends_well(
                &mut terminal,
                "error[cancelled]: onboarding was given up; nothing was changed",
            );
        }
        let mut terminal = home.open(&["onboard"]);
        terminal.sees("Provider");
        terminal.signals("-TERM");
        ends_well(
            &mut terminal,
            "error[cancelled]: onboarding was given up; nothing was changed",
        );
        let mut terminal = home.open(&["grant", &other]);
        terminal.sees("Grant this to `puddingface`?");
        terminal.signals("-TERM");
        ends_well(
            &mut terminal,
            "error[cancelled]: `puddingface` was not granted this",
        );
    })
    .await;
}
