//! HTTP client for one request over `wasi:http`: sends it, waits for the response, reads its body. It must not know
//! chats or lists.

use alloc::{format, string::String, vec::Vec};

use wasi::{
    clocks::monotonic_clock,
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
            OutgoingRequest, RequestOptions, Scheme,
        },
    },
    io::{
        poll::{self, Pollable},
        streams::{InputStream, StreamError},
    },
};

pub(crate) const NS_PER_MS: u64 = 1_000_000;
const READ_SIZE: u64 = 16 * 1024;

/// Why a request or its response broke off, and whether the request may have left.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) sent: bool,
}

impl Failure {
    fn unsent(code: ErrorCode) -> Self {
        Self { code, sent: false }
    }

    fn internal() -> Self {
        Self {
            code: ErrorCode::InternalError(None),
            sent: true,
        }
    }
}

/// A request without its response.
pub(crate) struct Sent(FutureIncomingResponse);

/// A response whose body is being read. Fields drop in this order: children before parents, as WASI requires.
pub(crate) struct Response {
    stream: InputStream,
    _body: IncomingBody,
    response: IncomingResponse,
}

/// The available part of a body.
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    Nothing,
    End,
}

/// Sends a request below the base URL; one without a body is a GET.
///
/// The host enforces only the connect timeout. This plugin enforces the other timeouts itself, so that a slow reader
/// of events does not trigger one.
pub(crate) fn send(
    base: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    connect_timeout_ms: u32,
) -> Result<Sent, Failure> {
    let invalid = || Failure::unsent(ErrorCode::HttpRequestUriInvalid);
    let (scheme, rest) = base.trim().split_once("://").ok_or_else(invalid)?;
    let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let separator = if prefix.trim_end_matches('/').is_empty() {
        ""
    } else {
        "/"
    };
    let path = format!("{separator}{}{path}", prefix.trim_end_matches('/'));
    let headers = headers
        .iter()
        .map(|(name, value)| (String::from(*name), value.as_bytes().to_vec()));
    let mut headers: Vec<(String, Vec<u8>)> = headers.collect();
    if let Some(body) = body {
        headers.push(("content-length".into(), format!("{}", body.len()).into_bytes()));
    }
    let fields = Fields::from_list(&headers).map_err(|_| Failure::unsent(ErrorCode::HttpRequestDenied))?;
    let request = OutgoingRequest::new(fields);
    let method = if body.is_some() { Method::Post } else { Method::Get };
    let scheme = if scheme.eq_ignore_ascii_case("https") {
        Scheme::Https
    } else {
        Scheme::Http
    };
    request
        .set_method(&method)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&path)))
        .map_err(|()| invalid())?;
    let options = RequestOptions::new();
    // A host that does not support one of these has a timeout of its own.
    let _ = options.set_connect_timeout(Some(u64::from(connect_timeout_ms) * NS_PER_MS));
    let outgoing = match body {
        Some(_) => Some(
            request
                .body()
                .map_err(|()| Failure::unsent(ErrorCode::InternalError(None)))?,
        ),
        None => None,
    };
    let future = outgoing_handler::handle(request, Some(options)).map_err(Failure::unsent)?;
    if let (Some(outgoing), Some(bytes)) = (outgoing, body) {
        write(&outgoing, bytes);
        // If the host did not accept all of it, the response future has the cause.
        let _ = OutgoingBody::finish(outgoing, None);
    }
    Ok(Sent(future))
}

fn write(body: &OutgoingBody, mut bytes: &[u8]) {
    let Ok(stream) = body.write() else { return };
    while !bytes.is_empty() {
        match stream.check_write() {
            Ok(0) => stream.subscribe().block(),
            Ok(room) => {
                let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
                if stream.write(&bytes[..room]).is_err() {
                    return;
                }
                bytes = &bytes[room..];
            }
            Err(_) => return,
        }
    }
    let _ = stream.flush();
}

/// Waits until a handle is ready, so many nanoseconds at most; returns whether it is ready, and how long that took.
fn wait(ready: &Pollable, most_ns: u64) -> (bool, u64) {
    let began = monotonic_clock::now();
    let timer = monotonic_clock::subscribe_duration(most_ns);
    let is_ready = poll::poll(&[ready, &timer]).contains(&0);
    (is_ready, monotonic_clock::now().saturating_sub(began))
}

/// Sleeps for so many nanoseconds.
pub(crate) fn sleep(ns: u64) {
    monotonic_clock::subscribe_duration(ns).block();
}

impl Sent {
    pub(crate) fn wait(&self, most_ns: u64) -> (bool, u64) {
        wait(&self.0.subscribe(), most_ns)
    }

    /// The response head, if it has arrived.
    pub(crate) fn response(self) -> Result<Result<Response, Self>, Failure> {
        let response = match self.0.get() {
            None => return Ok(Err(self)),
            Some(Ok(Ok(response))) => response,
            Some(Ok(Err(code))) => {
                return Err(Failure {
                    sent: has_left(&code),
                    code,
                });
            }
            Some(Err(())) => return Err(Failure::internal()),
        };
        let body = response.consume().map_err(|()| Failure::internal())?;
        let stream = body.stream().map_err(|()| Failure::internal())?;
        Ok(Ok(Response {
            stream,
            _body: body,
            response,
        }))
    }
}

/// Whether a request may have reached the upstream before this error.
fn has_left(code: &ErrorCode) -> bool {
    !matches!(
        code,
        ErrorCode::DnsTimeout
            | ErrorCode::DnsError(_)
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpProhibited
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::HttpRequestDenied
            | ErrorCode::HttpRequestUriInvalid
    )
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.response.status()
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.response.headers().get(name);
        String::from_utf8(values.into_iter().next()?).ok()
    }

    pub(crate) fn wait(&self, most_ns: u64) -> (bool, u64) {
        wait(&self.stream.subscribe(), most_ns)
    }

    /// The available part of the body.
    pub(crate) fn read(&self) -> Result<Piece, Failure> {
        match self.stream.read(READ_SIZE) {
            Ok(bytes) if bytes.is_empty() => Ok(Piece::Nothing),
            Ok(bytes) => Ok(Piece::Bytes(bytes)),
            Err(StreamError::Closed) => Ok(Piece::End),
            Err(StreamError::LastOperationFailed(_)) => Err(Failure {
                code: ErrorCode::HttpResponseIncomplete,
                sent: true,
            }),
        }
    }

    /// Reads the whole body, up to a size limit and within a timeout.
    pub(crate) fn collect(&self, max_bytes: usize, most_ns: u64) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let mut left = most_ns;
        while body.len() <= max_bytes {
            match self.read()? {
                Piece::Bytes(bytes) => body.extend_from_slice(&bytes),
                Piece::End => return Ok(body),
                Piece::Nothing => {
                    let (is_ready, took) = self.wait(left);
                    left = left.saturating_sub(took);
                    if !is_ready {
                        return Err(Failure {
                            code: ErrorCode::HttpResponseTimeout,
                            sent: true,
                        });
                    }
                }
            }
        }
        Err(Failure {
            code: ErrorCode::HttpResponseBodySize(None),
            sent: true,
        })
    }
}
