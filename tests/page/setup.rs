//! The page's first half: the provider, its setup, and where its token comes from.

use std::collections::BTreeMap;

use mock_router::{MockOptions, MockRouter};
use model_provider_host::contract::DiscoveryMode;
use serde_json::json;

use super::{
    DEFAULT,
    blocks::{Block, configured},
};
use crate::{
    harness::{Harness, TOKEN, plugin},
    terminal::{Home, Terminal, key, person},
};

const REVOKED: &str = "hf_a_key_that_was_revoked";

async fn mock() -> MockRouter {
    let options = MockOptions::immediate().reject_key(REVOKED);
    MockRouter::start(options).await.expect("a mock router")
}

#[tokio::test]
async fn one_token_gives_access_to_many_models_at_one_openai_compatible_address() {
    let harness = Harness::start().await;
    for model in [
        "deepseek-ai/DeepSeek-R1",
        "meta-llama/Llama-3.3-70B-Instruct",
        "Qwen/Qwen3-8B",
    ] {
        assert!(!harness.ask(model).await.text().is_empty(), "{model}");
    }
    for sent in harness.mock.requests() {
        assert_eq!(
            (sent.method.as_str(), sent.path.as_str()),
            ("POST", "/v1/chat/completions")
        );
        assert_eq!(
            sent.header("authorization"),
            Some(format!("Bearer {TOKEN}").as_str())
        );
        assert!(sent.json()["messages"].is_array());
    }
}

#[tokio::test]
async fn the_provider_is_called_huggingface() {
    assert_eq!(plugin().await.info().id, "huggingface");
}

#[tokio::test]
async fn the_token_is_read_from_huggingface_hub_token_or_hf_token() {
    let plugin = plugin().await;
    let credential = plugin.info().credential.clone().expect("it wants one");
    assert_eq!(credential.env_vars, ["HUGGINGFACE_HUB_TOKEN", "HF_TOKEN"]);
    for name in credential.env_vars {
        let mock = mock().await;
        let home = Home::new(&mock.base_url()).variable(&name, TOKEN);
        let ran = person(move || home.run(&["chat", "-m", "Qwen/Qwen3-8B", "Hello!"])).await;
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        let sent = mock.requests();
        let sent = sent.last().expect("a request");
        assert_eq!(
            sent.header("authorization"),
            Some(format!("Bearer {TOKEN}").as_str()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn requests_go_to_the_routers_address_unless_another_is_set() {
    assert_eq!(
        plugin().await.info().default_base_url,
        "https://router.huggingface.co/v1"
    );
}

#[tokio::test]
async fn prices_are_those_of_each_backend() {
    let harness = Harness::start().await;
    let catalog = harness
        .host
        .list_models(DiscoveryMode::Always)
        .await
        .expect("a list");
    let model = catalog
        .models
        .iter()
        .find(|model| model.id == "deepseek-ai/DeepSeek-R1")
        .expect("a model");
    let prices: Vec<_> = model
        .routes
        .iter()
        .filter_map(|route| route.price.as_ref())
        .collect();
    let distinct: BTreeMap<_, _> = prices.iter().map(|price| (&price.output, ())).collect();
    assert!(distinct.len() > 1, "{prices:?}");
}

#[tokio::test]
async fn onboarding_says_where_a_token_with_the_right_permission_is_made() {
    let router = mock().await;
    let home = Home::new(&router.base_url());
    person(move || {
        let terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        let screen = terminal.sees("Enter Hugging Face API key");
        assert!(
            screen.contains("https://huggingface.co/settings/tokens"),
            "{screen}"
        );
        assert!(screen.contains("Make calls to Inference Providers"), "{screen}");
    })
    .await;
}

/// Pastes a token.
fn enters(terminal: &mut Terminal, token: &str) {
    terminal.sees("Enter Hugging Face API key");
    terminal.pastes(token);
    terminal.types(key::ENTER);
}

/// Confirms all remaining prompts.
fn agrees(terminal: &mut Terminal, questions: &[&str]) {
    for question in questions {
        terminal.answers(question, "");
    }
    assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
}

#[tokio::test]
async fn hugging_face_is_chosen_from_the_menu_of_providers_and_the_key_is_prompted_for() {
    let router = mock().await;
    let home = Home::new(&router.base_url());
    person(move || {
        let mut terminal = home.open(&["onboard"]);
        terminal.waits_for("the menu", |screen| {
            screen.contains("Provider") && screen.contains("> Hugging Face")
        });
        terminal.types(key::ENTER);
        enters(&mut terminal, TOKEN);
        terminal.sees("Default Hugging Face model");
    })
    .await;
}

#[tokio::test]
async fn with_a_valid_token_the_menu_of_models_is_the_services_list_and_the_choice_is_the_default() {
    let router = mock().await;
    let home = Home::new(&router.base_url());
    person(move || {
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key", "--skip-health"]);
        enters(&mut terminal, TOKEN);
        terminal.sees("Default Hugging Face model");
        terminal.types("llama 3.1 8b");
        terminal.waits_for("the model", |screen| screen.contains("> Llama 3.1 8B Instruct"));
        terminal.types(key::ENTER);
        agrees(
            &mut terminal,
            &["Prefer a specific backend?", "Alias", "Fallbacks"],
        );
        let primary = &home.config()["agents"]["defaults"]["model"]["primary"];
        assert_eq!(*primary, "huggingface/meta-llama/Llama-3.1-8B-Instruct");
    })
    .await;
    let asked = router.requests();
    assert!(
        asked
            .iter()
            .any(|asked| asked.method == "GET" && asked.path == "/v1/models")
    );
}

#[tokio::test]
async fn without_a_valid_token_the_menu_of_models_is_the_built_in_list() {
    let router = mock().await;
    let home = Home::new(&router.base_url());
    person(move || {
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        enters(&mut terminal, REVOKED);
        terminal.sees("What now?");
        terminal.types(key::DOWN);
        terminal.waits_for("the other line", |screen| screen.contains("> Keep this key"));
        terminal.types(key::ENTER);
        terminal.sees("Default Hugging Face model");
        terminal.types("kimi");
        let screen = terminal.waits_for("the models", |screen| {
            screen.contains("> Kimi K2.5") && !screen.contains("Qwen3")
        });
        assert!(
            !screen.contains("Kimi K2 Thinking"),
            "only the service lists it: {screen}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_default_model_can_be_set_in_the_configuration_later() {
    let configured = configured(&Block::DefaultModel.text()).await;
    assert_eq!(configured.model.primary.as_deref(), Some(DEFAULT));
    configured.means(DEFAULT, DEFAULT).await;
}

#[tokio::test]
async fn a_script_sets_everything_up_and_deepseek_r1_becomes_the_default() {
    let router = mock().await;
    let home = Home::new(&router.base_url());
    person(move || {
        let ran = home.run(&[
            "onboard",
            "--non-interactive",
            "--mode",
            "local",
            "--auth-choice",
            "huggingface-api-key",
            "--huggingface-api-key",
            TOKEN,
        ]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(home.config()["agents"]["defaults"]["model"]["primary"], DEFAULT);
    })
    .await;
}

#[tokio::test]
async fn a_daemon_finds_the_token_in_the_dotenv_file_of_openclaws_directory() {
    for name in ["HUGGINGFACE_HUB_TOKEN", "HF_TOKEN"] {
        let router = mock().await;
        let home = Home::new(&router.base_url()).file(".env", &format!("{name}={TOKEN}\n"));
        let ran = person(move || home.run(&["chat", "-m", "Qwen/Qwen3-8B", "Hello!"])).await;
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert_eq!(router.requests().len(), 1);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_daemon_finds_the_token_in_the_login_shells_environment_where_that_is_wanted() {
    use std::os::unix::fs::PermissionsExt as _;
    let router = mock().await;
    let config = json!({ "env": { "shellEnv": { "enabled": true } } }).to_string();
    let home = Home::new(&router.base_url()).file("openclaw.json", &config);
    let shell = home.dir().join("shell");
    std::fs::write(
        &shell,
        format!(
            "#!/bin/sh\nHF_TOKEN={TOKEN}\nexport HF_TOKEN\n[ \"$1\" = -l ] && shift\nexec /bin/sh \"$@\"\n"
        ),
    )
    .expect("written");
    std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    let home = home.variable("SHELL", &shell.to_string_lossy());
    let ran = person(move || home.run(&["chat", "-m", "Qwen/Qwen3-8B", "Hello!"])).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(router.requests().len(), 1);
}
