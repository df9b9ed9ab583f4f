//! Scenarios, ends, chunk boundaries and clients that go.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{self, chat, get, read_answer};
use super::{asking, mock};
use crate::{Chunking, End, MockError, MockOptions, MockRouter, Script, scenarios};

const BEYOND: Duration = Duration::from_secs(5);

#[test]
fn every_scenario_has_a_name_of_its_own_and_says_what_it_does() {
    let all: Vec<_> = scenarios().collect();
    assert!(all.len() > 200);
    for (number, (name, what)) in all.iter().enumerate() {
        assert!(what.len() > 4 && what.ends_with('.'), "{name}: {what}");
        assert!(
            all.iter().skip(number + 1).all(|(other, _)| other != name),
            "{name} is there twice"
        );
        assert!(
            name.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'),
            "{name}"
        );
    }
}

/// Scenarios without a complete HTTP response, by what is missing.
const NO_ANSWER: [&str; 6] = [
    "no-headers",
    "hang-up",
    "not-http",
    "headers-cut",
    "headers-stall",
    "models-no-headers",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_is_played_to_its_end_or_its_fault() {
    let mut running = tokio::task::JoinSet::new();
    for (name, _) in scenarios() {
        running.spawn(async move {
            let mock = MockRouter::start(MockOptions::immediate().scenario(name))
                .await
                .expect(name);
            let models = name.starts_with("models-");
            let (method, path, body) = if models {
                ("GET", "/v1/models", String::new())
            } else {
                (
                    "POST",
                    "/v1/chat/completions",
                    asking("Qwen/Qwen2.5-7B-Instruct", "hi").to_string(),
                )
            };
            let ask = client::request(method, path, Some("hf_good"), &body);
            let limit = if name.contains("endless") {
                1 << 16
            } else {
                10 << 20
            };
            let answer = tokio::time::timeout(BEYOND * 6, client::send_up_to(&mock, &ask, limit)).await;
            let answer = answer.expect(name);
            let unanswered =
                NO_ANSWER.contains(&name) || matches!(name, "fail-once-hang-up" | "fail-once-never");
            assert_eq!(answer.is_none(), unanswered, "{name}: {answer:?}");
            let Some(answer) = answer else { return };
            let open_ended = ["cut", "stall", "endless"].iter().any(|word| name.contains(word));
            let in_order = matches!(name, "think-tags-cut" | "tool-args-cut");
            assert_eq!(answer.complete, !open_ended || in_order, "{name}");
            if let Some(status) = name.get(..3).and_then(|status| status.parse::<u16>().ok()) {
                assert_eq!(answer.status, status, "{name}");
            }
            assert!(
                !answer.text().contains("mock router's own data"),
                "{name}: {}",
                answer.text()
            );
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("no scenario panics");
    }
}

#[tokio::test]
async fn a_model_id_names_a_scenario_for_one_request() {
    let mock = mock().await;
    let answer = chat(&mock, &asking("mock/no-done", "hi")).await;
    assert!(answer.complete && !answer.text().contains("[DONE]"));
    assert_eq!(answer.joined("content"), "Hello from the mock.");
    assert_eq!(answer.chunks()[0]["model"], "mock/no-done");
    assert_eq!(
        chat(&mock, &asking("mock/429-retry-after", "hi"))
            .await
            .header("retry-after"),
        Some("1")
    );
    assert_eq!(chat(&mock, &asking("mock/models-500", "hi")).await.status, 400);
}

#[tokio::test]
async fn a_scenario_can_change_while_the_router_runs_and_starts_anew_when_it_is_set() {
    let mock = mock().await;
    let ask = asking("Qwen/Qwen2.5-7B-Instruct", "hi");
    for _ in 0..2 {
        mock.set_scenario("fail-twice-500").expect("known");
        for status in [500, 500, 200, 200] {
            assert_eq!(chat(&mock, &ask).await.status, status);
        }
    }
    mock.clear_scenario();
    assert_eq!(chat(&mock, &ask).await.status, 200);
}

#[tokio::test]
async fn an_unknown_scenario_is_an_error_with_the_nearest_name() {
    let error = MockRouter::start(MockOptions::default().scenario("tool-no-ids"))
        .await
        .expect_err("unknown");
    assert!(matches!(
        &error,
        MockError::UnknownScenario { nearest: Some(_), .. }
    ));
    assert!(
        error.to_string().contains("did you mean `tool-no-id`?"),
        "{error}"
    );
    let error = mock().await.set_scenario("zzz").expect_err("unknown");
    assert!(!error.to_string().contains("did you mean"), "{error}");
}

#[tokio::test]
async fn the_wire_shows_the_quirks_as_they_are_named() {
    let mock = mock().await;
    for (name, bytes) in [
        ("crlf", "\r\n\r\ndata: "),
        ("cr", "\r\rdata: "),
        ("data-no-space", "data:{\"id\""),
        ("comments", ":\n\n: FEATHERLESS PROCESSING\n\n"),
        ("event-error", "event: error\ndata: {\"error\""),
        ("tool-index-minus-one", "\"index\":-1"),
        ("utf8-split", "naïve 世界 👋"),
        ("choices-empty-first", "\"choices\":[],\"prompt_filter_results\""),
    ] {
        let answer = chat(&mock, &asking(&format!("mock/{name}"), "hi")).await;
        assert!(answer.text().contains(bytes), "{name}: {}", answer.text());
    }
    let long = chat(&mock, &asking("mock/megabyte-line", "hi")).await;
    assert!(long.joined("content").len() == 1 << 20);
    let dateless = chat(&mock, &asking("mock/429-retry-after-no-date", "hi")).await;
    assert_eq!(dateless.header("date"), None);
    assert!(
        chat(&mock, &asking("mock/429", "hi"))
            .await
            .header("date")
            .is_some()
    );
}

#[tokio::test]
async fn a_response_can_be_split_into_any_chunks_and_truncated_at_any_byte() {
    let ask = asking("mock/normal", "hi");
    let whole = chat(&mock().await, &ask).await.text();
    // Ids are numbered by request, so the same request of each router gives the same bytes; only dates may differ,
    // at the same length.
    for chunking in [
        Chunking::Whole,
        Chunking::Bytes,
        Chunking::Every(7),
        Chunking::SplitAt(100),
        Chunking::CutAt(1 << 20),
    ] {
        let mock = MockRouter::start(MockOptions::immediate().chunking(chunking))
            .await
            .expect("starts");
        let answer = chat(&mock, &ask).await;
        assert_eq!(
            (answer.text().len(), answer.complete),
            (whole.len(), true),
            "{chunking:?}"
        );
    }
    for at in [0, 1, 100, whole.len() - 1] {
        let mock = MockRouter::start(MockOptions::immediate().chunking(Chunking::CutAt(at)))
            .await
            .expect("starts");
        let answer = chat(&mock, &ask).await;
        assert_eq!((answer.body.len(), answer.complete), (at, false));
        let list = get(&mock, "/v1/models").await;
        assert_eq!((list.body.len(), list.complete), (at, false));
    }
}

#[tokio::test]
async fn chunks_are_separate_chunks_on_the_wire() {
    let mock = mock().await;
    mock.push(
        Script::text(200, "text/plain", "abc")
            .chunking(Chunking::Bytes)
            .end(End::Finish)
            .repeat("", Some(1)),
    );
    let mut stream = client::connect(&mock).await;
    let ask = client::request("POST", "/v1/chat/completions", Some("hf_good"), "{}");
    stream
        .write_all(ask.replace("host:", "connection: close\r\nhost:").as_bytes())
        .await
        .expect("written");
    let mut bytes = String::new();
    stream.read_to_string(&mut bytes).await.expect("read");
    assert!(
        bytes.ends_with("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"),
        "{bytes:?}"
    );
}

#[test]
fn a_chunking_is_read_from_text_and_nonsense_is_refused() {
    for (text, chunking) in [
        ("whole", Chunking::Whole),
        ("bytes", Chunking::Bytes),
        ("every:3", Chunking::Every(3)),
        ("split:0", Chunking::SplitAt(0)),
        ("cut:12", Chunking::CutAt(12)),
        ("as-written", Chunking::AsWritten),
    ] {
        assert_eq!(text.parse(), Ok(chunking));
    }
    for text in ["", "every:0", "every:x", "halves", "cut:-1"] {
        assert!(text.parse::<Chunking>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn close_after_a_response_announces_keep_alive_and_closes() {
    let mock = MockRouter::start(MockOptions::immediate().scenario("close-after-answer"))
        .await
        .expect("starts");
    for stream_or_not in [true, false] {
        let mut body = asking("Qwen/Qwen2.5-7B-Instruct", "hi");
        body["stream"] = stream_or_not.into();
        let mut stream = client::connect(&mock).await;
        let ask = client::request("POST", "/v1/chat/completions", Some("hf_good"), &body.to_string());
        stream.write_all(ask.as_bytes()).await.expect("written");
        let answer = read_answer(&mut stream, 1 << 20).await.expect("a response");
        assert!(answer.complete);
        assert_eq!(answer.header("connection"), Some("keep-alive"));
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(BEYOND, stream.read_to_end(&mut rest)).await;
        assert_eq!(closed.expect("closed in time").expect("in order"), 0);
    }
    assert_eq!(mock.disconnects(), 0);
}

/// Sends a request of this scenario, reads until `seen` arrives, disconnects, and returns how long the mock took to
/// notice.
async fn go_away(name: &str, seen: &str) -> Duration {
    let mock = MockRouter::start(MockOptions::immediate().scenario(name))
        .await
        .expect("starts");
    let mut stream = client::connect(&mock).await;
    let body = asking("Qwen/Qwen2.5-7B-Instruct", "hi").to_string();
    stream
        .write_all(client::request("POST", "/v1/chat/completions", Some("hf_good"), &body).as_bytes())
        .await
        .expect("written");
    mock.wait_requests(1).await;
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(seen) {
        assert!(stream.read_buf(&mut bytes).await.expect("read") > 0);
    }
    assert_eq!((mock.disconnects(), mock.open_exchanges()), (0, 1));
    drop(stream);
    let gone = Instant::now();
    tokio::time::timeout(BEYOND, mock.wait_disconnects(1))
        .await
        .expect("the mock sees it");
    assert_eq!((mock.disconnects(), mock.open_exchanges()), (1, 0));
    gone.elapsed()
}

#[tokio::test]
async fn a_client_that_goes_is_noticed_before_headers_between_chunks_and_in_a_flood() {
    for (name, seen) in [
        ("no-headers", ""),
        ("slow-first-byte", ""),
        ("stall", "Hello"),
        ("slow", "HTTP/1.1"),
        ("endless", "dull"),
    ] {
        let took = go_away(name, seen).await;
        assert!(took < Duration::from_secs(1), "{name}: {took:?}");
    }
}

#[tokio::test]
async fn a_reader_that_holds_back_holds_the_mock_back() {
    let mock = MockRouter::start(MockOptions::immediate().scenario("endless-line"))
        .await
        .expect("starts");
    let mut stream = client::connect(&mock).await;
    let body = asking("Qwen/Qwen2.5-7B-Instruct", "hi").to_string();
    stream
        .write_all(client::request("POST", "/v1/chat/completions", Some("hf_good"), &body).as_bytes())
        .await
        .expect("written");
    let mut last = 0;
    let settled = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = mock.body_bytes_sent();
            if now > 0 && now == last {
                break;
            }
            last = now;
        }
    };
    tokio::time::timeout(BEYOND * 4, settled)
        .await
        .expect("it stops sending");
}

#[tokio::test]
async fn dropping_the_router_closes_its_connections() {
    let mock = MockRouter::start(MockOptions::immediate().scenario("stall"))
        .await
        .expect("starts");
    let addr = mock.addr();
    let mut stream = client::connect(&mock).await;
    let body = asking("Qwen/Qwen2.5-7B-Instruct", "hi").to_string();
    stream
        .write_all(client::request("POST", "/v1/chat/completions", Some("hf_good"), &body).as_bytes())
        .await
        .expect("written");
    mock.wait_requests(1).await;
    drop(mock);
    let mut rest = Vec::new();
    tokio::time::timeout(BEYOND, stream.read_to_end(&mut rest))
        .await
        .expect("closed")
        .ok();
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn any_byte_stream_can_be_served_also_with_http_2() {
    use http_body_util::{BodyExt, Empty};
    let mock = mock().await;
    let (ours, theirs) = tokio::io::duplex(4096);
    tokio::spawn(mock.serve_connection(theirs, crate::Protocol::Http2));
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(ours);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .expect("handshake");
    tokio::spawn(connection);
    let ask = http::Request::get("http://localhost/v1/models")
        .body(Empty::<bytes::Bytes>::new())
        .expect("a request");
    let answer = sender.send_request(ask).await.expect("a response");
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    assert!(body.starts_with(br#"{"object":"list""#));
}
