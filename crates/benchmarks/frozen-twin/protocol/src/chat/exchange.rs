//! One chat call from its check to its last event, retries included, without I/O.
//!
//! The driver asks [`Exchange::next`] what to do, does it, and reports what happened. It may drop the
//! exchange at any time. This module must not know how bytes travel or what time it is.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    access,
    answer::Answer,
    body,
    driver::{Failure, FailureKind, Next, RequestHead, Sink},
    faults::{self, Progress},
    request, retry,
    writer::Writer,
};
use crate::contract::settings::Snapshot;
use crate::contract::types::{ChatEvent, ChatRequest, Error, ErrorKind, ModelRef, Routing, Summary, Warning};
use crate::{
    error::{self, header},
    provider,
    warning::quote,
};

/// How much of an error's body is read.
const ERROR_BODY_LIMIT: usize = 1024 * 1024;

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
    /// Whether anybody here knows the model.
    is_known: bool,
    /// Which references may have been meant.
    instead: Vec<String>,
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
    /// Checks a request against the wire format, the settings and what is known of the model. Whatever is
    /// wrong is said here, before anything is sent. `seed` comes from a clock; it spreads waits and made-up
    /// identifiers.
    pub fn new(request: ChatRequest, model: ModelRef, snapshot: &Snapshot, seed: u64) -> Result<Self, Error> {
        let warnings = request::check(&request, &model)?;
        let bill_to = access::bill_to(snapshot)?;
        access::check_credential(snapshot)?;
        let is_known = model.metadata.is_some();
        // What was needed for the checks only is not held as long as the answer lasts.
        let model = ModelRef {
            metadata: None,
            warnings: Vec::new(),
            ..model
        };
        let mut counter = Writer::counting();
        body::write(&request, &model.wire_id, &mut counter);
        Ok(Self {
            request: Some(request),
            content_length: counter.finish(),
            model,
            is_known,
            instead: Vec::new(),
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

    /// Says which references may have been meant, best first, for the case that the upstream does not have the model.
    #[must_use]
    pub fn suggesting(mut self, instead: Vec<String>) -> Self {
        self.instead = instead;
        self
    }

    /// What to do now.
    #[must_use]
    pub fn next(&self) -> Next {
        let timeout_ms = self.limit_ms();
        match &self.state {
            _ if self.answer.has_events() => Next::Events,
            State::Ready => Next::Send,
            State::Sent => Next::Response { timeout_ms },
            State::Answering | State::Refused { .. } => Next::Body { timeout_ms },
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

    /// Writes the body in pieces of some kilobytes. It is never held as a whole, nor are pictures in it
    /// copied.
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
            let encoding = quote(&encoding);
            let message = format!("The answer is encoded as {encoding}, which nobody asked for.");
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
                    FailureKind::Connect
                        | FailureKind::ConnectTimeout
                        | FailureKind::Reset
                        | FailureKind::Protocol
                );
                let error = faults::failure(failure.kind, self.progress(), self.limit_ms());
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

    /// What a caller should know already; the summary repeats it.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn progress(&self) -> Progress {
        if self.any_byte {
            Progress::Reading
        } else {
            Progress::Waiting
        }
    }

    /// The time limit that holds now.
    fn limit_ms(&self) -> u32 {
        match self.progress() {
            Progress::Waiting => self.first_byte_timeout_ms,
            Progress::Reading => self.idle_timeout_ms,
        }
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
                    warnings: self.warnings.clone(),
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
            self.any_byte = false;
            self.state = State::Waiting(wait);
        } else {
            self.end(error);
        }
    }

    fn end(&mut self, error: Error) {
        let mut suggestions = error.suggestions;
        if error.kind == ErrorKind::ModelUnavailable {
            suggestions.append(&mut self.instead);
            // Without the suffix, unless the upstream says that it is the model itself that there is not.
            if !matches!(self.model.routing, Routing::Default)
                && (self.is_known || error.code.as_deref() != Some("model_not_found"))
            {
                suggestions.push(format!("{}/{}", provider::ID, self.model.model));
            }
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
