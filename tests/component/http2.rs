//! Requests that share one connection over HTTP/2 do not affect each other.

use std::{collections::BTreeSet, time::Duration};

use mock_router::Script;
use model_provider_host::{ErrorKind, contract::ProviderErrorKind};

use crate::{
    connections::{HTTP_2, MODEL, Secured, Way},
    harness::{collect, question},
};

#[tokio::test]
async fn over_http_2_a_cancelled_stream_does_not_affect_the_others() {
    let secured = Secured::start(HTTP_2, Way::Direct).await;
    let harness = &secured.harness;
    harness.ask(MODEL).await.summary();
    let pieces = (0..20).map(|n| format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{n} "}}}}]}}"#));
    let slow = pieces.fold(Script::sse(["{}"]), |script, piece| {
        script
            .wait(Duration::from_millis(20))
            .chunk(format!("data: {piece}\n\n"))
    });
    harness.mock.push(slow.chunk(
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    ));
    let mut neighbour = harness.host.chat(question(MODEL, "Count.")).await.unwrap();
    neighbour.next().await.unwrap();
    harness.mock.set_scenario("stall").unwrap();
    let mut dropped = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
    dropped.next().await.unwrap();
    drop(dropped);
    let heard = collect(neighbour).await;
    assert!(heard.text().ends_with("18 19 "), "{}", heard.text());
    assert_eq!(secured.connections(), [1, 1, 1]);
}

#[tokio::test]
async fn unread_responses_do_not_block_other_responses() {
    let secured = Secured::start(HTTP_2, Way::Direct).await;
    let harness = &secured.harness;
    harness.ask(MODEL).await.summary();
    harness.mock.set_scenario("endless").unwrap();
    let mut unread = Vec::new();
    for _ in 0..6 {
        let mut answer = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
        answer.next().await.unwrap();
        unread.push(answer);
    }
    // Time to send all that may be sent.
    tokio::time::sleep(Duration::from_secs(1)).await;
    harness.mock.clear_scenario();
    let heard = tokio::time::timeout(Duration::from_secs(20), harness.ask(MODEL)).await;
    heard.expect("the connection is not full").summary();
    assert_eq!(secured.connections(), [1; 8]);
}

#[tokio::test]
async fn a_connection_that_died_silently_is_closed_and_gets_no_more_requests() {
    let secured = Secured::start(HTTP_2, Way::Proxy).await;
    let harness = &secured.harness;
    harness.ask(MODEL).await.summary();
    secured.proxy.swallow();
    // The response timeouts are those of a slow model: two minutes to the first token.
    let lost = tokio::time::timeout(Duration::from_secs(100), harness.ask(MODEL));
    let lost = lost.await.expect("the server gets a ping");
    assert_eq!(
        lost.error().kind(),
        ErrorKind::Provider(ProviderErrorKind::Transport)
    );
    harness.ask(MODEL).await.summary();
    assert_eq!(secured.connections(), [1, 2]);
}

#[tokio::test]
async fn requests_above_a_servers_limit_of_streams_use_another_connection() {
    let secured = Secured::start(HTTP_2, Way::Direct).await;
    let harness = &secured.harness;
    harness.ask(MODEL).await.summary();
    harness.mock.set_scenario("stall").unwrap();
    let mut open = Vec::new();
    // The server takes 200.
    for turn in 0..220 {
        let mut answer = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
        let begun = tokio::time::timeout(Duration::from_secs(20), answer.next()).await;
        begun
            .unwrap_or_else(|_| panic!("the response after {turn} others waits"))
            .unwrap();
        open.push(answer);
    }
    let on: BTreeSet<_> = secured.connections().into_iter().collect();
    assert_eq!(on.len(), 3, "a hundred on each: {on:?}");
    // When they have finished, the first connection has room again.
    drop(open);
    harness.mock.clear_scenario();
    harness.ask(MODEL).await.summary();
    assert_eq!(secured.connections().last(), Some(&1));
}
