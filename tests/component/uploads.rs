//! Upstreams that do not read the request, or respond before they have read it.

use std::{sync::Arc, time::Duration};

use mock_router::{MockOptions, MockRouter};
use model_provider_host::{
    ErrorKind,
    contract::{ChatEvent, DiscoveryMode, ProviderErrorKind},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::harness::{Harness, Setup, collect, plugin, question};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
/// More than the buffers on the way hold.
const LONG: usize = 12 * 1024 * 1024;
const ANSWER: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"all of it\"}}]}\n\n";
/// A hundred times the time limits of these tests.
const DEADLINE: Duration = Duration::from_secs(30);

/// How much of a request a server reads.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    /// No more than its beginning.
    First,
    /// All of it, after it has said something.
    All,
}

/// A server that sends these bytes to every client.
struct Server {
    port: u16,
    task: JoinHandle<()>,
}

impl Server {
    async fn saying(words: &'static str, reads: Reads) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut open: Vec<TcpStream> = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.read_u8().await.unwrap();
                stream.write_all(words.as_bytes()).await.unwrap();
                if reads == Reads::All {
                    // After its response the server reads slowly.
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    let mut piece = vec![0; 1 << 20];
                    let mut read = 0;
                    while read < LONG {
                        read += stream.read(&mut piece).await.unwrap();
                    }
                    stream.write_all(ANSWER.as_bytes()).await.unwrap();
                }
                open.push(stream);
            }
        });
        Self { port, task }
    }

    async fn host(&self, setup: Setup) -> Harness {
        let mock = MockRouter::start(MockOptions::immediate()).await.unwrap();
        let url = format!("http://127.0.0.1:{}/v1", self.port);
        setup.start_at(&url, Arc::new(mock), plugin().await).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The outcome of a long prompt.
async fn asked(harness: &Harness) -> model_provider_host::Error {
    let asked = async {
        match harness.host.chat(question(MODEL, "x".repeat(LONG))).await {
            Ok(completion) => collect(completion).await.error().clone(),
            Err(error) => error,
        }
    };
    tokio::time::timeout(DEADLINE, asked).await.expect("in time")
}

#[tokio::test]
async fn a_server_that_stops_reading_a_request_has_the_timeout_of_a_response() {
    let server = Server::saying("", Reads::First).await;
    let harness = server
        .host(Harness::with().setting("first-byte-timeout-ms", "300"))
        .await;
    let error = asked(&harness).await;
    assert_eq!(
        error.kind(),
        ErrorKind::Provider(ProviderErrorKind::Timeout),
        "{error:?}"
    );
    assert!(error.message().contains("300 ms"), "{error:?}");
    // Part of the request was sent, so that the server may be processing it.
    assert!(error.details().request_sent);
    assert_eq!(error.details().attempts, 1);
}

#[tokio::test]
async fn a_request_that_is_still_being_sent_ends_with_its_host() {
    let server = Server::saying("", Reads::First).await;
    let harness = server.host(Harness::with()).await;
    let host = harness.host.clone();
    let drained = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        host.drain(Duration::from_millis(100)).await
    };
    let (error, cut) = tokio::join!(asked(&harness), drained);
    assert_eq!((error.kind(), cut), (ErrorKind::Drained, 1), "{error:?}");
}

#[tokio::test]
async fn a_server_that_responds_early_and_reads_on_gets_the_whole_request() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n";
    let server = Server::saying(head, Reads::All).await;
    let harness = server.host(Harness::with()).await;
    let mut answer = harness
        .host
        .chat(question(MODEL, "x".repeat(LONG)))
        .await
        .unwrap();
    let first = tokio::time::timeout(DEADLINE, answer.next())
        .await
        .expect("in time");
    assert!(matches!(first, Ok(Some(ChatEvent::Text(text))) if text == "all of it"));
}

#[tokio::test]
async fn a_response_before_the_request_is_sent_ends_the_upload() {
    let server = Server::saying(
        "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 22\r\n\r\n{\"error\":\"way too long\"}",
        Reads::First,
    )
    .await;
    let harness = server.host(Harness::with()).await;
    let error = asked(&harness).await;
    assert_eq!(error.details().status, Some(413), "{error:?}");
    assert_eq!(error.details().attempts, 1);
}

#[tokio::test]
async fn the_status_of_a_list_is_reported_if_its_body_is_cut_or_late() {
    for (words, limit) in [
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 3\r\n\r\n{", "300"),
        (
            "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n",
            "30000",
        ),
    ] {
        let server = Server::saying(words, Reads::First).await;
        let harness = server
            .host(Harness::with().setting("list-timeout-ms", limit))
            .await;
        let catalog = harness
            .host
            .list_models(DiscoveryMode::Authenticated)
            .await
            .unwrap();
        let said = format!("{:?}", catalog.warnings);
        assert!(said.contains("it returned 401"), "{said}");
    }
}
