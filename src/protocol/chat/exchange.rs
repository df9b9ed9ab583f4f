//! One chat call from its check to its last event, retries included, without I/O.
//!
//! The driver asks [`Exchange::next`] what to do, does it, and reports what happened. It may drop the exchange at any
//! time. This module must not know how bytes travel or what time it is.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    answer::{self, Answer},
    body, request, retry,
    writer::Writer,
};
use crate::contract::settings::{CredentialState, Snapshot};
use crate::contract::types::{ChatEvent, ChatRequest, Error, ErrorKind, ModelRef, Routing, Summary, Warning};
use crate::protocol::{
    error::{self, header},
    json, provider,
};

/// How much of an error's body is read.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// What the driver has to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send a request: [`Exchange::head`] and [`Exchange::write_body`]; then report [`Exchange::sent`], or a failure.
    Send,
    /// Wait for the answer's head, at most this long; report [`Exchange::on_response`], or a failure.
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
    /// Nothing: [`Exchange::outcome`] is final. Let go of the connection.
    Ended,
}

/// A request without its body. The driver adds what its transport needs of its own (`host`, `content-length`).
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

/// Takes what the body is written to. Pieces come in order; after an error no more come.
pub trait Sink {
    /// Why it takes no more.
    type Error;
    /// Takes all of the bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl Sink for Vec<u8> {
    type Error = core::convert::Infallible;
    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// What went wrong below HTTP.
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
    /// The host did not let it through.
    Denied,
    /// What came is no HTTP.
    Protocol,
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

#[derive(Debug)]
enum State {
    Ready,
    Sent,
    Answering,
    /// An answer with an error status: its body so far.
    Refused {
        status: u16,
        body: Vec<u8>,
    },
    Waiting(u32),
    Ended(Result<Summary, Error>),
}

/// One call. See the module's documentation for how to drive it.
#[derive(Debug)]
pub struct Exchange {
    /// Gone once it can not be sent again, so that a long answer does not hold a long question.
    request: Option<ChatRequest>,
    content_length: u64,
    model: ModelRef,
    bill_to: Option<String>,
    warnings: Vec<Warning>,
    first_byte_timeout_ms: u32,
    idle_timeout_ms: u32,
    max_retries: u32,
    seed: u64,
    state: State,
    attempts: u32,
    /// Whether any request left.
    was_sent: bool,
    /// Whether a byte of this body came.
    any_byte: bool,
    headers: Vec<(String, Vec<u8>)>,
    answer: Answer,
}

impl Exchange {
    /// Checks a request against the wire format, the settings and what is known of the model. Whatever is wrong is
    /// said here, before anything is sent. `seed` comes from a clock; it spreads waits and made-up identifiers.
    pub fn new(request: ChatRequest, model: ModelRef, snapshot: &Snapshot, seed: u64) -> Result<Self, Error> {
        let warnings = request::check(&request, &model)?;
        let bill_to = bill_to(snapshot)?;
        check_credential(snapshot)?;
        let mut counter = Writer::counting();
        body::write(&request, &model.wire_id, &mut counter);
        Ok(Self {
            request: Some(request),
            content_length: counter.finish(),
            model,
            bill_to,
            warnings,
            first_byte_timeout_ms: snapshot.first_byte_timeout_ms,
            idle_timeout_ms: snapshot.idle_timeout_ms,
            max_retries: snapshot.max_retries,
            seed,
            state: State::Ready,
            attempts: 1,
            was_sent: false,
            any_byte: false,
            headers: Vec::new(),
            answer: Answer::new(retry::mix(seed)),
        })
    }

    /// What to do now.
    #[must_use]
    pub fn next(&self) -> Next {
        let first_byte = self.first_byte_timeout_ms;
        match &self.state {
            _ if self.answer.has_events() => Next::Events,
            State::Ready => Next::Send,
            State::Sent => Next::Response {
                timeout_ms: first_byte,
            },
            State::Answering | State::Refused { .. } => Next::Body {
                timeout_ms: if self.any_byte {
                    self.idle_timeout_ms
                } else {
                    first_byte
                },
            },
            State::Waiting(ms) => Next::Wait { ms: *ms },
            State::Ended(_) => Next::Ended,
        }
    }

    /// The request's head.
    #[must_use]
    pub fn head(&self) -> RequestHead {
        let mut headers = vec![
            ("content-type", "application/json".to_string()),
            ("accept", "text/event-stream, application/json".to_string()),
            ("user-agent", provider::USER_AGENT.to_string()),
        ];
        headers.extend(self.bill_to.clone().map(|name| ("x-hf-bill-to", name)));
        RequestHead {
            method: "POST",
            path: "/chat/completions",
            headers,
            content_length: self.content_length,
        }
    }

    /// Writes the body in pieces of some kilobytes. It is never held as a whole, nor are pictures in it copied.
    pub fn write_body<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        let mut result = Ok(());
        if let Some(request) = &self.request {
            let mut out = |bytes: &[u8]| {
                result = sink.write(bytes);
                result.is_ok()
            };
            let mut writer = Writer::to(&mut out);
            body::write(request, &self.model.wire_id, &mut writer);
            writer.finish();
        }
        result
    }

    /// The request is on its way.
    pub fn sent(&mut self) {
        if matches!(self.state, State::Ready) {
            self.was_sent = true;
            self.state = State::Sent;
        }
    }

    /// The answer's head is there.
    pub fn on_response(&mut self, status: u16, headers: &[(String, Vec<u8>)]) {
        if !matches!(self.state, State::Ready | State::Sent) {
            return;
        }
        self.was_sent = true;
        self.any_byte = false;
        self.headers = headers
            .iter()
            .filter(|(name, _)| is_kept(name))
            .cloned()
            .collect();
        if !(200..300).contains(&status) {
            self.state = State::Refused {
                status,
                body: Vec::new(),
            };
        } else if let Some(encoding) =
            header(headers, "content-encoding").filter(|name| !name.eq_ignore_ascii_case("identity"))
        {
            let message = format!("The answer is encoded as {encoding:?}, which nobody asked for.");
            self.end(Error::after_sending(ErrorKind::Protocol, message));
        } else {
            self.state = State::Answering;
        }
    }

    /// A part of the body came.
    pub fn on_bytes(&mut self, bytes: &[u8]) {
        self.any_byte |= !bytes.is_empty();
        match &mut self.state {
            State::Answering => {
                self.answer.on_bytes(bytes);
                self.after_answer();
            }
            State::Refused { body, .. } => {
                let room = ERROR_BODY_LIMIT - body.len();
                body.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                if body.len() == ERROR_BODY_LIMIT {
                    self.refused();
                }
            }
            _ => {}
        }
    }

    /// The body is over.
    pub fn on_end(&mut self) {
        match self.state {
            State::Answering => {
                self.answer.on_end();
                self.after_answer();
            }
            State::Refused { .. } => self.refused(),
            _ => {}
        }
    }

    /// Something failed below HTTP.
    pub fn on_failure(&mut self, failure: Failure) {
        self.was_sent |= failure.request_sent;
        match self.state {
            // What the status says counts more than that its text is cut.
            State::Refused { .. } => self.refused(),
            State::Answering if self.answer.on_cut() => self.after_answer(),
            State::Ready | State::Sent | State::Answering => {
                let may_retry = matches!(
                    failure.kind,
                    FailureKind::Connect | FailureKind::ConnectTimeout | FailureKind::Reset
                );
                let error = self.failed(failure.kind);
                self.settle(error, may_retry, None);
            }
            State::Waiting(_) | State::Ended(_) => {}
        }
    }

    /// The wait is over.
    pub fn waited(&mut self) {
        if matches!(self.state, State::Waiting(_)) {
            self.attempts += 1;
            self.state = State::Ready;
        }
    }

    /// Whether there are events to hand out.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.answer.has_events()
    }

    /// The next events, at most `max` (0 counts as 1). Text that is ready is joined.
    pub fn take_events(&mut self, max: usize) -> Vec<ChatEvent> {
        self.answer.take_events(max)
    }

    /// How it ended: `None` as long as it has not, or events wait. Once there, it stays.
    #[must_use]
    pub fn outcome(&self) -> Option<&Result<Summary, Error>> {
        match &self.state {
            State::Ended(result) if !self.has_events() => Some(result),
            _ => None,
        }
    }

    /// How many requests were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Goes on after the answer took something in.
    fn after_answer(&mut self) {
        if self.answer.gave_events() {
            self.request = None;
        }
        match self.answer.result() {
            None => {}
            Some(Err(error)) => {
                let error = error.clone();
                // An answer without anything in it, or an error that only comes in the form of an answer.
                let may_retry = match error.status {
                    Some(status) => is_passing(status),
                    None => {
                        error.retryable && matches!(error.kind, ErrorKind::Protocol | ErrorKind::Transport)
                    }
                };
                self.settle(error, may_retry, None);
            }
            Some(Ok(finished)) => {
                let finished = finished.clone();
                self.request = None;
                self.state = State::Ended(Ok(Summary {
                    finish_reason: finished.reason,
                    raw_finish_reason: finished.word,
                    usage: finished.usage,
                    model: self.model.canonical.clone(),
                    backend: header(&self.headers, "x-inference-provider"),
                    request_id: self.request_id(),
                    attempts: self.attempts,
                    warnings: core::mem::take(&mut self.warnings),
                    extras: finished.extras,
                }));
            }
        }
    }

    /// Judges an answer with an error status.
    fn refused(&mut self) {
        let State::Refused { status, body } = &mut self.state else {
            return;
        };
        let (status, body) = (*status, core::mem::take(body));
        let mut error = error::from_response(status, &self.headers, &body);
        error.retry_after_ms = retry::retry_after_ms(&self.headers);
        let asked = error.retry_after_ms;
        self.settle(error, is_passing(status), asked);
    }

    /// Tries again or ends.
    fn settle(&mut self, error: Error, may_retry: bool, asked_ms: Option<u32>) {
        let tries_left =
            self.attempts <= self.max_retries && self.request.is_some() && !self.answer.gave_events();
        let wait = asked_ms.unwrap_or_else(|| retry::backoff_ms(self.attempts, self.seed));
        if may_retry && tries_left && wait <= retry::LONGEST_WAIT_MS {
            self.answer = Answer::new(retry::mix(self.seed ^ u64::from(self.attempts)));
            self.headers = Vec::new();
            self.state = State::Waiting(wait);
        } else {
            self.end(error);
        }
    }

    fn end(&mut self, error: Error) {
        let mut suggestions = error.suggestions;
        if error.kind == ErrorKind::ModelUnavailable && !matches!(self.model.routing, Routing::Default) {
            suggestions.push(format!("{}/{}", provider::ID, self.model.model));
        }
        self.request = None;
        self.state = State::Ended(Err(Error {
            suggestions,
            request_sent: self.was_sent,
            attempts: self.attempts,
            backend: header(&self.headers, "x-inference-provider"),
            request_id: self.request_id(),
            ..error
        }));
    }

    fn request_id(&self) -> Option<String> {
        [
            "x-request-id",
            "inference-id",
            "x-inference-request-id",
            "x-inference-id",
        ]
        .iter()
        .find_map(|name| header(&self.headers, name).filter(|id| !id.is_empty()))
    }

    /// The error that a failure is, by how far the exchange had come.
    fn failed(&self, kind: FailureKind) -> Error {
        use ErrorKind::{Denied, Internal, Protocol, Timeout, Transport};
        let seconds = |ms: u32| {
            if ms % 1000 == 0 {
                format!("{} s", ms / 1000)
            } else {
                format!("{ms} ms")
            }
        };
        let (kind, message, retryable) = match kind {
            FailureKind::Connect => (
                Transport,
                "There is no connection to the upstream.".to_string(),
                true,
            ),
            FailureKind::ConnectTimeout => (
                Timeout,
                "The upstream took no connection in time.".to_string(),
                true,
            ),
            FailureKind::Tls => (
                Transport,
                "There is no secure connection to the upstream.".to_string(),
                true,
            ),
            FailureKind::Reset if matches!(self.state, State::Answering) => return answer::cut_off(),
            FailureKind::Reset => (
                Transport,
                "The connection was lost before an answer came.".to_string(),
                true,
            ),
            FailureKind::Timeout if self.any_byte => (
                Timeout,
                format!("The answer stood still for {}.", seconds(self.idle_timeout_ms)),
                true,
            ),
            FailureKind::Timeout => (
                Timeout,
                format!("No answer came within {}.", seconds(self.first_byte_timeout_ms)),
                true,
            ),
            FailureKind::Denied => (
                Denied,
                "The host did not let the request through.".to_string(),
                false,
            ),
            FailureKind::Protocol => (Protocol, "What the upstream sent is not HTTP.".to_string(), false),
            FailureKind::Internal => (Internal, "The request could not be made.".to_string(), false),
        };
        let mut error = Error {
            retryable,
            ..Error::before_sending(kind, message)
        };
        error.hint = error::hint(&error, false).map(String::from);
        error
    }
}

/// Whether a status may be gone soon, so that the same request is worth another try.
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// Whether a header is looked at later. The others are not held as long as the answer lasts.
fn is_kept(name: &str) -> bool {
    const KEPT: [&str; 9] = [
        "content-type",
        "date",
        "inference-id",
        "retry-after",
        "x-error-message",
        "x-inference-id",
        "x-inference-provider",
        "x-inference-request-id",
        "x-request-id",
    ];
    KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name))
}

/// The setting `bill-to`: who pays.
fn bill_to(snapshot: &Snapshot) -> Result<Option<String>, Error> {
    let Some(extra) = snapshot.extras.iter().find(|extra| extra.key == "bill-to") else {
        return Ok(None);
    };
    if json::is_blank(&extra.value_json) {
        return Ok(None);
    }
    match json::text(&extra.value_json) {
        Some(name) if name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => {
            Ok(Some(name.trim().to_string()).filter(|name| !name.is_empty()))
        }
        _ => Err(Error::before_sending(
            ErrorKind::InvalidRequest,
            "The setting bill-to is not the name of an organisation.",
        )),
    }
}

/// Refuses to send what needs a credential that is not there.
fn check_credential(snapshot: &Snapshot) -> Result<(), Error> {
    if snapshot.credential != CredentialState::Missing {
        return Ok(());
    }
    let [first, second] = provider::ENV_VARS;
    let is_plain = snapshot
        .base_url
        .as_ref()
        .is_some_and(|url| url.to_ascii_lowercase().starts_with("http:"));
    let message = if is_plain {
        "There is no token for this base URL: over plain http a token is sent to this machine only. Use https."
    } else {
        "There is no token."
    };
    Err(Error::before_sending(ErrorKind::Unauthenticated, message).with_hint(format!(
        "Set {first} or {second}; create a token at https://huggingface.co/settings/tokens with the permission \
         \"Make calls to Inference Providers\"."
    )))
}
