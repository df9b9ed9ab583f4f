//! Dropping a response cancels its request, in whatever state it was. The aim is 100 ms; the bound is ten times that.

use std::time::{Duration, Instant};

use crate::harness::{Harness, question};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";

async fn closes(scenario: &'static str, wait: impl AsyncFnOnce(&mut model_provider_host::ChatStream)) {
    let harness = Harness::with().mock(|mock| mock.scenario(scenario)).start().await;
    let mut completion = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
    harness.mock.wait_requests(1).await;
    wait(&mut completion).await;
    let dropped = Instant::now();
    drop(completion);
    tokio::time::timeout(Duration::from_secs(1), harness.mock.wait_disconnects(1))
        .await
        .unwrap_or_else(|_| panic!("{scenario}: still open a second after it was dropped"));
    eprintln!("{scenario}: closed after {:?}", dropped.elapsed());
}

#[tokio::test]
async fn before_the_headers() {
    closes("no-headers", async |_| {}).await;
}

#[tokio::test]
async fn between_two_chunks() {
    closes("stall", async |completion| {
        completion.next().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn during_a_read() {
    closes("stall", async |completion| {
        while tokio::time::timeout(Duration::from_millis(200), completion.next())
            .await
            .is_ok()
        {}
    })
    .await;
}

#[tokio::test]
async fn cancelling_a_wait_loses_nothing() {
    let harness = Harness::with()
        .mock(|mock| mock.pace(Duration::from_millis(15)))
        .start()
        .await;
    let mut completion = harness.host.chat(question(MODEL, "Hello!")).await.unwrap();
    let mut text = String::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(2), completion.next()).await {
            Ok(Ok(Some(model_provider_host::contract::ChatEvent::Text(more)))) => text += &more,
            Err(_) | Ok(Ok(Some(_))) => {}
            Ok(end) => break assert!(end.unwrap().is_none()),
        }
    }
    assert_eq!(text, harness.ask(MODEL).await.text());
}
