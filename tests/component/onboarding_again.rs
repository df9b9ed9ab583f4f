//! Onboarding over an existing configuration, or on a limited terminal: Enter keeps what is configured.

use mock_router::{MockOptions, MockRouter};

use crate::{
    harness::TOKEN,
    onboarding::{primary, stored},
    terminal::{Home, key, person},
};

#[tokio::test]
async fn enter_keeps_a_model_configured_with_a_backend() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    // A backend that is listed, and one that is not.
    for backend in ["cerebras", "together"] {
        let configured = format!("huggingface/Qwen/Qwen3-32B:{backend}");
        let config = format!(
            r#"{{ "agents": {{ "defaults": {{
                "model": {{ "primary": "{configured}" }},
                "models": {{ "{configured}": {{ "alias": "Mine" }} }}
            }} }} }}"#
        );
        let home = Home::new(&mock.base_url())
            .variable("HF_TOKEN", TOKEN)
            .file("openclaw.json", &config);
        person(move || {
            let mut terminal = home.open(&["onboard", "--skip-health"]);
            for question in [
                "Provider",
                "Use existing",
                "Default Hugging Face model",
                "Prefer a specific backend?",
                "Alias",
                "Fallbacks",
            ] {
                terminal.answers(question, "");
            }
            assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
            assert_eq!(primary(&home), configured, "{}", terminal.screen());
            assert_eq!(
                home.config()["agents"]["defaults"]["models"][&configured]["alias"],
                "Mine"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn escape_empties_the_field_of_a_key_and_ctrl_c_cancels() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let home = Home::new(&mock.base_url());
    person(move || {
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        terminal.sees("Esc starts over, Ctrl-C gives up");
        // What editors take for "delete all" is a letter here.
        terminal.types("hf_half\u{15}");
        terminal.sees("********");
        terminal.types(key::ESCAPE);
        terminal.waits_for("the prompt again", |screen| {
            screen.matches("Enter Hugging Face API key").count() == 2 && screen.contains("Esc starts over")
        });
        terminal.types(TOKEN);
        terminal.types(key::ENTER);
        terminal.answers("Default Hugging Face model", "");
        terminal.answers("Prefer a specific backend?", "");
        terminal.answers("Alias", "");
        terminal.answers("Fallbacks", "");
        terminal.answers("Send a test message", "n");
        assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
        assert_eq!(stored(&home)["key"], TOKEN);
    })
    .await;
}

#[tokio::test]
async fn prompts_have_no_colours_where_none_are_wanted() {
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let home = Home::new("").variable(name, value);
        person(move || {
            let other = home.other_plugin();
            for (command, question) in [
                (&["onboard"][..], "Provider"),
                (&["grant", &other], "Grant this to"),
            ] {
                let mut terminal = home.open(command);
                terminal.sees(question);
                terminal.types(key::CTRL_C);
                assert_eq!(terminal.ends(), 1);
                let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
                let mut marks = raw.split("\u{1b}[").skip(1);
                let colour = marks.find(|mark| {
                    mark.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                        .starts_with('m')
                });
                assert_eq!(colour, None, "{name}: {raw:?}");
            }
        })
        .await;
    }
}
