//! Reload of configuration, token and keys with requests in flight: none is lost, and new values apply.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use model_provider_host::{Grants, HostOptions, Secret, Settings};
use model_server::ServeOptions;

use crate::{
    harness::{Harness, TOKEN, built},
    http::{Client, Serving, streamed},
    keyed::Keys,
    program::{PATIENCE, Program, Running},
};

const MODEL: &str = "Qwen/Qwen3-8B";

/// Host options with this token, and the same mock router.
fn options(serving: &Serving, token: &str, change: impl FnOnce(&mut Settings)) -> HostOptions {
    let mut settings = Settings::declaring(model_server::SETTINGS);
    settings.base_url = Some(serving.harness.mock.base_url().parse().expect("a URL"));
    change(&mut settings);
    HostOptions::default()
        .with_settings(settings)
        .with_credential(Secret::new(token))
        .with_grants(Grants::parse(component_build::GRANT).expect("grants"))
}

/// The token of the last upstream request.
fn last_token(mock: &MockRouter) -> String {
    let requests = mock.requests();
    let last = requests.iter().rev().find(|request| request.method == "POST");
    let header = last.expect("a request").header("authorization").expect("a token");
    header.trim_start_matches("Bearer ").to_owned()
}

#[tokio::test]
async fn no_request_is_lost_during_repeated_reloads() {
    let setup = Harness::with().mock(|mock| mock.pace(Duration::from_millis(1)));
    let serving = Serving::with(setup, ServeOptions::default()).await;
    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let asking: Vec<_> = (0..8)
        .map(|n| {
            let (client, is_over, answered) = (
                serving.client.clone(),
                Arc::clone(&is_over),
                Arc::clone(&answered),
            );
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let reply = if n % 2 == 0 {
                        client.ask(MODEL).await
                    } else {
                        client.chat(&streamed(MODEL)).await
                    };
                    assert_eq!(reply.status, 200, "{}", reply.text);
                    assert!(n % 2 == 0 || reply.events().1, "whole: {}", reply.text);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for turn in 0..30 {
        let token = format!("{TOKEN}_{turn}");
        let host = serving.server.service().host();
        let host = host
            .reconfigured(options(&serving, &token, |_| {}))
            .expect("reconfigured");
        serving
            .server
            .reload(host, ServeOptions::default())
            .expect("it is taken");
        tokio::time::sleep(Duration::from_millis(30)).await;
        // Each reload is seen by some request.
        let before = answered.load(Ordering::Relaxed);
        while answered.load(Ordering::Relaxed) < before + 8 {
            assert!(
                !asking.iter().any(tokio::task::JoinHandle::is_finished),
                "a request was lost"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for one in asking {
        one.await.expect("nothing was lost");
    }
    assert_eq!(serving.client.ask(MODEL).await.status, 200);
    assert_eq!(last_token(&serving.harness.mock), format!("{TOKEN}_29"));
    // Metrics continue.
    let host = serving.server.service().host();
    let total = host.metrics();
    let counted = total.ended(model_provider_host::metrics::Operation::Chat, "ok")
        + total.ended(model_provider_host::metrics::Operation::Complete, "ok");
    assert_eq!(counted, answered.load(Ordering::Relaxed) as u64 + 1);
    assert_eq!(host.generation().number, 1);
}

#[tokio::test]
async fn a_response_in_flight_keeps_its_configuration_and_the_next_one_has_the_new() {
    let setup = Harness::with().mock(|mock| mock.pace(Duration::from_millis(20)));
    let serving = Serving::with(setup, ServeOptions::default()).await;
    let mut stream = serving.client.open_chat(&streamed(MODEL)).await;
    let mut text = stream.next().await.expect("it began");
    let keys = Keys::default().key("a", |_| {});
    let host = serving.server.service().host();
    let host = host
        .reconfigured(options(&serving, TOKEN, |settings| {
            settings.set("serve-max-body-bytes", "100").expect("a setting");
            settings.set("serve-max-connections", "7").expect("a setting");
        }))
        .expect("reconfigured");
    let unchanged = serving.server.reload(host, keys.options()).expect("it is taken");
    assert_eq!(unchanged, ["serve-max-connections"], "its size is shared");
    assert_eq!(serving.client.ask(MODEL).await.status, 401, "a key is needed now");
    let client = keys.client(&serving, "a");
    assert_eq!(client.ask(MODEL).await.status, 200);
    let mut long = streamed(MODEL);
    long["messages"][0]["content"] = "x".repeat(100).into();
    assert_eq!(client.chat(&long).await.status, 413);
    while let Some(more) = stream.next().await {
        text += &more;
    }
    assert!(text.trim_end().ends_with("data: [DONE]"), "{text}");
}

/// A server process with its own configuration and keys.
struct Home {
    program: Program,
    mock: MockRouter,
    keys: Keys,
}

impl Home {
    async fn new() -> Self {
        let mock = MockRouter::start(MockOptions::immediate())
            .await
            .expect("a mock router");
        let home = Self {
            program: Program::new(),
            mock,
            keys: Keys::default().key("a", |_| {}).key("b", |_| {}),
        };
        home.configure("Quick");
        home.program.write(".env", &format!("HF_TOKEN={TOKEN}\n"));
        home.program.write("keys.json", &home.keys.all().text());
        home
    }

    fn configure(&self, alias: &str) {
        let text = format!(
            r#"{{ models: {{ providers: {{ huggingface: {{ baseUrl: '{}', models: [] }} }} }},
                 agents: {{ defaults: {{ models: {{ 'huggingface/{MODEL}': {{ alias: '{alias}' }} }} }} }} }}"#,
            self.mock.base_url()
        );
        self.program.write("openclaw.json", &text);
    }

    async fn serve(&self, more: &[&str]) -> (Running, Client, Client) {
        let plugin = tokio::task::spawn_blocking(|| built(Build::Release))
            .await
            .expect("built");
        let plugin = plugin.to_string_lossy().into_owned();
        let keys = self
            .program
            .state()
            .join("keys.json")
            .to_string_lossy()
            .into_owned();
        let arguments = [&["--plugin", &plugin, "serve", "--access-keys", &keys], more].concat();
        let running = self.program.start(&arguments).await;
        let client = |name| Client {
            key: Some(self.keys.secret(name).to_owned()),
            ..Client::of(&running.first)
        };
        let (a, b) = (client("a"), client("b"));
        (running, a, b)
    }
}

/// Sends requests until one has this result.
async fn until(client: &Client, model: &str, status: u16) {
    let trying = async {
        while client.ask(model).await.status != status {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trying)
        .await
        .expect("reloaded in time");
}

#[cfg(unix)]
#[tokio::test]
async fn sighup_reloads_keys_token_and_configuration() {
    let home = Home::new().await;
    let (running, a, b) = home.serve(&[]).await;
    assert_eq!(
        (a.ask("Quick").await.status, b.ask("Quick").await.status),
        (200, 200)
    );
    let plain = Client {
        key: None,
        ..a.clone()
    };
    assert_eq!(plain.ask("Quick").await.status, 401);

    let revoked = home.keys.all().changed("a", |_| false).expect("it is there");
    home.program.write("keys.json", &revoked.text());
    home.configure("Speedy");
    home.program.write(".env", &format!("HF_TOKEN={TOKEN}_2\n"));
    assert_eq!(a.ask("Quick").await.status, 200, "not read yet");
    running.signal("-HUP");
    until(&a, "Quick", 401).await;
    assert_eq!(
        (b.ask("Speedy").await.status, b.ask("Quick").await.status),
        (200, 400)
    );
    assert_eq!(last_token(&home.mock), format!("{TOKEN}_2"));

    // An invalid file is reported, and changes nothing.
    home.program.write("keys.json", "{\"keys\": 1}");
    running.signal("-HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(b.ask("Speedy").await.status, 200);
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .err
            .contains("was not reloaded: configuration: access keys:"),
        "{ended:?}"
    );
    assert!(!ended.err.contains(home.keys.secret("a")) && !ended.err.contains(TOKEN));
}

#[tokio::test]
async fn a_changed_file_is_reloaded_with_watch_config() {
    let home = Home::new().await;
    let (running, a, b) = home.serve(&["--watch-config"]).await;
    assert_eq!(a.ask("Quick").await.status, 200);
    let off = home.keys.all().changed("a", |key| {
        key.disabled = true;
        true
    });
    home.program.write("keys.json", &off.expect("it is there").text());
    until(&a, "Quick", 401).await;
    assert_eq!(b.ask("Quick").await.status, 200);
    home.configure("Speedy");
    until(&b, "Speedy", 200).await;
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
