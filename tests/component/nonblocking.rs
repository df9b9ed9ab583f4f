//! Plugins that never wait: the host waits for events and calls them. Behaviour that both ways share is in the tests of
//! each subject, which run this way; here are this way's own, and the mistakes that such a plugin can make.

use std::time::{Duration, Instant};

use mock_router::{Chunking, End, Script};
use model_provider_host::{
    ChatOptions, ChatStream, Error, ErrorKind, Plugin, Principal, Sandbox, SandboxOptions,
    contract::{ChatEvent, ChatRequest, ProviderErrorKind},
};
use serde_json::json;

use crate::{
    guests::{nonblocking, tiny_plugin},
    harness::{Harness, Heard, Setup, collect, plugin, question, waiting_plugin, weather_tool},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
/// No test takes longer, however loaded the machine is.
const LIMIT: Duration = Duration::from_secs(30);

/// The test plugin that never waits.
async fn guest() -> Plugin {
    static PLUGIN: tokio::sync::OnceCell<Plugin> = tokio::sync::OnceCell::const_new();
    let load = || async {
        let file = tokio::task::spawn_blocking(nonblocking).await.expect("it builds");
        let options = SandboxOptions::default()
            .with_max_concurrent(64)
            .with_calls_per_store(8);
        let sandbox = Sandbox::new(&options);
        let plugin = Plugin::load(&sandbox.expect("an engine"), &file).await;
        plugin.expect("it loads")
    };
    PLUGIN.get_or_init(load).await.clone()
}

/// The outcome of an attack, on a host with these settings that then serves a harmless request. It is the same in a store
/// that calls share.
async fn did(attack: &str, settings: &[(&str, &str)]) -> Heard {
    let principal = ChatOptions::default().with_principal(Principal::named("alice"));
    let [shared, own] =
        [principal, ChatOptions::default()].map(|options| did_with(attack, settings, options));
    let (shared, own) = (shared.await, own.await);
    let end = |heard: &Heard| {
        let error = heard.error.as_ref();
        error.map(|error| (error.kind(), error.details().code.clone()))
    };
    assert_eq!(end(&shared), end(&own), "{attack}: {shared:?}");
    own
}

async fn did_with(attack: &str, settings: &[(&str, &str)], options: ChatOptions) -> Heard {
    let set = |setup: Setup, (name, value): &(&str, &str)| setup.setting(name, value);
    let setup = Harness::with().mock(|mock| mock.require_key(false));
    let harness = settings.iter().fold(setup, set).start_with(guest().await).await;
    let ask = async |attack: &str| {
        let request = question(format!("nonblocking/a/{attack}"), "Hello!");
        match harness.host.chat_with(request, options).await {
            Ok(response) => collect(response).await,
            Err(error) => Heard {
                error: Some(error),
                ..Heard::default()
            },
        }
    };
    let heard = tokio::time::timeout(LIMIT, ask(attack))
        .await
        .unwrap_or_else(|_| panic!("{attack}: still at it after {LIMIT:?}"));
    let then = ask("fine").await;
    let is_shared = harness.host.metrics().shared_calls > 0;
    assert_eq!(is_shared, options.principal.is_some(), "{attack}");
    assert_eq!(
        then.text().split(' ').next(),
        Some("1"),
        "{attack}: then {then:?}"
    );
    heard
}

fn limit(error: &Error) -> (ErrorKind, Option<&str>) {
    (error.kind(), error.details().code.as_deref())
}

#[tokio::test]
async fn the_host_waits_for_nonblocking_plugins_and_blocking_ones_wait_in_the_guest() {
    assert!(plugin().await.is_nonblocking() || std::env::var_os("GUESTS_WAIT").is_some());
    assert!(guest().await.is_nonblocking());
    assert!(!waiting_plugin().await.is_nonblocking());
    assert!(!tiny_plugin().await.is_nonblocking());
}

#[tokio::test]
async fn an_engine_with_guests_wait_calls_read_even_of_a_nonblocking_plugin() {
    let options = SandboxOptions::default()
        .with_guests_wait(true)
        .with_max_concurrent(4);
    let sandbox = Sandbox::new(&options).unwrap();
    let plugin = Plugin::load(&sandbox, &nonblocking()).await.unwrap();
    let harness = Harness::with()
        .mock(|mock| mock.require_key(false))
        .start_with(plugin)
        .await;
    assert_eq!(harness.ask("nonblocking/a/fine").await.text(), "read");
}

#[tokio::test]
async fn a_plugin_gets_the_time_waited_which_is_no_less_than_it_requested() {
    let heard = did("ticks-5", &[]).await;
    heard.summary();
    let text = heard.text();
    let words: Vec<&str> = text.split(' ').collect();
    let (calls, waited): (u64, u64) = (words[0].parse().unwrap(), words[2].parse().unwrap());
    assert_eq!(calls, 6);
    assert!((100..20_000).contains(&waited), "{text}");
}

#[tokio::test]
async fn a_plugin_that_never_finishes_is_called_at_intervals_until_its_deadline() {
    let heard = did("never", &[("max-wall-clock-ms", "500")]).await;
    assert_eq!(
        limit(heard.error()),
        (ErrorKind::Limit, Some("max-wall-clock-ms"))
    );
    // With a thousand calls a second at most, half a second uses a fraction of this.
    let heard = did(
        "never",
        &[("max-wall-clock-ms", "500"), ("max-guest-time-ms", "400")],
    )
    .await;
    assert_eq!(
        limit(heard.error()),
        (ErrorKind::Limit, Some("max-wall-clock-ms"))
    );
}

#[tokio::test]
async fn a_plugin_that_requests_a_wait_of_a_month_is_ended_by_the_deadline() {
    let heard = did("huge", &[("max-wall-clock-ms", "300")]).await;
    assert_eq!(
        limit(heard.error()),
        (ErrorKind::Limit, Some("max-wall-clock-ms"))
    );
}

#[tokio::test]
async fn a_plugin_that_waits_for_nothing_is_ended_at_once() {
    let heard = did("idle", &[]).await;
    let error = heard.error();
    assert_eq!(error.kind(), ErrorKind::PluginTrap, "{error:?}");
    assert!(error.message().contains("waits for nothing"), "{error:?}");
}

#[tokio::test]
async fn a_plugin_that_computes_for_ever_is_interrupted() {
    let heard = did("loop", &[("max-guest-time-ms", "100")]).await;
    assert_eq!(
        limit(heard.error()),
        (ErrorKind::Limit, Some("max-guest-time-ms"))
    );
    let heard = did(
        "loop",
        &[("max-guest-time-ms", "60000"), ("max-wall-clock-ms", "300")],
    )
    .await;
    assert_eq!(
        limit(heard.error()),
        (ErrorKind::Limit, Some("max-wall-clock-ms"))
    );
}

#[tokio::test]
async fn a_trap_ends_the_response_and_leaves_the_events_before_it() {
    for events in [0, 1, 3] {
        let heard = did(&format!("trap-{events}"), &[]).await;
        assert_eq!(heard.text(), "before".repeat(events));
        assert_eq!(heard.error().kind(), ErrorKind::PluginTrap);
    }
}

#[tokio::test]
async fn after_the_end_a_plugin_is_not_called_again() {
    let harness = Harness::with()
        .mock(|mock| mock.require_key(false))
        .start_with(guest().await)
        .await;
    let mut completion = harness
        .host
        .chat(question("nonblocking/a/fine", "Hello!"))
        .await
        .unwrap();
    assert!(completion.next().await.unwrap().is_some());
    for _ in 0..3 {
        // It would trap.
        assert!(completion.next().await.unwrap().is_none());
        assert!(completion.summary().is_some());
    }
}

#[tokio::test]
async fn a_plugin_that_leaves_a_response_unread_is_called_no_more_than_a_thousand_times_a_second() {
    let heard = did("unread-400", &[]).await;
    heard.summary();
    let text = heard.text();
    let words: Vec<&str> = text.split(' ').collect();
    let (calls, waited): (u64, u64) = (words[0].parse().unwrap(), words[2].parse().unwrap());
    // The first calls are not delayed.
    assert!(calls == 400 && waited >= 100, "{text}");
}

#[tokio::test]
async fn a_nonblocking_plugin_may_still_wait_in_the_guest() {
    let heard = did("blocks", &[]).await;
    heard.summary();
    assert_eq!(heard.text(), "read true");
}

async fn with_seed(harness: &Harness, request: ChatRequest, seed: Option<u64>) -> Vec<ChatEvent> {
    let options = seed.map_or_else(ChatOptions::default, |seed| {
        ChatOptions::default().with_seed(seed)
    });
    let completion = harness.host.chat_with(request, options).await.unwrap();
    let heard = collect(completion).await;
    heard.summary();
    heard.events
}

#[tokio::test]
async fn each_request_has_a_seed_of_its_own_unless_it_names_one() {
    let harness = Harness::with()
        .mock(|mock| mock.require_key(false))
        .start_with(guest().await)
        .await;
    let ask = || question("nonblocking/a/seed", "Hello!");
    let named = with_seed(&harness, ask(), Some(4711)).await;
    assert_eq!(named, [ChatEvent::Text("4711".to_owned())]);
    let one = with_seed(&harness, ask(), None).await;
    assert_ne!(one, with_seed(&harness, ask(), None).await);
}

#[tokio::test]
async fn the_same_bytes_and_the_same_seed_give_the_same_events() {
    let harness = Harness::with()
        .mock(|mock| mock.scenario("tool-no-id-pieces"))
        .start()
        .await;
    let ask = || ChatRequest {
        tools: vec![weather_tool()],
        ..question(MODEL, "Hello!")
    };
    let first = with_seed(&harness, ask(), Some(1)).await;
    assert!(!first.is_empty());
    if plugin().await.is_nonblocking() {
        assert_eq!(first, with_seed(&harness, ask(), Some(1)).await);
        // The id of the call, which it makes up, comes from the seed.
        assert_ne!(first, with_seed(&harness, ask(), Some(2)).await);
    }
}

/// All text of a response, for comparisons: the bounds of deltas have no meaning.
async fn text_of(plugin: Plugin, setup: Setup, script: &Script) -> String {
    let harness = setup.start_with(plugin).await;
    harness.mock.push(script.clone());
    let heard = harness.ask(MODEL).await;
    heard.summary();
    heard.text()
}

#[tokio::test]
async fn both_ways_give_the_same_text_whatever_the_chunks_of_the_network() {
    let chunk =
        |at: usize| json!({"choices": [{"index": 0, "delta": {"content": format!("é{at} ")}}]}).to_string();
    let chunks = (0..300).map(chunk).chain(["[DONE]".to_owned()]);
    let script = Script::sse(chunks);
    let whole: String = (0..300).map(|at| format!("é{at} ")).collect();
    for chunking in [
        Chunking::AsWritten,
        Chunking::Bytes,
        Chunking::Every(7),
        Chunking::Whole,
    ] {
        let script = script.clone().chunking(chunking);
        for plugin in [plugin().await, waiting_plugin().await] {
            let text = text_of(plugin, Harness::with(), &script).await;
            assert_eq!(text, whole, "{chunking:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_is_used_again_either_way() {
    for plugin in [plugin().await, waiting_plugin().await] {
        let harness = Harness::with().start_with(plugin).await;
        for _ in 0..10 {
            harness.ask(MODEL).await.summary();
        }
        assert_eq!(harness.mock.connections(), 1);
    }
}

#[tokio::test]
async fn each_timeout_is_the_plugins_own_either_way() {
    for plugin in [plugin().await, waiting_plugin().await] {
        for (scenario, setting, message) in [
            ("no-headers", "first-byte-timeout-ms", "300 ms"),
            ("stall", "idle-timeout-ms", "300 ms"),
        ] {
            let harness = Harness::with()
                .mock(|mock| mock.scenario(scenario))
                .setting(setting, "300")
                .start_with(plugin.clone())
                .await;
            let began = Instant::now();
            let heard = harness.ask(MODEL).await;
            let error = heard.error();
            assert_eq!(
                error.kind(),
                ErrorKind::Provider(ProviderErrorKind::Timeout),
                "{scenario}: {error:?}"
            );
            assert!(error.message().contains(message), "{scenario}: {error:?}");
            assert!(began.elapsed() >= Duration::from_millis(300), "{scenario}");
        }
    }
}

#[tokio::test]
async fn a_failed_attempt_is_retried_after_a_backoff_either_way() {
    for plugin in [plugin().await, waiting_plugin().await] {
        let harness = Harness::with().start_with(plugin).await;
        // Without `retry-after`: at least three quarters of half a second.
        harness.mock.push(Script::status(503));
        harness.mock.push(Script::hang_up());
        let began = Instant::now();
        let heard = harness.ask(MODEL).await;
        assert_eq!(heard.summary().attempts, 3);
        // Half a second, then a second, each less a quarter at most.
        assert!(
            began.elapsed() >= Duration::from_millis(1125),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_backoff_does_not_count_time_waited_before_it() {
    for plugin in [plugin().await, waiting_plugin().await] {
        let harness = Harness::with()
            .setting("first-byte-timeout-ms", "600")
            .start_with(plugin)
            .await;
        // Its body never arrives, so that the timeout ends the first attempt.
        let stalls = Script::status(503).repeat("{", Some(1)).end(End::Stall);
        harness.mock.push(stalls);
        let began = Instant::now();
        let heard = harness.ask(MODEL).await;
        let took = began.elapsed();
        assert_eq!(heard.summary().attempts, 2);
        assert!(took >= Duration::from_millis(600 + 375), "{took:?}");
    }
}

/// A request whose body is larger than what a host takes at once.
fn large(bytes: usize) -> ChatRequest {
    question(MODEL, "é\"x".repeat(bytes / 4))
}

#[tokio::test]
async fn bodies_of_any_size_arrive_whole_either_way() {
    for plugin in [plugin().await, waiting_plugin().await] {
        // On a busy machine, guest time includes time taken by other processes.
        let setup = Harness::with().setting("max-guest-time-ms", "60000");
        let harness = setup.start_with(plugin).await;
        for bytes in [0, 1_000, 300_000, 1_000_000, 6_000_000] {
            let request = large(bytes);
            // The mock would echo all of it.
            let chunk = json!({"choices": [{"index": 0, "delta": {"content": "yes"}}]}).to_string();
            harness.mock.push(Script::sse([chunk, "[DONE]".to_owned()]));
            let sent = request.clone();
            harness.send(request).await.summary();
            let received = harness.mock.requests().pop().expect("a request").json();
            let model_provider_host::contract::Message::User(user) = &sent.messages[0] else {
                panic!("a user message");
            };
            let [model_provider_host::contract::ContentPart::Text(text)] = &user.content[..] else {
                panic!("a text");
            };
            assert!(received["messages"][0]["content"] == json!(text), "{bytes} bytes");
        }
    }
}

async fn dropped(
    scenario: Option<&'static str>,
    request: ChatRequest,
    wait: impl AsyncFnOnce(&mut ChatStream),
) {
    let harness = Harness::with()
        .mock(|mock| match scenario {
            Some(name) => mock.scenario(name),
            None => mock,
        })
        .setting("max-guest-time-ms", "60000")
        .start()
        .await;
    let mut completion = harness.host.chat(request).await.unwrap();
    wait(&mut completion).await;
    drop(completion);
    let ended = async {
        while harness.mock.open_exchanges() > 0 || harness.host.metrics().in_flight > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.expect("all of it ends");
    harness.mock.clear_scenario();
    harness.ask(MODEL).await.summary();
}

#[tokio::test]
async fn a_response_may_be_cancelled_at_any_point() {
    let a_while = Duration::from_millis(30);
    let short = || question(MODEL, "Hello!");
    // Before anything is done, while the body is sent, while the head is awaited, in the middle, during a backoff.
    dropped(None, short(), async |_| {}).await;
    dropped(None, large(20_000_000), async |_| {}).await;
    dropped(None, large(20_000_000), async |completion| {
        let _ = tokio::time::timeout(Duration::from_millis(3), completion.ready()).await;
    })
    .await;
    for scenario in ["no-headers", "stall"] {
        dropped(Some(scenario), short(), async |completion| {
            while tokio::time::timeout(a_while, completion.next()).await.is_ok() {}
        })
        .await;
    }
}
