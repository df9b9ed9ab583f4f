//! Shutdown of the OpenAI-compatible server.

use std::time::Duration;

use model_server::ServeOptions;
use tokio::net::TcpStream;

use crate::{
    harness::Harness,
    http::{Serving, question, streamed},
};

const MODEL: &str = "Qwen/Qwen3-8B";
const LIMIT: Duration = Duration::from_secs(20);

/// Waits until both requests have reached the upstream.
async fn both_are_under_way(harness: &Harness) {
    let waiting = async {
        let asked = || {
            harness
                .mock
                .requests()
                .into_iter()
                .filter(|sent| sent.method == "POST")
        };
        while asked().count() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting)
        .await
        .expect("both are under way");
}

#[tokio::test]
async fn responses_in_flight_finish_and_new_requests_are_refused() {
    let setup = Harness::with().mock(|mock| mock.pace(Duration::from_millis(20)));
    let Serving {
        harness,
        server,
        client,
    } = Serving::with(setup, ServeOptions::default()).await;
    // The first list is requested in the background; it must not interfere.
    client.get("/v1/models").await;
    let mut stream = client.open_chat(&streamed(MODEL)).await;
    let begun = stream.next().await.expect("it began");
    let whole = tokio::spawn({
        let client = client.clone();
        async move { client.ask(MODEL).await }
    });
    both_are_under_way(&harness).await;
    let address = server.address();
    let ending = tokio::spawn(server.shutdown(LIMIT));
    let mut text = begun;
    while let Some(more) = stream.next().await {
        text += &more;
    }
    assert!(text.trim_end().ends_with("data: [DONE]"), "{text}");
    assert_eq!(whole.await.expect("a reply").status, 200);
    assert_eq!(ending.await.expect("an end"), 0, "nothing was cut short");
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn at_the_drain_deadline_the_remaining_responses_end_with_an_error() {
    let setup = Harness::with().mock(|mock| mock.scenario("stall"));
    let Serving {
        harness,
        server,
        client,
    } = Serving::with(setup, ServeOptions::default()).await;
    // The first list is requested in the background; it must not interfere.
    client.get("/v1/models").await;
    let mut stream = client.open_chat(&streamed(MODEL)).await;
    let mut text = stream.next().await.expect("it began");
    let whole = tokio::spawn(async move { client.chat(&question(MODEL)).await });
    both_are_under_way(&harness).await;
    let cut = tokio::time::timeout(LIMIT, server.shutdown(Duration::from_millis(100)));
    assert_eq!(cut.await.expect("an end in time"), 2);
    while let Some(more) = stream.next().await {
        text += &more;
    }
    assert!(
        text.contains(r#""code":"drained""#) && !text.contains("[DONE]"),
        "{text}"
    );
    let whole = whole.await.expect("a reply");
    assert_eq!((whole.status, whole.header("retry-after")), (503, "1"));
    assert_eq!(whole.json()["error"]["code"], "drained");
    let error = harness.ask(MODEL).await;
    assert_eq!(
        error.error().kind(),
        model_provider_host::ErrorKind::Drained,
        "the host has ended as well"
    );
    assert_eq!(
        harness
            .host
            .metrics()
            .ended(model_provider_host::metrics::Operation::Chat, "drained"),
        2
    );
}

#[tokio::test]
async fn an_idle_server_shuts_down_at_once() {
    let Serving {
        harness: _mock,
        server,
        client,
    } = Serving::start().await;
    assert_eq!(client.ask(MODEL).await.status, 200);
    // An idle connection does not delay the shutdown.
    let _idle = TcpStream::connect(server.address()).await.expect("a connection");
    let ended = tokio::time::timeout(Duration::from_secs(10), server.shutdown(Duration::from_secs(600)));
    assert_eq!(ended.await.expect("no waiting"), 0);
}
