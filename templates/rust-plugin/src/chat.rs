//! One chat completion: sends the request, retries, decodes the response, and returns its events.

use alloc::{string::String, vec::Vec};

use crate::{
    contract::{
        provider::Progress,
        settings::{self, CredentialState, Snapshot},
        types::{
            AssistantPart, ChatEvent, ChatRequest, ChatResponse, Error, ErrorKind, FinishReason, Reasoning, Summary,
            ToolCall, Usage,
        },
    },
    decode::{Decoder, first_id},
    error,
    facts::{BASE_URL, CHAT_PATH, CREDENTIAL_OPTIONAL, KEY_VARIABLE, REQUEST_ID_HEADER, STREAM_TYPE},
    http::{self, NS_PER_MS, Piece, Response, Sent},
    reference, request,
};

const MAX_ERROR_BYTES: usize = 64 * 1024;
/// The first backoff; it doubles with each retry.
const BACKOFF_MS: u32 = 250;
/// The longest backoff. A longer one that the upstream requests ends the call.
const MAX_WAIT_MS: u32 = 60_000;

/// The state of a completion.
enum Phase {
    Sent(Sent),
    Body(Response),
    /// A response with an error status, and its body so far.
    Refused(Response, Vec<u8>),
    Backoff {
        wait_ns: u64,
    },
    Ended(Result<Summary, Error>),
}

/// A chat completion in progress.
pub(crate) struct Chat {
    phase: Phase,
    decoder: Decoder,
    snapshot: Snapshot,
    body: Vec<u8>,
    attempts: u32,
    has_left: bool,
    /// How long `read` has waited for the next byte. Time between reads is the caller's.
    waited_ns: u64,
}

impl Chat {
    /// Validates a request and sends it.
    pub(crate) fn begin(request: &ChatRequest) -> Result<Self, Error> {
        let model = reference::resolve(&request.model)?;
        let snapshot = settings::get();
        let (body, warnings) = request::body(request, &model)?;
        if !CREDENTIAL_OPTIONAL && snapshot.credential == CredentialState::Missing {
            let mut missing = error::new(ErrorKind::Unauthenticated, "there is no API key");
            missing.hint = Some(alloc::format!("set {KEY_VARIABLE}"));
            return Err(missing);
        }
        let summary = Summary {
            finish_reason: FinishReason::Other,
            raw_finish_reason: None,
            usage: Usage {
                input_tokens: None,
                cached_input_tokens: None,
                output_tokens: None,
                reasoning_tokens: None,
            },
            model: model.canonical,
            backend: None,
            request_id: None,
            attempts: 0,
            warnings,
            extras: Vec::new(),
        };
        let mut chat = Self {
            phase: Phase::Backoff { wait_ns: 0 },
            decoder: Decoder::new(summary, first_id(&request.messages)),
            snapshot,
            body,
            attempts: 0,
            has_left: false,
            waited_ns: 0,
        };
        chat.send();
        match chat.phase {
            Phase::Ended(Err(error)) => Err(error),
            _ => Ok(chat),
        }
    }

    fn send(&mut self) {
        let base = self.snapshot.base_url.as_deref().unwrap_or(BASE_URL);
        self.waited_ns = 0;
        let headers = [("content-type", "application/json"), ("accept", STREAM_TYPE)];
        let connect = self.snapshot.connect_timeout_ms;
        match http::send(base, CHAT_PATH, &headers, Some(&self.body), connect) {
            Ok(sent) => {
                self.attempts += 1;
                self.phase = Phase::Sent(sent);
            }
            Err(failure) => self.fail(error::of_failure(&failure)),
        }
    }

    /// Ends with an error, or schedules a retry.
    fn fail(&mut self, mut error: Error) {
        self.has_left |= error.request_sent;
        let retries = self.attempts.saturating_sub(1);
        let backoff = BACKOFF_MS.saturating_mul(1 << retries.min(6));
        let wait_ms = error.retry_after_ms.unwrap_or(backoff);
        // Once the status is 200, or if a retry may be billed twice, the caller decides.
        let is_early = !matches!(self.phase, Phase::Body(_));
        let may_retry = is_early && error.retryable && error.kind != ErrorKind::Timeout;
        if may_retry && retries < self.snapshot.max_retries && wait_ms <= MAX_WAIT_MS && self.attempts > 0 {
            self.waited_ns = 0;
            self.phase = Phase::Backoff {
                wait_ns: u64::from(wait_ms) * NS_PER_MS,
            };
            return;
        }
        error.request_sent = self.has_left;
        error.attempts = self.attempts;
        error.request_id = error.request_id.or_else(|| self.decoder.summary.request_id.clone());
        self.phase = Phase::Ended(Err(error));
    }

    /// Continues until there are events, the end, or the time is over.
    pub(crate) fn read(&mut self, max_events: usize, max_wait_ms: u32) -> Result<Progress, Error> {
        let mut left = if max_wait_ms == u32::MAX {
            u64::MAX
        } else {
            u64::from(max_wait_ms) * NS_PER_MS
        };
        loop {
            let waiting = &mut self.decoder.events;
            if !waiting.is_empty() {
                let count = waiting.len().min(max_events.max(1));
                let events = waiting.drain(..count).collect();
                let finished = match (&self.phase, waiting.is_empty()) {
                    (Phase::Ended(Ok(summary)), true) => Some(summary.clone()),
                    _ => None,
                };
                return Ok(Progress { events, finished });
            }
            match &self.phase {
                Phase::Ended(Ok(summary)) => {
                    return Ok(Progress {
                        events: Vec::new(),
                        finished: Some(summary.clone()),
                    });
                }
                Phase::Ended(Err(error)) => return Err(error.clone()),
                _ => {}
            }
            if !self.step(&mut left) {
                return Ok(Progress {
                    events: Vec::new(),
                    finished: None,
                });
            }
        }
    }

    /// One step; false if the caller's time is over.
    fn step(&mut self, left: &mut u64) -> bool {
        // Taken out for the step; each path below sets the next phase.
        let before = core::mem::replace(&mut self.phase, Phase::Backoff { wait_ns: 0 });
        match before {
            Phase::Backoff { wait_ns } => {
                let now = wait_ns.min(*left);
                http::sleep(now);
                *left = left.saturating_sub(now);
                if now < wait_ns {
                    self.phase = Phase::Backoff { wait_ns: wait_ns - now };
                    return false;
                }
                self.send();
            }
            Phase::Sent(sent) => {
                let limit = u64::from(self.snapshot.first_byte_timeout_ms) * NS_PER_MS;
                let outcome = self.wait(|most| sent.wait(most), limit, left);
                self.phase = Phase::Sent(sent);
                match outcome {
                    Waited::Ready => self.take_head(),
                    Waited::CallerLeft => return false,
                    Waited::TimedOut => self.fail(error::timeout("response")),
                }
            }
            Phase::Body(response) => {
                let limit = u64::from(self.snapshot.idle_timeout_ms) * NS_PER_MS;
                let outcome = self.wait(|most| response.wait(most), limit, left);
                let piece = response.read();
                self.phase = Phase::Body(response);
                match (outcome, piece) {
                    (_, Ok(Piece::Bytes(bytes))) => {
                        self.waited_ns = 0;
                        if let Err(error) = self.decoder.push(&bytes) {
                            self.fail(error);
                        } else if self.decoder.is_done() {
                            self.end();
                        }
                    }
                    (_, Ok(Piece::End)) => self.end(),
                    // Only the connection was cut: nothing of the response is missing.
                    (_, Err(_)) if self.decoder.is_complete() => self.end(),
                    (_, Err(failure)) => self.fail(error::of_failure(&failure)),
                    (Waited::TimedOut, _) => self.fail(error::timeout("more of the response")),
                    (Waited::CallerLeft, _) => return false,
                    (Waited::Ready, _) => {}
                }
            }
            Phase::Refused(response, mut body) => {
                // The timeout is for the whole body: without it the status is an error all the same.
                let limit = u64::from(self.snapshot.idle_timeout_ms) * NS_PER_MS;
                let outcome = self.wait(|most| response.wait(most), limit, left);
                let is_whole = match (outcome, response.read()) {
                    (_, Ok(Piece::Bytes(bytes))) => {
                        body.extend_from_slice(&bytes);
                        body.len() > MAX_ERROR_BYTES
                    }
                    (_, Ok(Piece::End) | Err(_)) | (Waited::TimedOut, _) => true,
                    (Waited::Ready, _) => false,
                    (Waited::CallerLeft, _) => {
                        self.phase = Phase::Refused(response, body);
                        return false;
                    }
                };
                if is_whole {
                    self.fail(error::of_status(&response, &body));
                } else {
                    self.phase = Phase::Refused(response, body);
                }
            }
            Phase::Ended(end) => self.phase = Phase::Ended(end),
        }
        true
    }

    /// Waits within the timeout of the settings and the time of the caller.
    fn wait(&mut self, ready: impl Fn(u64) -> (bool, u64), limit: u64, left: &mut u64) -> Waited {
        let (is_ready, took) = ready(limit.saturating_sub(self.waited_ns).min(*left));
        self.waited_ns = self.waited_ns.saturating_add(took);
        if *left != u64::MAX {
            *left = left.saturating_sub(took);
        }
        match is_ready {
            true => Waited::Ready,
            false if self.waited_ns >= limit => Waited::TimedOut,
            false => Waited::CallerLeft,
        }
    }

    fn take_head(&mut self) {
        let Phase::Sent(sent) = core::mem::replace(&mut self.phase, Phase::Backoff { wait_ns: 0 }) else {
            return;
        };
        let response = match sent.response() {
            Ok(Ok(response)) => response,
            Ok(Err(sent)) => return self.phase = Phase::Sent(sent),
            Err(failure) => return self.fail(error::of_failure(&failure)),
        };
        self.waited_ns = 0;
        self.has_left = true;
        if response.status() != 200 {
            return self.phase = Phase::Refused(response, Vec::new());
        }
        let kind = response.header("content-type").unwrap_or_default();
        if !kind.starts_with(STREAM_TYPE) {
            let message = alloc::format!("expected `{STREAM_TYPE}`, found `{kind}`");
            return self.fail(error::sent(ErrorKind::Protocol, message));
        }
        let summary = &mut self.decoder.summary;
        summary.request_id = REQUEST_ID_HEADER.and_then(|name| response.header(name));
        summary.attempts = self.attempts;
        self.phase = Phase::Body(response);
    }

    fn end(&mut self) {
        match self.decoder.end() {
            Ok(summary) => self.phase = Phase::Ended(Ok(summary)),
            Err(error) => self.fail(error),
        }
    }

    /// Reads to the end, and folds the events.
    pub(crate) fn collect(mut self) -> Result<ChatResponse, Error> {
        let mut content: Vec<AssistantPart> = Vec::new();
        let mut calls: Vec<usize> = Vec::new();
        loop {
            let progress = self.read(usize::MAX, u32::MAX)?;
            for event in progress.events {
                append(&mut content, &mut calls, event);
            }
            if let Some(summary) = progress.finished {
                return Ok(ChatResponse { content, summary });
            }
        }
    }
}

/// The result of a wait.
enum Waited {
    Ready,
    TimedOut,
    CallerLeft,
}

/// Appends one event, by the contract's rule from events to parts.
fn append(content: &mut Vec<AssistantPart>, calls: &mut Vec<usize>, event: ChatEvent) {
    let call = |content: &'_ mut Vec<AssistantPart>, index: u32, more: &dyn Fn(&mut ToolCall)| {
        if let Some(AssistantPart::ToolCall(call)) = calls.get(index as usize).and_then(|at| content.get_mut(*at)) {
            more(call);
        }
    };
    match event {
        ChatEvent::Text(more) => match content.last_mut() {
            Some(AssistantPart::Text(text)) => text.push_str(&more),
            _ => content.push(AssistantPart::Text(more)),
        },
        ChatEvent::Reasoning(more) => match content.last_mut() {
            Some(AssistantPart::Reasoning(Reasoning {
                text,
                signature: signature @ None,
                extras,
            })) => {
                text.push_str(&more.text);
                *signature = more.signature;
                extras.extend(more.extras);
            }
            _ => content.push(AssistantPart::Reasoning(more)),
        },
        ChatEvent::ToolCallStart(start) => {
            calls.push(content.len());
            content.push(AssistantPart::ToolCall(ToolCall {
                id: start.id,
                name: start.name,
                arguments_json: String::new(),
                extras: Vec::new(),
            }));
        }
        ChatEvent::ToolCallDelta(delta) => {
            call(content, delta.index, &|call| {
                call.arguments_json.push_str(&delta.arguments_fragment)
            });
        }
        ChatEvent::ToolCallEnd(end) => call(content, end.index, &|call| call.extras.clone_from(&end.extras)),
        ChatEvent::Media(media) => content.push(AssistantPart::Media(media)),
        ChatEvent::Other(extra) => content.push(AssistantPart::Other(extra)),
    }
}
