//! Requests that are refused before their body was read, and the next requests on the same connection: a raw HTTP/1.1
//! client that leaves its connection open unless the response says `connection: close`.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{
    harness::Harness,
    http::{Client, Serving},
};

const LIMIT: Duration = Duration::from_secs(20);
const KEY: &str = "0123456789abcdef";

/// A response, and whether the connection stays open.
#[derive(Debug)]
struct Said {
    status: u16,
    closes: bool,
    body: String,
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn open(client: &Client) -> Self {
        Self(BufReader::new(
            TcpStream::connect(client.address).await.expect("a connection"),
        ))
    }

    async fn send(&mut self, text: &[u8]) {
        self.0.write_all(text).await.expect("sent");
    }

    async fn read(&mut self) -> Said {
        let reading = async {
            let (mut status, mut length, mut closes) = (None, 0, false);
            loop {
                let mut line = String::new();
                let read = self.0.read_line(&mut line).await.expect("a line");
                assert!(read > 0, "the connection was closed silently");
                let line = line.trim_end().to_ascii_lowercase();
                if let Some(rest) = line.strip_prefix("http/1.1 ") {
                    status = rest[..3].parse().ok();
                } else if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().expect("a length");
                } else if line == "connection: close" {
                    closes = true;
                } else if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await.expect("a body");
            Said {
                status: status.expect("a status"),
                closes,
                body: String::from_utf8(body).expect("text"),
            }
        };
        tokio::time::timeout(LIMIT, reading).await.expect("a response")
    }
}

fn post(path: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{more}content-length: {length}\r\n\r\n{body}")
}

async fn locked() -> Serving {
    let secret = model_provider_host::Secret::new(KEY);
    let address = "127.0.0.1:0".parse().expect("an address");
    let options = model_server::ServeOptions::default()
        .with_access(model_server::Access::new(address, secret.as_ref()).expect("a good key"));
    Serving::with(Harness::with().setting("serve-max-body-bytes", "1000"), options).await
}

#[tokio::test]
async fn the_request_after_an_early_refusal_is_served_on_the_same_connection() {
    let serving = locked().await;
    let key = format!("authorization: Bearer {KEY}\r\n");
    let json = format!("{key}content-type: application/json\r\n");
    let foreign = format!("{json}origin: https://elsewhere.test\r\n");
    let body = r#"{"model":"a/b","messages":[]}"#;
    let long = "x".repeat(100_000);
    let cases = [
        (404, post("/v1/nowhere", &json, body)),
        (405, post("/v1/models", &json, body)),
        (403, post("/v1/chat/completions", &foreign, body)),
        (401, post("/v1/chat/completions", "", body)),
        (413, post("/v1/chat/completions", &json, &long)),
        (415, post("/v1/chat/completions", &key, body)),
    ];
    let health = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut connection = Connection::open(&serving.client).await;
    for _ in 0..2 {
        for (status, request) in &cases {
            // Head and body apart, as Python's http.client sends them.
            let (head, body) = request.split_once("\r\n\r\n").expect("a head");
            connection.send(format!("{head}\r\n\r\n").as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            connection.send(body.as_bytes()).await;
            let said = connection.read().await;
            assert_eq!((said.status, said.closes), (*status, false), "{}", said.body);
            connection.send(health.as_bytes()).await;
            assert_eq!(connection.read().await.status, 200, "after {status}");
        }
    }
}

#[tokio::test]
async fn a_body_too_long_to_be_drained_closes_the_connection_and_the_response_says_so() {
    let serving = locked().await;
    let head = |path: &str, more: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{more}content-length: 50000000\r\n\r\n")
    };
    let json = format!("authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n");
    for (status, head) in [
        (404, head("/v1/nowhere", &json)),
        (413, head("/v1/chat/completions", &json)),
        (401, head("/v1/chat/completions", "")),
    ] {
        let mut connection = Connection::open(&serving.client).await;
        connection.send(head.as_bytes()).await;
        // The client goes on sending, as clients do that read a response only at the end.
        for _ in 0..50 {
            connection.send(&vec![b'x'; 100_000]).await;
        }
        let said = connection.read().await;
        assert_eq!((said.status, said.closes), (status, true), "{}", said.body);
        let mut more = Vec::new();
        let closed = tokio::time::timeout(LIMIT, connection.0.read_to_end(&mut more)).await;
        assert!(closed.is_ok(), "it closes");
    }
}

#[tokio::test]
async fn a_client_with_expect_continue_gets_no_100_for_an_unread_body() {
    let serving = locked().await;
    let mut connection = Connection::open(&serving.client).await;
    let request = post(
        "/v1/nowhere",
        &format!("authorization: Bearer {KEY}\r\nexpect: 100-continue\r\n"),
        "",
    );
    let request = request.replace("content-length: 0", "content-length: 20");
    connection.send(request.as_bytes()).await;
    let said = connection.read().await;
    assert_eq!((said.status, said.closes), (404, true), "{}", said.body);
}
