//! One chat call from its check to its last event, retries included, without I/O.
//!
//! The driver calls [`Exchange::next`], performs the step, and reports the result. It may drop the exchange at any
//! time. This module must not know how bytes travel or what time it is.

mod ending;

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec, vec::Vec};

use super::{
    body, conversation, credential,
    driver::{Failure, FailureKind, Next, RequestHead, Sink},
    head, normalize,
    response::{RequestFacts, ResponseDecoder},
    retry,
    rules::{Replay, Rules},
    transport_error::{self, Progress},
    validate,
    writer::Writer,
};
use crate::{
    contract::{
        settings::Snapshot,
        types::{ChatEvent, ChatRequest, Error, ErrorKind, ModelRef, Routing, Summary, Warning},
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
    Reading,
    /// A response with an error status: its body so far.
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
    /// Written. With its source, if it may have to be written without its reasoning.
    Held(Vec<u8>, Option<Source>),
    /// To be written again for each attempt: it is long.
    Long(Source),
}

/// What a body is written from.
type Source = Box<(ChatRequest, Rules)>;

impl Body {
    /// The body of a request, and its length.
    fn written(source: Source, wire_id: &str) -> (u64, Self) {
        let (request, rules) = &*source;
        let mut writer = Writer::holding();
        body::write(request, wire_id, rules, &mut writer);
        let (length, held) = writer.held();
        let body = match held {
            Some(bytes) => {
                let replays = conversation::replays(request, rules);
                Self::Held(bytes, replays.then_some(source))
            }
            None => Self::Long(source),
        };
        (length, body)
    }
}

/// One call. See the module's documentation for how to drive it.
#[derive(Debug)]
pub struct Exchange {
    upstream: &'static Upstream,
    /// Dropped once it can no longer be resent, so that a long response does not hold a long request.
    body: Option<Body>,
    content_length: u64,
    model: ModelRef,
    /// Whether the model has metadata.
    is_known: bool,
    /// References that the caller may have meant.
    instead: Vec<String>,
    /// The upstream's own header.
    added_header: Option<Header>,
    warnings: Vec<Warning>,
    first_byte_timeout_ms: u32,
    idle_timeout_ms: u32,
    max_retries: u32,
    seed: u64,
    state: State,
    attempts: u32,
    /// Whether any attempt sent its request.
    was_sent: bool,
    /// Whether a byte of this response's body has arrived.
    any_byte: bool,
    headers: Vec<(String, Vec<u8>)>,
    facts: RequestFacts,
    response: ResponseDecoder,
}

impl Exchange {
    /// Validates a request against the wire format, the settings and the model's metadata, before anything is sent.
    /// `resolved` is the model reference of the request; `seed` comes from a clock, and randomizes backoff and
    /// generated ids.
    pub fn new(
        upstream: &'static Upstream,
        mut request: ChatRequest,
        resolved: Resolved,
        snapshot: &Snapshot,
        seed: u64,
    ) -> Result<Self, Error> {
        let Resolved { model, instead } = resolved;
        let renamed = normalize::unique_call_ids(&mut request.messages);
        let refuses = |backend: &str| upstream.refuse_reasoning.contains(&backend);
        let replay = match &model.routing {
            Routing::Backend(backend) if refuses(backend) => Replay::None,
            _ => Replay::ToolCalls,
        };
        let rules = Rules::of(model.metadata.as_ref(), replay);
        let mut warnings = validate::check(&request, &model, &rules)?;
        warnings.extend(renamed);
        let added_header = (upstream.header)(snapshot)?;
        credential::check(upstream, snapshot)?;
        let is_known = model.metadata.is_some();
        let facts = RequestFacts {
            opens_reasoning: model::opens_reasoning(&model)?,
            has_stops: !request.stop.is_empty(),
        };
        // Facts that only validation needs are not held while the response lasts.
        let model = ModelRef {
            metadata: None,
            warnings: Vec::new(),
            ..model
        };
        let (content_length, body) = Body::written(Box::new((request, rules)), &model.wire_id);
        Ok(Self {
            upstream,
            body: Some(body),
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
            facts,
            response: ResponseDecoder::new(retry::mix(seed), facts),
        })
    }

    /// What to do now.
    #[must_use]
    pub fn next(&self) -> Next {
        let timeout_ms = self.limit_ms();
        match &self.state {
            _ if self.response.has_events() => Next::Events,
            State::Ready => Next::Send,
            State::Sent => Next::Response { timeout_ms },
            State::Reading | State::Refused { .. } => Next::Body { timeout_ms },
            State::Waiting(ms) => Next::Wait { ms: *ms },
            State::Ended(_) => Next::Ended,
        }
    }

    /// The request's head.
    #[must_use]
    pub fn head(&self) -> RequestHead {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("accept", "text/event-stream, application/json".to_owned()),
            ("user-agent", self.upstream.user_agent.to_owned()),
        ];
        headers.extend(self.added_header.clone());
        RequestHead {
            method: "POST",
            path: "/chat/completions",
            headers,
            content_length: self.content_length,
        }
    }

    /// Writes the request body: a short one at once, a long one in parts of some kilobytes, without a copy of the
    /// whole or of its images.
    pub fn write_body<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        self.write_body_from(0, sink)
    }

    /// Writes the body from an offset, for a non-blocking driver: it accepts what fits, refuses the rest, and
    /// continues later.
    pub fn write_body_from<S: Sink>(&self, from: u64, sink: &mut S) -> Result<(), S::Error> {
        let mut result = Ok(());
        if let Some(bytes) = self.held_body() {
            let rest = usize::try_from(from).ok().and_then(|from| bytes.get(from..));
            return sink.write(rest.unwrap_or_default());
        }
        if let Some(Body::Long(long)) = &self.body {
            let (request, rules) = &**long;
            let mut out = |bytes: &[u8]| {
                result = sink.write(bytes);
                result.is_ok()
            };
            let mut writer = Writer::to(from, &mut out);
            body::write(request, &self.model.wire_id, rules, &mut writer);
            writer.finish();
        }
        result
    }

    /// The body, if it is held in memory as a whole.
    #[must_use]
    pub fn held_body(&self) -> Option<&[u8]> {
        match &self.body {
            Some(Body::Held(bytes, _)) => Some(bytes),
            _ => None,
        }
    }

    /// Reports that the request was sent.
    pub fn sent(&mut self) {
        if matches!(self.state, State::Ready) {
            self.state = State::Sent;
        }
    }

    /// Reports the response head.
    pub fn on_response(&mut self, status: u16, headers: &[(String, Vec<u8>)]) {
        if !matches!(self.state, State::Ready | State::Sent) {
            return;
        }
        self.was_sent = true;
        self.any_byte = false;
        self.headers = head::retained(headers, self.upstream);
        let encoding = error::unrequested_encoding(headers);
        if !(200..300).contains(&status) {
            self.state = State::Refused {
                status,
                body: Vec::new(),
            };
            // An encoded error body cannot be read: the status and headers are all there is.
            if encoding.is_some() {
                self.refused();
            }
        } else if let Some(encoding) = encoding {
            let encoding = quote(&encoding);
            let message =
                format!("The response has the content encoding {encoding}, which was not requested.");
            self.end(Error::after_sending(ErrorKind::Protocol, message));
        } else {
            self.state = State::Reading;
        }
    }

    /// Reports bytes of the body.
    pub fn on_bytes(&mut self, bytes: &[u8]) {
        self.any_byte |= !bytes.is_empty();
        match &mut self.state {
            State::Reading => {
                self.response.on_bytes(bytes);
                self.after_bytes();
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

    /// Reports the end of the body.
    pub fn on_end(&mut self) {
        match self.state {
            State::Reading => {
                self.response.on_end();
                self.after_bytes();
            }
            State::Refused { .. } => self.refused(),
            _ => {}
        }
    }

    /// Reports a failure below HTTP.
    pub fn on_failure(&mut self, failure: Failure) {
        self.was_sent |= failure.request_sent;
        match self.state {
            // The status matters more than the cut error text.
            State::Refused { .. } => self.refused(),
            State::Reading if self.response.on_cut() => self.after_bytes(),
            State::Ready | State::Sent | State::Reading => {
                let may_retry = matches!(
                    failure.kind,
                    FailureKind::Connect
                        | FailureKind::ConnectTimeout
                        | FailureKind::Reset
                        | FailureKind::Protocol
                );
                let error = transport_error::failure(failure.kind, self.progress(), self.limit_ms());
                self.settle(error, may_retry);
            }
            State::Waiting(_) | State::Ended(_) => {}
        }
    }

    /// Reports that the backoff has passed.
    pub fn waited(&mut self) {
        if matches!(self.state, State::Waiting(_)) {
            self.attempts += 1;
            self.state = State::Ready;
        }
    }

    /// Whether there are events to hand out.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.response.has_events()
    }

    /// The next events, at most `max` (0 counts as 1). Text that is ready is joined.
    pub fn take_events(&mut self, max: usize) -> Vec<ChatEvent> {
        self.response.take_events(max)
    }

    /// The outcome: `None` while the exchange runs or events are not taken. Once set, it does not change.
    #[must_use]
    pub fn outcome(&self) -> Option<&Result<Summary, Error>> {
        match &self.state {
            State::Ended(result) if !self.has_events() => Some(result),
            _ => None,
        }
    }

    /// Warnings known before sending; the summary repeats them.
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

    /// The timeout of the current phase.
    fn limit_ms(&self) -> u32 {
        match self.progress() {
            Progress::Waiting => self.first_byte_timeout_ms,
            Progress::Reading => self.idle_timeout_ms,
        }
    }
}
