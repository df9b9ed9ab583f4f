//! The body of a request, received within limits of size and time. Knows nothing of what it means.

use http::HeaderMap;
use wasi::{
    clocks::monotonic_clock,
    http::types::{IncomingBody, IncomingRequest},
    io::{
        poll,
        streams::{InputStream, StreamError},
    },
};

use dialects::{
    api_error::ApiError,
    server::refusals::{check_body_headers, too_large, too_slow, unreadable},
};

const NS_PER_S: u64 = 1_000_000_000;
/// The longest pause within a body, and the longest time for a whole one, as of `host-harness serve`.
const PAUSE_NS: u64 = 30 * NS_PER_S;
const WHOLE_NS: u64 = 120 * NS_PER_S;
const READ_SIZE: u64 = 256 * 1024;
const SETTING: &str = "max-body-bytes";

/// Receives the body of a request.
#[allow(clippy::result_large_err, reason = "an error is made once a request")]
pub(crate) fn receive(
    request: &IncomingRequest,
    headers: &HeaderMap,
    most: u32,
) -> Result<Vec<u8>, ApiError> {
    check_body_headers(headers)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let announced = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > most) {
        return Err(too_large(SETTING, most));
    }
    let body: IncomingBody = request.consume().map_err(|()| unreadable())?;
    let stream = body.stream().map_err(|()| unreadable())?;
    let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
    let ends = monotonic_clock::now().saturating_add(WHOLE_NS);
    loop {
        match stream.read(READ_SIZE) {
            Ok(more) if more.is_empty() => wait(&stream, ends)?,
            Ok(more) if bytes.len() + more.len() > most => return Err(too_large(SETTING, most)),
            Ok(more) => bytes.extend_from_slice(&more),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(unreadable()),
        }
    }
}

#[allow(clippy::result_large_err, reason = "an error is made once a request")]
fn wait(stream: &InputStream, ends: u64) -> Result<(), ApiError> {
    let pause = monotonic_clock::now().saturating_add(PAUSE_NS);
    let timer = monotonic_clock::subscribe_instant(ends.min(pause));
    let more = stream.subscribe();
    if poll::poll(&[&more, &timer]).contains(&0) {
        return Ok(());
    }
    Err(if ends <= pause {
        too_slow("body-deadline", "the body took too long")
    } else {
        too_slow("body-timeout", "the body stopped coming")
    })
}
