//! What becomes of the calls in a shared store when one of them traps: they go on in stores of their own, where the guest
//! gets the inputs that it had before. Nothing is sent again, nothing is lost, and nothing is altered.

use std::time::Duration;

use futures::future::join_all;
use mock_router::Script;
use model_provider_host::{ChatStream, ErrorKind, Host, contract::ChatEvent};
use serde_json::json;

use crate::{
    harness::{Harness, Heard, collect, question},
    shared_stores::{MODEL, PACE, alone, arrived, begin, of, sharing, started},
};

/// Begins so many responses of one principal in one store, and waits for the first event of each.
async fn several(harness: &Harness, calls: usize, prompt: &str) -> Vec<(ChatStream, String)> {
    let mut responses = Vec::new();
    for _ in 0..calls {
        let mut response = begin(harness, "alice", prompt).await;
        let first = text_of(response.next().await.expect("an event"));
        responses.push((response, first));
    }
    responses
}

fn text_of(event: Option<ChatEvent>) -> String {
    match event {
        Some(ChatEvent::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// The rest of a response, after its first words.
async fn rest((response, first): (ChatStream, String)) -> (Heard, String) {
    let heard = collect(response).await;
    let text = first + &heard.text();
    (heard, text)
}

/// A call that traps after so many reads, in the store of the others.
async fn trap(harness: &Harness, reads: usize) -> Heard {
    collect(begin(harness, "alice", &format!("attack:trap-{reads}")).await).await
}

#[tokio::test]
async fn the_others_go_on_where_they_were_and_nothing_is_sent_again() {
    let harness = started(Harness::with(), None).await;
    let expected = alone(&harness, "Hello!").await;
    let sent = harness.mock.requests().len();
    let responses = several(&harness, 7, "Hello!").await;
    let culprit = trap(&harness, 2).await;
    assert_eq!(culprit.error().kind(), ErrorKind::PluginTrap);
    for (heard, text) in join_all(responses.into_iter().map(rest)).await {
        heard.summary();
        assert_eq!(text, expected);
    }
    let metrics = harness.host.metrics();
    assert_eq!(
        (metrics.shared_stores, metrics.replays, metrics.replays_failed),
        (1, 7, 0)
    );
    assert_eq!(harness.mock.requests().len(), sent + 8);
    // The next one gets another store.
    let next = begin(&harness, "alice", "Hello!").await;
    assert_eq!(harness.host.metrics().shared_stores, 2);
    assert_eq!(collect(next).await.text(), expected);
}

#[tokio::test]
async fn a_call_goes_on_from_any_point_before_its_first_event() {
    let harness = started(Harness::with(), None).await;
    let expected = alone(&harness, "Hello!").await;
    let request_of = async |beside: &mut ChatStream, requests: usize| {
        arrived(&harness, requests).await;
        let _ = tokio::time::timeout(Duration::from_millis(50), beside.ready()).await;
    };
    let sent = || harness.mock.requests().len();
    // Just begun.
    let beside = begin(&harness, "alice", "Hello!").await;
    trap(&harness, 0).await.error();
    assert_eq!(collect(beside).await.text(), expected);
    // While the head is awaited.
    let before = sent();
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "late"}}]}).to_string();
    let late = Script::sse([chunk, "[DONE]".to_owned()]);
    harness.mock.push(late.delay(Duration::from_millis(400)));
    let mut beside = begin(&harness, "alice", "Hello!").await;
    request_of(&mut beside, before + 1).await;
    trap(&harness, 0).await.error();
    let heard = collect(beside).await;
    assert_eq!(heard.summary().attempts, 1);
    assert_eq!(heard.text(), "late");
    assert_eq!(sent(), before + 2);
    // During a backoff.
    let before = sent();
    harness.mock.push(Script::status(503));
    let mut beside = begin(&harness, "alice", "Hello!").await;
    request_of(&mut beside, before + 1).await;
    trap(&harness, 0).await.error();
    let heard = collect(beside).await;
    assert_eq!(heard.summary().attempts, 2);
    assert_eq!(heard.text(), expected);
    assert_eq!(sent(), before + 3);
    let metrics = harness.host.metrics();
    assert_eq!((metrics.replays, metrics.replays_failed), (3, 0));
}

#[tokio::test]
async fn a_call_goes_on_after_the_second_of_its_requests() {
    let harness = started(Harness::with(), None).await;
    let expected = alone(&harness, "Hello!").await;
    harness.mock.push(Script::status(503));
    harness.mock.push(Script::hang_up());
    let mut beside = begin(&harness, "alice", "Hello!").await;
    let first = text_of(beside.next().await.unwrap());
    trap(&harness, 0).await.error();
    let (heard, text) = rest((beside, first)).await;
    assert_eq!(heard.summary().attempts, 3);
    assert_eq!(text, expected);
    assert_eq!(harness.host.metrics().replays, 1);
}

#[tokio::test]
async fn a_plugin_that_says_something_else_ends_the_call_and_alters_nothing() {
    let harness = started(Harness::with(), None).await;
    let others = several(&harness, 1, "Hello!").await;
    let mut odd = begin(&harness, "alice", "attack:odd").await;
    let mut said = String::new();
    while !said.contains("(2)") {
        said += &text_of(odd.next().await.unwrap());
    }
    let expected = alone(&harness, "Hello!").await;
    trap(&harness, 0).await.error();
    let (heard, text) = rest((odd, said)).await;
    let error = heard.error();
    assert_eq!(error.kind(), ErrorKind::PluginTrap, "{error:?}");
    assert!(error.message().contains("returned something else"), "{error:?}");
    // What came before the trap, and nothing of the other instance.
    assert!(!text.contains("(1)"), "{text}");
    for (heard, text) in join_all(others.into_iter().map(rest)).await {
        heard.summary();
        assert_eq!(text, expected);
    }
    let metrics = harness.host.metrics();
    assert_eq!((metrics.replays, metrics.replays_failed), (2, 1));
}

#[tokio::test]
async fn more_than_is_kept_and_a_plugin_that_reads_a_clock_end_the_call() {
    let bounded = sharing().with_replay_bytes(2_000);
    for (options, prompt, reason) in [
        (Some(bounded), "Hello!", "more of it has arrived than is kept"),
        (None, "attack:clock", "reads a clock"),
    ] {
        let harness = started(Harness::with(), options).await;
        let mut beside = begin(&harness, "alice", prompt).await;
        let mut text = String::new();
        for _ in 0..10 {
            text += &text_of(beside.next().await.unwrap());
        }
        trap(&harness, 0).await.error();
        let expected = alone(&harness, prompt).await;
        let (heard, text) = rest((beside, text)).await;
        let error = heard.error();
        assert_eq!(error.kind(), ErrorKind::PluginTrap, "{error:?}");
        assert!(error.message().contains(reason), "{error:?}");
        assert!(expected.starts_with(&text), "{text}");
        assert_eq!(harness.host.metrics().replays_failed, 1);
    }
}

#[tokio::test]
async fn a_second_trap_ends_the_call() {
    let harness = started(Harness::with(), None).await;
    let mut late = begin(&harness, "alice", "attack:trap-12").await;
    let first = text_of(late.next().await.unwrap());
    trap(&harness, 0).await.error();
    let (heard, text) = rest((late, first)).await;
    assert_eq!(heard.error().kind(), ErrorKind::PluginTrap);
    assert!(!text.is_empty());
    let metrics = harness.host.metrics();
    assert_eq!((metrics.replays, metrics.replays_failed), (1, 0));
}

#[tokio::test]
async fn every_way_to_stop_a_guest_leaves_the_others() {
    for (attack, ends) in [
        ("start", Err(ErrorKind::PluginTrap)),
        ("loop-1", Err(ErrorKind::Limit)),
        ("memory-200", Err(ErrorKind::Limit)),
        // It traps when it is dropped, after its response.
        ("drop", Ok(())),
    ] {
        let setup = Harness::with().setting("max-guest-time-ms", "1000");
        let harness = started(setup, None).await;
        let expected = alone(&harness, "Hello!").await;
        let responses = several(&harness, 3, "Hello!").await;
        let request = question(MODEL, format!("attack:{attack}"));
        let culprit = match harness.host.chat_with(request, of("alice")).await {
            Ok(response) => collect(response).await,
            Err(error) => Heard {
                error: Some(error),
                ..Heard::default()
            },
        };
        match ends {
            Ok(()) => {
                culprit.summary();
            }
            Err(kind) => assert_eq!(culprit.error().kind(), kind, "{attack}: {culprit:?}"),
        }
        for (heard, text) in join_all(responses.into_iter().map(rest)).await {
            assert!(heard.error.is_none(), "{attack}: {heard:?}");
            assert_eq!(text, expected, "{attack}");
        }
        let metrics = harness.host.metrics();
        assert_eq!((metrics.replays, metrics.replays_failed), (3, 0), "{attack}");
    }
}

/// Responses of one principal, one after the other, until it is over; how many there were.
async fn load(
    host: Host,
    principal: String,
    number: usize,
    expected: String,
    over: tokio::sync::watch::Receiver<bool>,
) -> usize {
    let mut responses = 0;
    while !*over.borrow() {
        let prompt = format!("What is {number} times {responses}?");
        let response = host
            .chat_with(question(MODEL, prompt.as_str()), of(&principal))
            .await;
        let heard = match response {
            Ok(response) => collect(response).await,
            Err(error) => panic!("it was lost: {error:?}"),
        };
        assert!(heard.error.is_none(), "it was lost: {heard:?}");
        assert_eq!(
            heard.text(),
            expected.replace("PROMPT", &prompt),
            "it was altered"
        );
        heard.summary();
        responses += 1;
    }
    responses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_traps_under_load_lose_nothing_and_alter_nothing() {
    let setup = Harness::with().setting("max-guest-time-ms", "60000");
    let harness = started(setup, None).await;
    let expected = alone(&harness, "PROMPT").await;
    let (end, over) = tokio::sync::watch::channel(false);
    let mut tasks = Vec::new();
    for principal in ["alice", "bob", "carol"] {
        for number in 0..6 {
            let host = harness.host.clone();
            let (principal, expected, over) = (principal.to_owned(), expected.clone(), over.clone());
            tasks.push(tokio::spawn(load(host, principal, number, expected, over)));
        }
    }
    let mut trapped = 0;
    for at in 0..100 {
        let principal = ["alice", "bob", "carol"][at % 3];
        let response = begin(&harness, principal, &format!("attack:trap-{}", at % 7)).await;
        let heard = collect(response).await;
        trapped += usize::from(heard.error().kind() == ErrorKind::PluginTrap);
        tokio::time::sleep(PACE).await;
    }
    end.send_replace(true);
    let mut responses = 0;
    for task in tasks {
        responses += task.await.expect("nothing was lost or altered");
    }
    let metrics = harness.host.metrics();
    eprintln!(
        "{trapped} traps, {responses} responses, {} of them replayed",
        metrics.replays
    );
    assert_eq!((trapped, metrics.replays_failed), (100, 0));
    assert!(metrics.replays > 100 && responses > 100, "{metrics:?}");
}
