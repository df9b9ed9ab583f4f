//! A minimal client: bytes over TCP, and just enough HTTP to parse a response.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::MockRouter;

/// A parsed response.
#[derive(Debug)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Whether the body came to the end that its framing announced.
    pub(super) complete: bool,
}

impl HttpResponse {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The chunks of a stream as JSON, without `[DONE]`.
    pub(super) fn chunks(&self) -> Vec<Value> {
        let text = self.text();
        let data = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).expect("a chunk is JSON"))
            .collect()
    }

    /// All texts under this key of the deltas, joined.
    pub(super) fn joined(&self, key: &str) -> String {
        self.chunks()
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"][key].as_str().map(str::to_owned))
            .collect()
    }
}

pub(super) async fn connect(mock: &MockRouter) -> TcpStream {
    TcpStream::connect(mock.addr()).await.expect("the mock listens")
}

/// The bytes of a request; `key` without its `Bearer` prefix.
pub(super) fn request(method: &str, path: &str, key: Option<&str>, body: &str) -> String {
    let key = key
        .map(|key| format!("authorization: Bearer {key}\r\n"))
        .unwrap_or_default();
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{key}content-length: {length}\r\n\r\n{body}")
}

/// Reads one response from an open connection, up to `limit` bytes of it or until nothing arrives for a while.
pub(super) async fn read_answer(stream: &mut TcpStream, limit: usize) -> Option<HttpResponse> {
    let mut bytes = Vec::new();
    let mut look_at = 0;
    loop {
        if bytes.len() >= look_at {
            if let Some(answer) = take_apart(&bytes).filter(|answer| answer.complete || bytes.len() > limit) {
                return Some(answer);
            }
            // Large responses are not parsed after each read; the timeout below catches their end.
            look_at = if bytes.len() < 1 << 20 {
                0
            } else {
                bytes.len() + (1 << 20)
            };
        }
        let mut buffer = [0; 16 * 1024];
        match tokio::time::timeout(Duration::from_millis(700), stream.read(&mut buffer)).await {
            Ok(Ok(read)) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return take_apart(&bytes),
        }
    }
}

fn take_apart(bytes: &[u8]) -> Option<HttpResponse> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is text");
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut answer = HttpResponse {
        status,
        head,
        body: Vec::new(),
        complete: false,
    };
    let rest = &bytes[end + 4..];
    if answer.header("transfer-encoding") == Some("chunked") {
        (answer.body, answer.complete) = join_chunks(rest);
    } else {
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().expect("a length"));
        answer.body = rest[..rest.len().min(length)].to_vec();
        answer.complete = rest.len() >= length;
    }
    Some(answer)
}

fn join_chunks(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..line])
            .ok()
            .and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk size");
        let rest = &bytes[line + 2..];
        if size == 0 {
            return (body, rest.starts_with(b"\r\n"));
        }
        body.extend_from_slice(&rest[..rest.len().min(size)]);
        let Some(next) = rest.get(size + 2..) else { break };
        bytes = next;
    }
    (body, false)
}

/// One request on a connection of its own.
pub(super) async fn send(
    mock: &MockRouter,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> Option<HttpResponse> {
    // More than the finite body of any scenario.
    send_up_to(mock, &request(method, path, key, body), 10 << 20).await
}

/// One request on its own connection; an endless response is read up to this many bytes.
pub(super) async fn send_up_to(mock: &MockRouter, request: &str, limit: usize) -> Option<HttpResponse> {
    let mut stream = connect(mock).await;
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the request is written");
    read_answer(&mut stream, limit).await
}

/// A chat request with a valid key.
pub(super) async fn chat(mock: &MockRouter, body: &Value) -> HttpResponse {
    let answer = send(
        mock,
        "POST",
        "/v1/chat/completions",
        Some("hf_good"),
        &body.to_string(),
    )
    .await;
    answer.expect("a response")
}

pub(super) async fn get(mock: &MockRouter, path: &str) -> HttpResponse {
    send(mock, "GET", path, None, "").await.expect("a response")
}
