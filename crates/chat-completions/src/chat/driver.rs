//! Interface between an [`Exchange`] and the driver that does its I/O.

use alloc::{string::String, vec::Vec};

#[cfg(doc)]
use super::Exchange;

/// What the driver has to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send a request: [`Exchange::head`] and [`Exchange::write_body`]; then report [`Exchange::sent`], or a
    /// failure.
    Send,
    /// Wait for the response head, at most this long; report [`Exchange::on_response`], or a failure.
    Response {
        /// The limit. When it has passed: [`FailureKind::Timeout`].
        timeout_ms: u32,
    },
    /// Read more of the body, at most this long without a byte; report [`Exchange::on_bytes`],
    /// [`Exchange::on_end`], or a failure.
    Body {
        /// The limit. When it has passed: [`FailureKind::Timeout`].
        timeout_ms: u32,
    },
    /// Let go of the connection, wait, then report [`Exchange::waited`].
    Wait {
        /// How long.
        ms: u32,
    },
    /// Hand out [`Exchange::take_events`] before reading on, so that a slow reader slows the upstream down.
    Events,
    /// Nothing: [`Exchange::outcome`] is final. Let go of the connection; a body whose end can be read
    /// without waiting is best read to it first, so that the connection can be used again.
    Ended,
}

/// A request without its body. The driver adds what its transport needs of its own (`host`,
/// `content-length`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// `POST`.
    pub method: &'static str,
    /// What comes behind the base URL.
    pub path: &'static str,
    /// Names in lower case and their values.
    pub headers: Vec<(&'static str, String)>,
    /// The exact length of the body in bytes.
    pub content_length: u64,
}

/// Receives the request body. Parts arrive in order; after an error there are no more.
pub trait Sink {
    /// Why no more is accepted.
    type Error;
    /// Accepts all of the bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl Sink for Vec<u8> {
    type Error = core::convert::Infallible;
    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// A failure below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection: refused, unreachable, no such host.
    Connect,
    /// No connection within its time limit.
    ConnectTimeout,
    /// No secure connection: certificate or protocol.
    Tls,
    /// The connection was lost, or the body ended too early.
    Reset,
    /// The limit that [`Next`] gave has passed.
    Timeout,
    /// The host blocked the request.
    Denied,
    /// The response is not HTTP. Some hosts also report this for a pooled connection that the server had closed.
    Protocol,
    /// The response has a content encoding that was not requested.
    Encoded,
    /// The driver or the host failed in another way.
    Internal,
}

/// A failure as the driver saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What it was.
    pub kind: FailureKind,
    /// Whether any of the request may have left.
    pub request_sent: bool,
}
