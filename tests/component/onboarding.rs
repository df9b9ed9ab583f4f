//! Interactive onboarding, at a terminal.

use mock_router::{MockOptions, MockRouter};
use serde_json::{Value, json};

use crate::{
    guests::tiny,
    harness::TOKEN,
    terminal::{Home, Terminal, key, person},
};

/// Where keys are stored: where both eras of OpenClaw find them.
pub const KEYS: &str = "agents/main/agent/auth-profiles.json";
pub const DEFAULT: &str = "huggingface/deepseek-ai/DeepSeek-R1";
const REVOKED: &str = "hf_this_one_was_revoked_long_ago";

async fn mock() -> MockRouter {
    let options = MockOptions::immediate().reject_key(REVOKED);
    MockRouter::start(options).await.expect("a mock router")
}

pub fn primary(home: &Home) -> Value {
    home.config()["agents"]["defaults"]["model"]["primary"].clone()
}

pub fn stored(home: &Home) -> Value {
    let profiles: Value = serde_json::from_str(&home.read(KEYS)).unwrap_or_default();
    profiles["profiles"]["huggingface:default"].clone()
}

/// Chooses the model that the typed search finds.
fn stands_in(terminal: &mut Terminal, question: &str, words: &str) {
    terminal.sees(question);
    terminal.types(words);
    terminal.waits_for("the filtered list", |screen| {
        let chosen = screen.lines().rev().find(|line| line.starts_with("> "));
        chosen.is_some_and(|line| line.to_lowercase().contains(words))
    });
    terminal.types(key::ENTER);
}

#[tokio::test]
async fn a_token_of_the_environment_is_offered_and_the_default_model_is_first() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    person(move || {
        let mut terminal = home.open(&["onboard"]);
        terminal.answers("Provider", "");
        let screen = terminal.sees("Use existing Hugging Face token (env: HF_TOKEN, hf_i…oken)?");
        assert!(
            screen.contains("Create one at: https://huggingface.co/settings/tokens"),
            "{screen}"
        );
        assert!(screen.contains("Make calls to Inference Providers"), "{screen}");
        terminal.types(key::ENTER);
        let screen = terminal.sees("Default Hugging Face model");
        let screen = if screen.contains("(fastest)") {
            screen
        } else {
            terminal.sees("(fastest)")
        };
        let first = screen.lines().find(|line| line.starts_with("> DeepSeek R1 "));
        let first = first.unwrap_or_else(|| panic!("{screen}"));
        assert!(first.contains('$') && first.contains('K'), "{screen}");
        terminal.types(key::ENTER);
        terminal.answers("Prefer a specific backend?", "");
        terminal.answers("Alias", "");
        terminal.answers("Fallbacks", "");
        terminal.answers(&format!("Send a test message to {DEFAULT}?"), "");
        terminal.sees("This is the mock router speaking for deepseek-ai/DeepSeek-R1");
        assert_eq!(terminal.ends(), 0);
        let screen = terminal.screen();
        assert!(
            screen.contains(&format!("Default model set to {DEFAULT}")),
            "{screen}"
        );
        assert!(!screen.contains(TOKEN), "the token is never shown");
        assert_eq!(primary(&home), DEFAULT);
        assert_eq!(
            stored(&home),
            json!({ "type": "api_key", "provider": "huggingface", "key": TOKEN })
        );
        assert_eq!(
            home.config()["agents"]["defaults"]["models"],
            json!({ DEFAULT: { "alias": "DeepSeek-R1" } })
        );
    })
    .await;
}

#[tokio::test]
async fn pasted_text_becomes_the_token_and_a_policy_skips_the_backend_prompt() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url());
    person(move || {
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        terminal.sees("Enter Hugging Face API key (HF token)");
        terminal.types(key::ENTER);
        terminal.sees("Required");
        // With a line break in the middle, as some mail programs make them.
        let (head, tail) = TOKEN.split_at(10);
        terminal.pastes(&format!("export HF_TOKEN=\"{head}\n{tail}\";"));
        terminal.types(key::ENTER);
        terminal.sees("the key is good");
        terminal.sees("Default Hugging Face model");
        terminal.types("r1 cheapest");
        terminal.waits_for("the filtered list", |screen| {
            screen.contains("> DeepSeek R1 (cheapest)") && !screen.contains("Qwen3")
        });
        terminal.types(key::ENTER);
        terminal.sees("Provider locked — router will choose backend by cost or speed.");
        terminal.answers("Alias", "huggingface/x");
        terminal.answers(
            "is a reference, not a name",
            &format!("{}thrifty", key::BACKSPACE.repeat(13)),
        );
        stands_in(&mut terminal, "Fallbacks: which model is tried when it fails?", "qwen3 8b");
        stands_in(&mut terminal, "when all of these fail?", "glm 4.7");
        terminal.answers("when all of these fail?", "");
        terminal.answers("Send a test message", "n");
        assert_eq!(terminal.ends(), 0);
        assert!(
            !terminal.screen().contains("specific backend"),
            "{}",
            terminal.screen()
        );
        assert_eq!(stored(&home)["key"], TOKEN);
        let locked = format!("{DEFAULT}:cheapest");
        let defaults = &home.config()["agents"]["defaults"];
        assert_eq!(
            defaults["model"],
            json!({ "primary": locked, "fallbacks": ["huggingface/Qwen/Qwen3-8B", "huggingface/zai-org/GLM-4.7"] }),
            "in the order in which they were chosen"
        );
        assert_eq!(defaults["models"], json!({ locked: { "alias": "thrifty" } }));
    })
    .await;
}

#[tokio::test]
async fn a_rejected_token_is_reported_at_once_and_can_be_entered_again() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url()).variable("HUGGINGFACE_HUB_TOKEN", REVOKED);
    person(move || {
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        terminal.answers("env: HUGGINGFACE_HUB_TOKEN", "y");
        terminal.sees("error[unauthenticated]");
        terminal.sees("hint:");
        terminal.answers("What now?", "");
        terminal.sees("Enter Hugging Face API key (HF token)");
        terminal.pastes(&format!("Bearer {TOKEN}"));
        terminal.types(key::ENTER);
        terminal.sees("the key is good");
        terminal.answers("Default Hugging Face model", "");
        terminal.sees("Prefer a specific backend?");
        terminal.types("together");
        terminal.waits_for("the backend", |screen| screen.contains("> together"));
        terminal.types(key::ENTER);
        terminal.answers("Alias", "");
        terminal.answers("Fallbacks", "");
        terminal.answers("Send a test message", "n");
        assert_eq!(terminal.ends(), 0);
        let screen = terminal.screen();
        assert!(
            screen.contains("another key is found before the stored one"),
            "{screen}"
        );
        assert_eq!(primary(&home), format!("{DEFAULT}:together"));
        assert_eq!(stored(&home)["key"], TOKEN);
        assert!(!screen.contains(REVOKED) && !screen.contains(TOKEN), "{screen}");
    })
    .await;
}

#[tokio::test]
async fn a_rejected_token_can_be_stored_and_the_built_in_list_is_offered() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url());
    person(move || {
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        terminal.sees("Enter Hugging Face API key (HF token)");
        terminal.types(REVOKED);
        terminal.types(key::ENTER);
        terminal.sees("What now?");
        terminal.types(key::DOWN);
        terminal.waits_for("the other line", |screen| screen.contains("> Keep this key"));
        terminal.types(key::ENTER);
        terminal.sees("Default Hugging Face model");
        terminal.types("kimi");
        terminal.waits_for("the filtered list", |screen| screen.contains("> Kimi K2.5"));
        terminal.types(key::ENTER);
        // The backends of a built-in model are unknown.
        terminal.answers("Alias", "");
        terminal.answers("Fallbacks", "");
        terminal.answers("Send a test message", "");
        assert_eq!(terminal.ends(), 0);
        assert!(
            !terminal.screen().contains("specific backend"),
            "{}",
            terminal.screen()
        );
        assert_eq!(primary(&home), "huggingface/moonshotai/Kimi-K2.5");
        assert_eq!(stored(&home)["key"], REVOKED);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_cannot_be_checked_is_reported_and_stored() {
    let mock = MockRouter::start(MockOptions::immediate().scenario("503-html"))
        .await
        .expect("a mock router");
    let closed = "http://127.0.0.1:9/v1".to_owned();
    for (base_url, why) in [(mock.base_url(), "503"), (closed, "the connection was refused")] {
        let home = Home::new(&base_url);
        person(move || {
            let mut terminal = home.open(&["onboard", "--set", "max-retries=0"]);
            terminal.answers("Provider", "");
            terminal.sees("Enter Hugging Face API key (HF token)");
            terminal.pastes(TOKEN);
            terminal.types(key::ENTER);
            terminal.sees("Default Hugging Face model");
            let screen = terminal.screen();
            let said = screen.split_once("the key could not be checked: ");
            let said = said.unwrap_or_else(|| panic!("{screen}")).1;
            assert!(said.contains(why), "{screen}");
            terminal.types(key::ENTER);
            // There are backends to choose from only if the list was loaded.
            let screen = terminal.waits_for("the next prompt", |screen| {
                screen.contains("Prefer a specific backend?") || screen.contains("Alias")
            });
            if !screen.contains("Alias") {
                terminal.types(key::ENTER);
            }
            terminal.answers("Alias", "");
            terminal.answers("Fallbacks", "");
            terminal.answers("Send a test message", "n");
            assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
            assert_eq!(primary(&home), DEFAULT);
            assert_eq!(stored(&home)["key"], TOKEN);
        })
        .await;
    }
}

#[tokio::test]
async fn of_several_providers_only_the_chosen_one_is_set_up() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url());
    person(move || {
        let other = tiny().to_string_lossy().into_owned();
        let granted = home.run(&["grant", &other, "--yes"]);
        assert_eq!(granted.code, Some(0), "{granted:?}");
        let mut terminal = home.open(&["onboard", "--also", &other, "--skip-health"]);
        terminal.waits_for("both", |screen| {
            screen.contains("> Hugging Face ") && screen.contains("  Tiny  (Tiny's key)")
        });
        terminal.types(key::DOWN);
        terminal.waits_for("the other one", |screen| screen.contains("> Tiny "));
        terminal.types(key::ENTER);
        terminal.sees("Enter Tiny's key");
        terminal.pastes("a key of Tiny's");
        terminal.types(key::ENTER);
        terminal.answers("Default Tiny model", "");
        terminal.answers("Alias", "");
        assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
        let config = home.config();
        assert_eq!(primary(&home), "tiny/small/one");
        assert_eq!(
            config["auth"]["profiles"],
            json!({ "tiny:default": { "provider": "tiny", "mode": "api_key" } })
        );
        let providers = config["models"]["providers"].as_object().expect("providers");
        assert_eq!(providers.keys().collect::<Vec<_>>(), ["tiny"]);
        let profiles: Value = serde_json::from_str(&home.read(KEYS)).expect("JSON");
        let stored =
            json!({ "tiny:default": { "type": "api_key", "provider": "tiny", "key": "a key of Tiny's" } });
        assert_eq!(profiles["profiles"], stored);
    })
    .await;
}

#[tokio::test]
async fn ctrl_c_at_any_prompt_changes_nothing() {
    let mock = mock().await;
    let own = "// mine\n{ agents: { defaults: { model: 'zeta/x' } } }\n";
    for stop_at in [
        "Provider",
        "Use existing",
        "Default Hugging Face model",
        "Alias",
        "the default instead",
        "Fallbacks",
        "Send a test",
    ] {
        let home = Home::new(&mock.base_url())
            .variable("HF_TOKEN", TOKEN)
            .file("openclaw.json", own);
        person(move || {
            let mut terminal = home.open(&["onboard"]);
            for question in [
                "Provider",
                "Use existing",
                "Default Hugging Face model",
                "Prefer a",
                "Alias",
                "the default instead",
                "Fallbacks",
                "Send a test",
            ] {
                terminal.sees(question);
                if question == stop_at {
                    terminal.types(key::CTRL_C);
                    break;
                }
                if question == "the default instead" {
                    terminal.types("y");
                }
                terminal.types(key::ENTER);
            }
            assert_eq!(terminal.ends(), 1, "{stop_at}");
            let screen = terminal.sees("nothing was changed");
            assert!(screen.contains("error[cancelled]"), "{screen}");
            assert_eq!(home.read("openclaw.json"), own, "{stop_at}");
            assert!(!home.path(KEYS).exists());
        })
        .await;
    }
}

#[tokio::test]
async fn where_only_configured_models_count_and_there_are_none_the_default_is_used() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url()).file("openclaw.json", r#"{ "models": { "mode": "replace" } }"#);
    person(move || {
        let mut terminal = home.open(&["onboard", "--huggingface-api-key", TOKEN, "--skip-health"]);
        terminal.sees(&format!("no models are listed; {DEFAULT} is the default"));
        terminal.answers("Alias", "-");
        assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
        assert_eq!(primary(&home), DEFAULT);
        assert_eq!(home.config()["models"]["mode"], "replace");
        assert_eq!(
            home.config()["agents"]["defaults"]["models"],
            json!({ DEFAULT: {} })
        );
        assert_eq!(stored(&home)["key"], TOKEN);
    })
    .await;
}

#[tokio::test]
async fn existing_fallbacks_are_kept_or_dropped_and_those_of_other_providers_always_stay() {
    let mock = mock().await;
    for (answer, fallbacks) in [
        ("", json!(["Small", "zeta/x"])),
        ("n", json!(["zeta/x", "huggingface/zai-org/GLM-4.7"])),
    ] {
        let home = Home::new(&mock.base_url())
            .variable("HF_TOKEN", TOKEN)
            .file(
                "openclaw.json",
                r#"{ "agents": { "defaults": {
                    "model": { "primary": "huggingface/deepseek-ai/DeepSeek-R1", "fallbacks": ["Small", "zeta/x"] },
                    "models": { "huggingface/Qwen/Qwen3-8B": { "alias": "Small" } }
                } } }"#,
            );
        person(move || {
            let mut terminal = home.open(&["onboard", "--skip-health"]);
            terminal.answers("Provider", "");
            terminal.answers("Use existing", "");
            terminal.answers("Default Hugging Face model", "");
            terminal.answers("Prefer a specific backend?", "");
            terminal.answers("Alias", "-");
            terminal.answers("Fallbacks: keep Small, zeta/x?", answer);
            if answer == "n" {
                stands_in(&mut terminal, "when all of these fail?", "glm 4.7");
            }
            terminal.waits_for("the last prompt", |screen| {
                let last = screen.lines().rev().find(|line| line.starts_with("? "));
                last.is_some_and(|line| line.trim_end().ends_with("when all of these fail?"))
            });
            terminal.types(key::ENTER);
            assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
            assert_eq!(
                home.config()["agents"]["defaults"]["model"]["fallbacks"],
                fallbacks
            );
        })
        .await;
    }
}
