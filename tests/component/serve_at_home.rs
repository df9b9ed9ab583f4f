//! `serve` as its user runs it: with a configuration and a state directory of their own, until Ctrl-C.

use std::{net::SocketAddr, time::Duration};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use serde_json::{Value, json};

use crate::{
    harness::{TOKEN, built},
    http::{Client, question},
    program::Program,
    terminal::{Home, Terminal, key, person},
};

/// A configuration as users write it, whose requests go to the mock.
fn configuration(mock: &MockRouter) -> String {
    format!(
        r#"{{ // what we use at home
            models: {{ providers: {{ huggingface: {{ baseUrl: '{}', models: [] }} }} }},
            agents: {{ defaults: {{
                model: {{ primary: 'Quick', fallbacks: ['huggingface/deepseek-ai/DeepSeek-R1'] }},
                models: {{
                    'huggingface/Qwen/Qwen3-8B': {{ alias: 'Quick', params: {{ temperature: 0.25, maxTokens: 17 }} }},
                    'huggingface/deepseek-ai/DeepSeek-R1': {{ params: {{ topP: 0.5, }} }},
                }},
            }} }},
        }}"#,
        mock.base_url()
    )
}

/// The body of the last chat request.
fn last(mock: &MockRouter) -> Value {
    let requests = mock.requests();
    let chats = requests.iter().rev();
    let last = chats
        .into_iter()
        .find(|request| request.path.ends_with("/chat/completions"));
    last.expect("a chat request").json()
}

/// A running server, and its address.
fn serving(home: &Home, options: &[&str]) -> (Terminal, SocketAddr) {
    let terminal = home.open(&[&["serve"], options].concat());
    let screen = terminal.waits_for("the address", |screen| screen.contains("/v1"));
    let address = screen
        .lines()
        .find_map(|line| line.strip_prefix("http://")?.strip_suffix("/v1")?.parse().ok());
    (terminal, address.unwrap_or_else(|| panic!("{screen}")))
}

#[tokio::test]
async fn the_configuration_applies_to_requests_of_clients() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let home = Home::new("")
        .file("openclaw.json", &configuration(&mock))
        .file(".env", &format!("HF_TOKEN={TOKEN}\n"));
    let (home, mut terminal, address) = person(move || {
        let (terminal, address) = serving(&home, &[]);
        (home, terminal, address)
    })
    .await;
    let client = Client { address, key: None };

    let answer = client.chat(&question("")).await.json();
    assert_eq!(answer["model"], "Quick", "the default model: {answer}");
    let sent = last(&mock);
    assert_eq!(
        [&sent["model"], &sent["temperature"], &sent["max_tokens"]],
        [&json!("Qwen/Qwen3-8B"), &json!(0.25), &json!(17)],
        "with its parameters"
    );

    let mut own = question("Qwen/Qwen3-8B");
    own["temperature"] = json!(0.75);
    client.chat(&own).await;
    assert_eq!(
        (&last(&mock)["temperature"], &last(&mock)["max_tokens"]),
        (&json!(0.75), &json!(17)),
        "a client's own parameter wins"
    );

    let answer = client.ask("no/such-model").await.json();
    assert_eq!(answer["model"], "huggingface/deepseek-ai/DeepSeek-R1", "{answer}");
    let sent = last(&mock);
    assert_eq!(
        (&sent["temperature"], &sent["top_p"]),
        (&Value::Null, &json!(0.5))
    );

    person(move || {
        for _ in 0..1200 {
            if home.read("models.json").contains("\"live\"") {
                terminal.types(key::CTRL_C);
                assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the list was not cached: {}", terminal.screen());
    })
    .await;
}

#[tokio::test]
async fn a_server_with_a_base_url_flag_reports_that_it_caches_no_list() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    let (home, mut terminal, address) = person(move || {
        let (terminal, address) = serving(&home, &[]);
        (home, terminal, address)
    })
    .await;
    let client = Client { address, key: None };
    let list = client.get("/v1/models").await.json();
    assert!(
        list["data"].as_array().is_some_and(|list| list.len() > 10),
        "{list}"
    );
    person(move || {
        terminal.sees("the list of models is not cached: `--base-url` is for this call only");
        terminal.types(key::CTRL_C);
        assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
        assert!(!home.path("models.json").exists());
    })
    .await;
}

#[tokio::test]
async fn a_replaced_plugin_file_is_swapped_in_and_a_broken_one_is_not() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    person(move || {
        let (file, new) = (home.dir().join("plugin.wasm"), home.dir().join("new.wasm"));
        std::fs::copy(built(Build::Release), &file).expect("copied");
        let path = file.to_string_lossy().into_owned();
        let (mut terminal, _) = serving(&home, &["--watch", "--plugin", &path]);
        terminal.sees("watching ");
        std::fs::write(&new, "no plugin").expect("written");
        std::fs::rename(&new, &file).expect("replaced");
        terminal.sees("the plugin's file has changed and was refused");
        std::fs::copy(built(Build::NextVersion), &new).expect("copied");
        std::fs::rename(&new, &file).expect("replaced");
        let screen = terminal.sees("is live; 0 responses in flight in generation 1");
        assert!(screen.contains("generation 2 ("), "{screen}");
        terminal.types(key::CTRL_C);
        assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
    })
    .await;
}

#[tokio::test]
async fn unknown_request_parameters_of_the_configuration_are_named_once_when_it_starts() {
    let plugin = tokio::task::spawn_blocking(|| built(Build::Release)).await;
    let plugin = plugin.expect("built").to_string_lossy().into_owned();
    let program = Program::new().variable("HF_TOKEN", TOKEN);
    let config = r#"{"agents": {"defaults": {"params": {"temperature": 0.5, "madeUp": 1}}}}"#;
    program.write("openclaw.json", config);
    let line = ["--plugin", &plugin, "--base-url", "http://127.0.0.1:9", "serve"];
    let ended = program.start(&line).await.stop().await;
    let named = "`agents.defaults.params.madeUp` is not a known request parameter";
    assert_eq!(ended.err.matches(named).count(), 1, "{ended:?}");
}
