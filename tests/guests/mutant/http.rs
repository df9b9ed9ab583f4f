//! HTTP with faults in what is sent.

use alloc::vec::Vec;

pub(crate) use crate::sound_http::{Failure, NS_PER_MS, Piece, Response, Sent, sleep};
use crate::{fault, sound_http as sound};

pub(crate) fn send(
    base: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    connect_timeout_ms: u32,
) -> Result<Sent, Failure> {
    let mut headers = headers.to_vec();
    let mut path = path;
    let mut edited: Option<Vec<u8>> = None;
    if fault::is("own-authorization") {
        headers.push(("authorization", "Bearer guessed"));
    }
    if fault::is("own-host-header") {
        headers.push(("host", "elsewhere.example"));
    }
    if fault::is("undeclared-path") && body.is_none() {
        path = "/internal/models";
    }
    if fault::is("undeclared-chat-path") && body.is_some() {
        path = "/v2/chat";
    }
    if let Some(body) = body.filter(|_| fault::is("none-sent-as-null")) {
        let mut with_null = body.strip_suffix(b"}").unwrap_or(body).to_vec();
        with_null.extend_from_slice(b",\"temperature\":null,\"stop\":[]}");
        edited = Some(with_null);
    }
    if let Some(body) = body.filter(|_| fault::is("wire-id-with-prefix")) {
        let text = core::str::from_utf8(body).unwrap_or_default();
        edited = Some(text.replace("\"model\":\"", "\"model\":\"example/").into_bytes());
    }
    let body = edited.as_deref().or(body);
    if fault::is("request-twice") && body.is_some() {
        // If it was dropped, the request would be cancelled before it is sent.
        core::mem::forget(sound::send(base, path, &headers, body, connect_timeout_ms)?);
    }
    sound::send(base, path, &headers, body, connect_timeout_ms)
}
