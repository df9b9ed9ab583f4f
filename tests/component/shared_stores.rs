//! Stores that calls share: those of one principal, as far as they are allowed to, and no others. What each call has of
//! its own stays its own.

use std::time::Duration;

use futures::future::join_all;
use mock_router::Script;
use model_provider_host::{
    ChatOptions, ChatStream, ErrorKind, MetricsSnapshot, Plugin, Principal, Sandbox, SandboxOptions, Secret,
    contract::{ChatEvent, DiscoveryMode, ProviderErrorKind},
};
use model_server::{Access, ServeOptions};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{
    guests::{shared, tiny},
    harness::{Harness, Heard, Setup, collect, question},
    http::{Client, Serving, streamed},
    keyed::Keys,
};

/// One that answers without reasoning.
pub const MODEL: &str = "huggingface/Qwen/Qwen2.5-7B-Instruct";
/// Between the words of a response: long enough for others to come in between.
pub const PACE: Duration = Duration::from_millis(10);
/// No test takes longer, however loaded the machine is.
const LIMIT: Duration = Duration::from_secs(60);

/// A sandbox in which up to eight calls share a store.
pub fn sharing() -> SandboxOptions {
    SandboxOptions::default()
        .with_max_concurrent(256)
        .with_calls_per_store(8)
}

/// The provider with attacks, in such a sandbox.
pub async fn guest(options: SandboxOptions) -> Plugin {
    let file = tokio::task::spawn_blocking(shared).await.expect("it builds");
    let sandbox = Sandbox::new(&options).expect("an engine");
    Plugin::load(&sandbox, &file).await.expect("it loads")
}

/// The same, compiled once for all tests.
pub async fn usual_guest() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    PLUGIN.get_or_init(|| guest(sharing())).await.clone()
}

/// A host whose upstream writes a word at a time.
pub async fn started(setup: Setup, options: Option<SandboxOptions>) -> Harness {
    let plugin = match options {
        Some(options) => guest(options).await,
        None => usual_guest().await,
    };
    setup.mock(|mock| mock.pace(PACE)).start_with(plugin).await
}

pub fn of(principal: &str) -> ChatOptions {
    ChatOptions::default().with_principal(Principal::named(principal))
}

/// Begins a response of this principal.
pub async fn begin(harness: &Harness, principal: &str, prompt: &str) -> ChatStream {
    let request = question(MODEL, prompt);
    harness
        .host
        .chat_with(request, of(principal))
        .await
        .expect("it begins")
}

/// The whole response of this principal.
async fn ask(harness: &Harness, principal: &str, prompt: &str) -> Heard {
    collect(begin(harness, principal, prompt).await).await
}

/// The response that no other could have altered: without a principal it has a store of its own.
pub async fn alone(harness: &Harness, prompt: &str) -> String {
    let before = harness.host.metrics().shared_calls;
    let heard = harness.send(question(MODEL, prompt)).await;
    heard.summary();
    assert_eq!(harness.host.metrics().shared_calls, before);
    heard.text()
}

/// Waits until so many requests have arrived, so that the next script is for the next one.
pub async fn arrived(harness: &Harness, requests: usize) {
    let waiting = async {
        while harness.mock.requests().len() < requests {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("it is sent");
}

fn shared_by(metrics: &MetricsSnapshot) -> (u64, u64) {
    (metrics.shared_stores, metrics.shared_calls)
}

#[tokio::test]
async fn calls_of_one_principal_share_a_store_those_of_two_or_of_none_never_do() {
    let harness = started(Harness::with(), None).await;
    let expected = alone(&harness, "Hello!").await;
    assert_eq!(shared_by(&harness.host.metrics()), (0, 0), "without a principal");
    let mut responses = Vec::new();
    for calls in 1..=8 {
        responses.push(begin(&harness, "alice", "Hello!").await);
        assert_eq!(shared_by(&harness.host.metrics()), (1, calls));
    }
    responses.push(begin(&harness, "alice", "Hello!").await);
    assert_eq!(shared_by(&harness.host.metrics()), (2, 9), "eight at once");
    responses.push(begin(&harness, "bob", "Hello!").await);
    assert_eq!(shared_by(&harness.host.metrics()), (3, 10), "another principal");
    for heard in join_all(responses.into_iter().map(collect)).await {
        heard.summary();
        assert_eq!(heard.text(), expected);
    }
    // One after the other in the stores that are there.
    for _ in 0..3 {
        assert_eq!(ask(&harness, "alice", "Hello!").await.text(), expected);
    }
    assert_eq!(shared_by(&harness.host.metrics()), (3, 13));
    assert_eq!(harness.host.metrics().replays, 0);
}

#[tokio::test]
async fn a_sandbox_shares_no_store_unless_it_is_told_to() {
    let plugin = guest(SandboxOptions::default().with_max_concurrent(64)).await;
    let harness = Harness::with().start_with(plugin).await;
    ask(&harness, "alice", "Hello!").await.summary();
    assert_eq!(shared_by(&harness.host.metrics()), (0, 0));
}

#[tokio::test]
async fn calls_of_plugins_that_wait_themselves_share_no_store() {
    let sandbox = Sandbox::new(&sharing()).unwrap();
    let blocking = Plugin::load(&sandbox, &tiny()).await.unwrap();
    let waiting = guest(sharing().with_guests_wait(true)).await;
    for (plugin, model) in [(blocking, "tiny/any"), (waiting, MODEL)] {
        assert!(!plugin.is_nonblocking());
        let harness = Harness::with().start_with(plugin).await;
        let begun = harness
            .host
            .chat_with(question(model, "Hello!"), of("alice"))
            .await;
        drop(begun);
        assert_eq!(shared_by(&harness.host.metrics()), (0, 0), "{model}");
    }
}

#[tokio::test]
async fn calls_that_see_other_settings_share_no_store() {
    let harness = started(Harness::with(), None).await;
    let first = begin(&harness, "alice", "Hello!").await;
    let other = of("alice").with_max_retries(0);
    let second = harness
        .host
        .chat_with(question(MODEL, "Hello!"), other)
        .await
        .unwrap();
    assert_eq!(harness.host.metrics().shared_stores, 2, "fewer retries");
    harness.host.list_models(DiscoveryMode::Always).await.unwrap();
    let third = begin(&harness, "alice", "Hello!").await;
    assert_eq!(harness.host.metrics().shared_stores, 3, "another list");
    for response in [first, second, third] {
        collect(response).await.summary();
    }
}

#[tokio::test]
async fn a_large_request_has_a_store_of_its_own() {
    let harness = started(Harness::with().setting("max-guest-time-ms", "60000"), None).await;
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "yes"}}]}).to_string();
    for (bytes, calls) in [(200_000, 1), (300_000, 1)] {
        harness
            .mock
            .push(Script::sse([chunk.clone(), "[DONE]".to_owned()]));
        let heard = ask(&harness, "alice", &"x".repeat(bytes)).await;
        heard.summary();
        assert_eq!(heard.text(), "yes");
        assert_eq!(harness.host.metrics().shared_calls, calls, "{bytes} bytes");
        let sent = harness.mock.requests().pop().expect("a request").json();
        assert_eq!(sent["messages"][0]["content"].as_str().map(str::len), Some(bytes));
    }
}

#[tokio::test]
async fn a_store_is_retired_by_its_count_its_age_and_its_memory() {
    let harness = Harness::with()
        .start_with(guest(sharing().with_calls_per_store_in_all(3)).await)
        .await;
    for _ in 0..7 {
        ask(&harness, "alice", "Hello!").await.summary();
    }
    assert_eq!(shared_by(&harness.host.metrics()), (3, 7), "three in each");

    let aging = sharing().with_shared_store_age(Duration::from_millis(300));
    let harness = Harness::with().start_with(guest(aging).await).await;
    for _ in 0..2 {
        ask(&harness, "alice", "Hello!").await.summary();
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    ask(&harness, "alice", "Hello!").await.summary();
    let stores = harness.host.metrics().shared_stores;
    // On a machine that is busy each may be too old for the next.
    assert!((2..=3).contains(&stores), "{stores}");

    let small = sharing().with_shared_store_memory_bytes(4 * 1024 * 1024);
    let harness = Harness::with().start_with(guest(small).await).await;
    ask(&harness, "alice", "Hello!").await.summary();
    ask(&harness, "alice", "attack:memory-1").await.summary();
    assert_eq!(harness.host.metrics().shared_stores, 1);
    ask(&harness, "alice", "attack:memory-8").await.summary();
    assert_eq!(harness.host.metrics().shared_stores, 1);
    ask(&harness, "alice", "Hello!").await.summary();
    assert_eq!(harness.host.metrics().shared_stores, 2, "it was too large");
}

#[tokio::test]
async fn a_store_without_a_call_is_dropped_after_a_while_and_by_a_swap_at_once() {
    let harness = started(Harness::with(), Some(sharing())).await;
    let sandbox = harness.host.plugin().sandbox().clone();
    ask(&harness, "alice", "Hello!").await.summary();
    assert!(sandbox.memory_in_use() > 0, "it waits for the next call");
    let is_dropped = async {
        while sandbox.memory_in_use() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, is_dropped)
        .await
        .expect("it is dropped");

    let held = begin(&harness, "alice", "Hello!").await;
    ask(&harness, "bob", "Hello!").await.summary();
    harness.host.swap(&shared()).await.unwrap();
    // The one with a call stays until its end, and takes no other.
    let in_use = sandbox.memory_in_use();
    assert!(in_use > 0);
    assert_eq!(harness.host.metrics().shared_stores, 3);
    let after = begin(&harness, "alice", "Hello!").await;
    assert_eq!(harness.host.metrics().shared_stores, 4);
    assert_eq!((held.generation().number, after.generation().number), (1, 2));
    collect(held).await.summary();
    collect(after).await.summary();
}

#[tokio::test]
async fn each_call_in_a_store_has_limits_and_errors_of_its_own() {
    let setup = Harness::with()
        .setting("max-requests", "1")
        .setting("max-open-requests", "1")
        .setting("max-response-bytes", "20000");
    let harness = started(setup, None).await;
    let expected = alone(&harness, "Hello!").await;
    // As many requests as one call may not send.
    let mut responses = Vec::new();
    for _ in 0..4 {
        responses.push(begin(&harness, "alice", "Hello!").await);
    }
    arrived(&harness, 5).await;
    harness
        .mock
        .push(Script::sse::<&str>([]).repeat(": x\n\n", Some(10_000)));
    let long = begin(&harness, "alice", "Hello!").await;
    arrived(&harness, 6).await;
    harness.mock.push(Script::status(402));
    let poor = begin(&harness, "alice", "Hello!").await;
    assert_eq!(harness.host.metrics().shared_stores, 1);
    let (heard, long, poor) = futures::join!(
        join_all(responses.into_iter().map(collect)),
        collect(long),
        collect(poor)
    );
    for heard in heard {
        heard.summary();
        assert_eq!(heard.text(), expected);
    }
    assert_eq!(long.error().kind(), ErrorKind::Limit);
    assert_eq!(long.error().details().code.as_deref(), Some("max-response-bytes"));
    let of_upstream = ErrorKind::Provider(ProviderErrorKind::PaymentRequired);
    assert_eq!(
        poor.error().kind(),
        of_upstream,
        "the limit of one is not the other's"
    );
}

#[tokio::test]
async fn a_call_that_is_cancelled_closes_its_request_and_leaves_the_others() {
    let harness = started(Harness::with(), None).await;
    let expected = alone(&harness, "Hello!").await;
    let mut responses = Vec::new();
    for _ in 0..4 {
        responses.push(begin(&harness, "alice", "Hello!").await);
    }
    for response in &mut responses {
        response.next().await.unwrap();
    }
    let cancelled = responses.pop();
    assert_eq!(harness.mock.open_exchanges(), 4);
    drop(cancelled);
    let closed = async {
        while harness.mock.open_exchanges() > 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LIMIT, closed)
        .await
        .expect("its request is closed");
    for mut response in responses {
        let mut text = String::new();
        while let Some(event) = response.next().await.unwrap() {
            if let ChatEvent::Text(piece) = event {
                text.push_str(&piece);
            }
        }
        assert!(expected.ends_with(&text) && !text.is_empty(), "{text}");
    }
    let metrics = harness.host.metrics();
    assert_eq!((metrics.replays, metrics.shared_stores), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_computes_in_one_call_delays_the_same_principal_only() {
    let setup = Harness::with().setting("max-guest-time-ms", "2000");
    let harness = started(setup, None).await;
    let expected = alone(&harness, "Hello!").await;
    let beside = begin(&harness, "alice", "Hello!").await;
    let computing = begin(&harness, "alice", "attack:loop-1").await;
    let beside = tokio::spawn(collect(beside));
    let computing = tokio::spawn(collect(computing));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let heard = ask(&harness, "bob", "Hello!").await;
    heard.summary();
    assert_eq!(heard.text(), expected);
    assert!(!computing.is_finished(), "bob has not waited for it");
    let stopped = computing.await.unwrap();
    assert_eq!(
        stopped.error().details().code.as_deref(),
        Some("max-guest-time-ms")
    );
    let heard = beside.await.unwrap();
    heard.summary();
    assert_eq!(heard.text(), expected, "it goes on elsewhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_cancelled_while_its_guest_computes_leaves_the_others() {
    let setup = Harness::with().setting("max-guest-time-ms", "60000");
    let harness = started(setup, None).await;
    let expected = alone(&harness, "Hello!").await;
    let beside = begin(&harness, "alice", "Hello!").await;
    let computing = begin(&harness, "alice", "attack:loop-1").await;
    let computing = tokio::spawn(collect(computing));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!computing.is_finished());
    computing.abort();
    let heard = collect(beside).await;
    heard.summary();
    assert_eq!(heard.text(), expected);
    assert_eq!(harness.host.metrics().replays, 1);
}

#[tokio::test]
async fn a_server_shares_stores_by_access_key_and_without_keys_none() {
    let keys = Keys::default().key("alice", |_| {}).key("bob", |_| {});
    let harness = Harness::with().start_with(usual_guest().await).await;
    let serving = Serving::over(harness, keys.options()).await;
    // Another list would be another store.
    assert_eq!(keys.client(&serving, "alice").get("/v1/models").await.status, 200);
    let metrics = || shared_by(&serving.harness.host.metrics());
    for (name, expected) in [
        ("alice", (1, 1)),
        ("alice", (1, 2)),
        ("bob", (2, 3)),
        ("bob", (2, 4)),
    ] {
        let reply = keys.client(&serving, name).chat(&streamed(MODEL)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(metrics(), expected, "{name}");
    }
    // With the server's own key all clients are one principal, without one they are nobody.
    let own_key = "an-access-key-of-the-tests";
    let address = "127.0.0.1:0".parse().expect("an address");
    let access = Access::new(address, Secret::new(own_key).as_ref()).expect("a good key");
    let locked = ServeOptions::default().with_access(access);
    for (options, key, expected) in [
        (locked, Some(own_key.to_owned()), (1, 2)),
        (ServeOptions::default(), None, (0, 0)),
    ] {
        let harness = Harness::with().start_with(usual_guest().await).await;
        let serving = Serving::over(harness, options).await;
        let client = Client {
            key,
            ..serving.client.clone()
        };
        assert_eq!(client.get("/v1/models").await.status, 200);
        for _ in 0..2 {
            let reply = client.chat(&streamed(MODEL)).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
        }
        assert_eq!(shared_by(&serving.harness.host.metrics()), expected);
    }
}
