//! The OpenAI-compatible server: what it refuses, how it fails, and who gets access.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use model_server::ServeOptions;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    harness::{Harness, Setup, TOKEN},
    http::{Client, Serving, question, streamed},
};

const MODEL: &str = "Qwen/Qwen3-8B";
const LIMIT: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The model of an otherwise valid request…
    model: Option<String>,
    /// …or the body…
    body: Option<Value>,
    /// …or a body that is no JSON.
    text: Option<String>,
    content_type: Option<String>,
    status: u16,
    #[serde(rename = "type")]
    kind: String,
    code: String,
    param: Option<String>,
    mentions: Option<String>,
    retry_after: Option<String>,
    #[serde(default)]
    retry: bool,
}

fn quick() -> Setup {
    Harness::with().setting("max-retries", "0")
}

#[tokio::test]
async fn errors_have_openais_status_codes_and_format() {
    let serving = Serving::with(quick(), ServeOptions::default()).await;
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../cases/server-errors.json")).expect("the cases");
    assert!(cases.len() > 20, "the cases are there");
    for case in cases {
        // The same before a stream has begun.
        for stream in [false, true] {
            let text = match (&case.text, &case.body) {
                (Some(text), _) => text.clone(),
                (None, body) => {
                    let mut body = body
                        .clone()
                        .unwrap_or_else(|| question(case.model.as_deref().unwrap_or(MODEL)));
                    if body.is_object() {
                        body["stream"] = stream.into();
                    }
                    body.to_string()
                }
            };
            let request = serving
                .client
                .request("POST", "/v1/chat/completions")
                .header(
                    "content-type",
                    case.content_type.as_deref().unwrap_or("application/json"),
                )
                .body(text.into())
                .expect("a request");
            let reply = serving.client.send(request).await.read().await;
            let name = &case.name;
            assert_eq!(reply.status, case.status, "{name}: {}", reply.text);
            let error = &reply.json()["error"];
            assert_eq!(error["type"], case.kind, "{name}: {error}");
            assert_eq!(error["code"], case.code, "{name}: {error}");
            assert_eq!(error["param"], json!(case.param), "{name}: {error}");
            let message = error["message"].as_str().expect("a message");
            assert!(
                message.contains(case.mentions.as_deref().unwrap_or("")),
                "{name}: {message}"
            );
            let retry_after = reply
                .headers
                .get("retry-after")
                .and_then(|value| value.to_str().ok());
            assert_eq!(retry_after, case.retry_after.as_deref(), "{name}");
            assert_eq!(reply.header("x-should-retry"), case.retry.to_string(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error_and_not_as_if_it_were_done() {
    let serving = Serving::with(quick(), ServeOptions::default()).await;
    for (scenario, code) in [
        ("cut", "transport"),
        ("error-in-chunk", "invalid-request"),
        ("tool-cut", "transport"),
    ] {
        let reply = serving.client.chat(&streamed(&format!("mock/{scenario}"))).await;
        assert_eq!(reply.status, 200, "{scenario}");
        let (chunks, is_done) = reply.events();
        assert!(!is_done, "{scenario}");
        let last = chunks.last().expect("an event");
        assert_eq!(last["error"]["code"], code, "{scenario}: {last}");
        assert!(chunks.len() > 1, "{scenario}: what had come before was passed on");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_have_different_errors() {
    let serving = Serving::start().await;
    for (method, path, status) in [
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/models", 405),
        ("DELETE", "/v1/models/a/b", 405),
        ("OPTIONS", "/v1/chat/completions", 405),
        ("POST", "/v1/completions", 404),
        ("GET", "/", 404),
    ] {
        let request = serving.client.request(method, path).body(Bytes::new().into());
        let reply = serving
            .client
            .send(request.expect("a request"))
            .await
            .read()
            .await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
        assert!(reply.headers.get("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn without_the_key_only_health_is_served() {
    let key = "a-key-of-this-server";
    let serving = Serving::locked(key).await;
    for path in ["/v1/models", "/metrics", "/nowhere"] {
        let reply = serving.client.get(path).await;
        assert_eq!(reply.status, 401, "{path}");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert_eq!(reply.json()["error"]["code"], "invalid_api_key");
    }
    assert_eq!(serving.client.ask(MODEL).await.status, 401);
    assert_eq!(serving.client.get("/healthz").await.status, 200);
    let known = Client {
        key: Some(key.into()),
        ..serving.client.clone()
    };
    assert_eq!(known.ask(MODEL).await.status, 200);
    let sent = serving.harness.mock.requests();
    let chat = sent
        .iter()
        .find(|request| request.method == "POST")
        .expect("one went through");
    assert!(!chat.header("authorization").unwrap_or_default().contains(key));
}

#[tokio::test]
async fn a_key_in_the_wrong_place_is_not_echoed_in_a_response() {
    let key = "a-key-of-this-server";
    let serving = Serving::locked(key).await;
    for secret in [key, TOKEN] {
        let request = serving
            .client
            .request("GET", "/healthz")
            .header("x-request-id", secret);
        let reply = serving
            .client
            .send(request.body(Full::default()).expect("a request"))
            .await;
        assert_ne!(reply.read().await.header("x-request-id"), secret);
        let request = serving.client.request(secret, "/healthz").body(Full::default());
        let reply = serving
            .client
            .send(request.expect("a request"))
            .await
            .read()
            .await;
        assert_eq!(reply.status, 405);
        assert!(!reply.text.contains(secret), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_web_page_gets_nothing() {
    let serving = Serving::start().await;
    let asks = async |headers: &[(&str, &str)]| {
        let mut request = hyper::Request::builder()
            .method("POST")
            .uri("/v1/chat/completions");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(question(MODEL).to_string().into())
            .expect("a request");
        serving.client.send(request).await.read().await.status
    };
    let json = ("content-type", "application/json");
    assert_eq!(asks(&[("host", "127.0.0.1"), json]).await, 200);
    assert_eq!(asks(&[("host", "rebound.example"), json]).await, 403);
    assert_eq!(
        asks(&[("host", "127.0.0.1"), json, ("origin", "https://page.example")]).await,
        403
    );
    // What a page may send without a preflight.
    assert_eq!(
        asks(&[("host", "127.0.0.1"), ("content-type", "text/plain")]).await,
        415
    );
    assert_eq!(asks(&[("host", "127.0.0.1")]).await, 415);
    let chats = serving
        .harness
        .mock
        .requests()
        .into_iter()
        .filter(|sent| sent.method == "POST");
    assert_eq!(chats.count(), 1);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let serving = Serving::with(
        quick().setting("serve-max-body-bytes", "1000"),
        ServeOptions::default(),
    )
    .await;
    let mut body = question(MODEL);
    body["messages"][0]["content"] = "x".repeat(1000).into();
    let reply = serving.client.chat(&body).await;
    assert_eq!(reply.status, 413, "{}", reply.text);
    assert_eq!(reply.json()["error"]["code"], "serve-max-body-bytes");
    assert_eq!(serving.client.ask(MODEL).await.status, 200);
}

#[tokio::test]
async fn a_stalled_request_body_times_out() {
    let serving = Serving::with(
        quick()
            .setting("serve-body-timeout-ms", "100")
            .setting("serve-head-timeout-ms", "100"),
        ServeOptions::default(),
    )
    .await;
    for head in [
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: loc",
    ] {
        let mut stream = TcpStream::connect(serving.server.address())
            .await
            .expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut said = Vec::new();
        let closed = tokio::time::timeout(LIMIT, stream.read_to_end(&mut said)).await;
        closed.expect("it was given up").ok();
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
}

#[tokio::test]
async fn concurrent_responses_are_limited() {
    let setup = quick()
        .mock(|mock| mock.scenario("stall"))
        .setting("serve-max-concurrent", "2");
    let serving = Serving::with(setup, ServeOptions::default()).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut one = serving.client.open_chat(&streamed(MODEL)).await;
        one.next().await.expect("it began");
        open.push(one);
    }
    let reply = serving.client.ask(MODEL).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, "1"));
    assert_eq!(
        serving.client.get("/healthz").await.status,
        200,
        "the rest goes on"
    );
    open.clear();
    tokio::time::timeout(LIMIT, serving.harness.mock.wait_disconnects(2))
        .await
        .expect("they were given up");
    serving.harness.mock.clear_scenario();
    let again = async { while serving.client.ask(MODEL).await.status != 200 {} };
    tokio::time::timeout(LIMIT, again)
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_the_upstream_request() {
    for (scenario, body) in [
        ("stall", streamed(MODEL)),
        ("endless", streamed(MODEL)),
        ("no-headers", streamed(MODEL)),
        ("no-headers", question(MODEL)),
        ("stall", question(MODEL)),
    ] {
        let serving = Serving::with(
            quick().mock(|mock| mock.scenario(scenario)),
            ServeOptions::default(),
        )
        .await;
        let client = serving.client.clone();
        let asking = tokio::spawn(async move {
            let mut open = client.open_chat(&body).await;
            while open.next().await.is_some() {}
        });
        let chats = async {
            while !serving
                .harness
                .mock
                .requests()
                .iter()
                .any(|sent| sent.method == "POST")
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, chats).await.expect("it was called");
        asking.abort();
        tokio::time::timeout(LIMIT, serving.harness.mock.wait_disconnects(1))
            .await
            .unwrap_or_else(|_| panic!("{scenario}: the upstream was not left"));
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let setup = quick()
        .mock(|mock| mock.scenario("endless"))
        .setting("serve-send-timeout-ms", "300")
        .setting("serve-max-connections", "1")
        .setting("max-response-bytes", "100000000000")
        .setting("max-guest-time-ms", "1000000");
    let serving = Serving::with(setup, ServeOptions::default()).await;
    let _open = serving.client.open_chat(&streamed(MODEL)).await;
    tokio::time::timeout(Duration::from_secs(60), serving.harness.mock.wait_disconnects(1))
        .await
        .expect("the upstream was left");
    // On a reserved seat only the health check is served.
    let seat = async { while serving.client.get("/metrics").await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(60), seat)
        .await
        .expect("its seat is free again");
}
