//! One request as ordered, sent without validation.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use wasi::{
    http::{
        outgoing_handler,
        types::{ErrorCode, Fields, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme},
    },
    io::streams::StreamError,
};

/// Sends the described request; returns the response as text, or what was learnt of the failure.
pub(crate) fn send(text: &str) -> Result<String, String> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, url) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .ok_or("no order")?;
    let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);

    let fields = Fields::new();
    let options = RequestOptions::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or("no header")?;
        // Its own timeout, in milliseconds.
        if let Some(limit) = name.strip_prefix('@') {
            let nanoseconds = value.parse::<u64>().ok().map(|ms| ms * 1_000_000);
            let set = match limit {
                "first-byte" => options.set_first_byte_timeout(nanoseconds),
                _ => options.set_between_bytes_timeout(nanoseconds),
            };
            set.map_err(|()| "limit")?;
            continue;
        }
        fields
            .append(&meant(name), meant(value).as_bytes())
            .map_err(|error| format!("header: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    request
        .set_method(&method_of(&meant(method)))
        .map_err(|()| "method")?;
    request
        .set_scheme(Some(&match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        }))
        .map_err(|()| "scheme")?;
    request
        .set_authority(Some(&meant(authority)))
        .map_err(|()| "authority")?;
    request
        .set_path_with_query(Some(&meant(if path.is_empty() { "/" } else { path })))
        .map_err(|()| "path")?;
    let outgoing = request.body().map_err(|()| "body")?;
    let stream = outgoing.write().map_err(|()| "stream")?;
    let future = outgoing_handler::handle(request, Some(options)).map_err(learnt)?;
    if !body.is_empty() {
        let _ = stream.blocking_write_and_flush(body.as_bytes());
    }
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(learnt)?;

    let ready = future.subscribe();
    ready.block();
    drop(ready);
    let response = match future.get() {
        Some(Ok(answer)) => answer.map_err(learnt)?,
        _ => return Err("no response".to_owned()),
    };
    let mut said = format!("{}\n", response.status());
    for (name, value) in response.headers().entries() {
        said += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    let incoming = response.consume().map_err(|()| "answer")?;
    let stream = incoming.stream().map_err(|()| "answer")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => return Err("cut".to_owned()),
        }
    }
    Ok(said + "\n" + &String::from_utf8_lossy(&bytes))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn learnt(code: ErrorCode) -> String {
    format!("{code:?}")
}

/// Characters that cannot be in a line are written with a backslash.
fn meant(text: &str) -> String {
    text.replace("\\r", "\r")
        .replace("\\n", "\n")
        .replace("\\0", "\0")
}

fn method_of(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    }
}
