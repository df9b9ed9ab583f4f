//! One chat call from its check to its last event, retries included, without I/O.
//!
//! The driver asks [`Exchange::next`] what to do, does it, and reports what happened. It may drop the
//! exchange at any time. This module must not know how bytes travel or what time it is.

mod ending;

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    answer::{Answer, Asked},
    body, credential,
    driver::{Failure, FailureKind, Next, RequestHead, Sink},
    faults::{self, Progress},
    head, normalize, request, retry,
    rules::Rules,
    writer::Writer,
};
use crate::{
    contract::{
        settings::Snapshot,
        types::{ChatEvent, ChatRequest, Error, ErrorKind, ModelRef, Summary, Warning},
    },
    error, model,
    upstream::{Header, Resolved, Upstream},
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

/// The body of the request, for each attempt.
#[derive(Debug)]
enum Body {
    /// Written.
    Held(Vec<u8>),
    /// To be written again for each attempt: it is long.
    Long(Box<(ChatRequest, Rules)>),
}

/// One call. See the module's documentation for how to drive it.
#[derive(Debug)]
pub struct Exchange {
    upstream: &'static Upstream,
    /// Gone once it can not be sent again, so that a long response does not hold a long request.
    body: Option<Body>,
    content_length: u64,
    model: ModelRef,
    /// Whether anybody here knows the model.
    is_known: bool,
    /// Which references may have been meant.
    instead: Vec<String>,
    /// The header beside those of every upstream.
    added_header: Option<Header>,
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
    asked: Asked,
    answer: Answer,
}

impl Exchange {
    /// Checks a request against the wire format, the settings and what is known of the model. Whatever is
    /// wrong is said here, before anything is sent. `resolved` is what the request's model means; `seed` comes from a
    /// clock, and spreads waits and made-up identifiers.
    pub fn new(
        upstream: &'static Upstream,
        mut request: ChatRequest,
        resolved: Resolved,
        snapshot: &Snapshot,
        seed: u64,
    ) -> Result<Self, Error> {
        let Resolved { model, instead } = resolved;
        let renamed = normalize::unique_call_ids(&mut request.messages);
        let rules = Rules::of(model.metadata.as_ref());
        let mut warnings = request::check(&request, &model, &rules)?;
        warnings.extend(renamed);
        let added_header = (upstream.header)(snapshot)?;
        credential::check(upstream, snapshot)?;
        let is_known = model.metadata.is_some();
        let asked = Asked {
            opens_reasoning: model::opens_reasoning(&model)?,
            has_stops: !request.stop.is_empty(),
        };
        // What was needed for the checks only is not held as long as the answer lasts.
        let model = ModelRef {
            metadata: None,
            warnings: Vec::new(),
            ..model
        };
        let mut writer = Writer::holding();
        body::write(&request, &model.wire_id, &rules, &mut writer);
        let (content_length, held) = writer.held();
        Ok(Self {
            upstream,
            body: Some(match held {
                Some(bytes) => Body::Held(bytes),
                None => Body::Long(Box::new((request, rules))),
            }),
            content_length,
            model,
            is_known,
            instead,
            added_header,
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
            asked,
            answer: Answer::new(retry::mix(seed), asked),
        })
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
            ("user-agent", self.upstream.user_agent.to_string()),
        ];
        headers.extend(self.added_header.clone());
        RequestHead {
            method: "POST",
            path: "/chat/completions",
            headers,
            content_length: self.content_length,
        }
    }

    /// Writes the body: a short one at once, a long one in pieces of some kilobytes, without a copy of the whole or
    /// of the images in it.
    pub fn write_body<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        let mut result = Ok(());
        if let Some(Body::Held(bytes)) = &self.body {
            return sink.write(bytes);
        }
        if let Some(Body::Long(long)) = &self.body {
            let (request, rules) = &**long;
            let mut out = |bytes: &[u8]| {
                result = sink.write(bytes);
                result.is_ok()
            };
            let mut writer = Writer::to(&mut out);
            body::write(request, &self.model.wire_id, rules, &mut writer);
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
        self.headers = head::kept(headers, self.upstream);
        let encoding = error::unasked_encoding(headers);
        if !(200..300).contains(&status) {
            self.state = State::Refused {
                status,
                body: Vec::new(),
            };
            // The head says all that can be known.
            if encoding.is_some() {
                self.refused();
            }
        } else if let Some(encoding) = encoding {
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
                self.settle(error, may_retry);
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
}
