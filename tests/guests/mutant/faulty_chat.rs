//! Streams whose events, end or pace violate the contract.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, sync::atomic::Ordering};

use crate::{
    chat::Chat,
    contract::{
        provider::{GuestCompletion, Progress},
        settings::IS_WHOLE,
        types::{
            AssistantPart, ChatEvent, ChatRequest, ChatResponse, ContentPart, Error, ErrorKind, Extra,
            FinishReason, Message, Reasoning, Summary, ToolCallStart, UserMessage, Warning,
        },
    },
    error, fault, faulty_error, faulty_request,
};

/// A completion, and the state of its fault.
pub(crate) struct Completion(RefCell<Inner>);

struct Inner {
    /// Taken by the fault that never closes it.
    chat: Option<Chat>,
    request: ChatRequest,
    heard: bool,
    ended: u32,
    /// Events that the fault holds back.
    held: Vec<ChatEvent>,
    end: Option<Summary>,
}

pub(crate) fn stream(request: ChatRequest) -> Result<Completion, Error> {
    let request = faulty_request::spoiled(request)?;
    let mut chat = Chat::begin(&request).map_err(|mut error| {
        if fault::is("attempts-before-sending") {
            error.attempts = 1;
        }
        faulty_error::spoiled(error)
    })?;
    let mut held = Vec::new();
    if fault::is("stream-waits-for-response") {
        if let Ok(progress) = chat.read(1, u32::MAX) {
            held = progress.events;
        }
    }
    Ok(Completion(RefCell::new(Inner {
        chat: Some(chat),
        request,
        heard: false,
        ended: 0,
        held,
        end: None,
    })))
}

impl GuestCompletion for Completion {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        match self.0.try_borrow_mut() {
            Ok(mut inner) => inner.read(max_events, max_wait_ms).map_err(faulty_error::spoiled),
            Err(_) => Err(error::new(ErrorKind::Internal, "a read is under way already")),
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if fault::is("drop-keeps-connection") {
            core::mem::forget(self.0.get_mut().chat.take());
        }
    }
}

impl Inner {
    fn read(&mut self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        let most = if fault::is("max-events-ignored") {
            u32::MAX
        } else if fault::is("one-event-a-read") {
            1
        } else {
            max_events
        };
        let wait = if fault::is("max-wait-ignored") {
            u32::MAX
        } else if fault::is("read-never-waits") {
            0
        } else {
            max_wait_ms
        };
        if !self.held.is_empty() {
            let events = core::mem::take(&mut self.held);
            return Ok(Progress {
                events,
                finished: None,
            });
        }
        if let Some(end) = &self.end {
            return Ok(Progress {
                events: Vec::new(),
                finished: Some(end.clone()),
            });
        }
        if fault::is("zero-events-none") && max_events == 0 {
            return Ok(Progress {
                events: Vec::new(),
                finished: None,
            });
        }
        let Some(chat) = &mut self.chat else {
            return Err(error::new(ErrorKind::Internal, "gone"));
        };
        let read = if fault::is("whole-response-first") {
            whole(chat)
        } else {
            chat.read(most as usize, wait)
        };
        match read {
            Ok(progress) => self.progress(progress),
            Err(error) => self.failed(error),
        }
    }

    fn progress(&mut self, progress: Progress) -> Result<Progress, Error> {
        let Progress {
            mut events,
            mut finished,
        } = progress;
        self.heard |= !events.is_empty();
        spoil_events(&mut events);
        if let Some(summary) = &mut finished {
            spoil_summary(summary, &self.request);
            self.ended += 1;
            if self.ended > 1 && fault::is("end-said-once") {
                finished = None;
            } else if self.ended > 1 && fault::is("events-after-end") {
                events.push(ChatEvent::Text("More.".to_string()));
            } else if self.ended > 1 && fault::is("error-after-end") {
                return Err(error::sent(ErrorKind::Internal, "read after the end"));
            } else if self.ended > 2 && fault::is("end-changes") {
                summary.usage.output_tokens = None;
                summary.finish_reason = FinishReason::Other;
            }
        }
        Ok(Progress { events, finished })
    }

    fn failed(&mut self, mut error: Error) -> Result<Progress, Error> {
        self.ended += 1;
        if self.heard && fault::is("stream-error-status-200") {
            error.status = Some(200);
        }
        if self.ended > 1 && fault::is("error-said-once") {
            return Ok(Progress {
                events: Vec::new(),
                finished: None,
            });
        }
        if self.ended > 1 && fault::is("error-changes") {
            return Err(error::sent(ErrorKind::Internal, "it ended already"));
        }
        if self.heard && self.ended == 1 && fault::is("retried-after-events") {
            self.chat = Some(Chat::begin(&self.request)?);
            return Ok(Progress {
                events: Vec::new(),
                finished: None,
            });
        }
        let is_hidden = match error.kind {
            ErrorKind::Transport => self.heard && fault::is("cut-is-an-end"),
            ErrorKind::Upstream | ErrorKind::RateLimited => self.heard && fault::is("stream-error-is-an-end"),
            ErrorKind::Protocol => fault::is("malformed-is-an-end"),
            _ => false,
        };
        if error.kind == ErrorKind::Protocol && fault::is("malformed-traps") {
            core::arch::wasm32::unreachable();
        }
        if is_hidden || (!error.extras.is_empty() && fault::is("odd-arguments-pass")) {
            let mut summary = blank_summary();
            spoil_summary(&mut summary, &self.request);
            self.end = Some(summary.clone());
            return Ok(Progress {
                events: Vec::new(),
                finished: Some(summary),
            });
        }
        Err(error)
    }
}

/// Reads all of it before it returns anything.
fn whole(chat: &mut Chat) -> Result<Progress, Error> {
    let mut events = Vec::new();
    loop {
        // The events before an error are lost.
        let mut progress = chat.read(usize::MAX, u32::MAX)?;
        events.append(&mut progress.events);
        if progress.finished.is_some() {
            return Ok(Progress {
                events,
                finished: progress.finished,
            });
        }
    }
}

fn spoil_events(events: &mut Vec<ChatEvent>) {
    if fault::is("empty-text") && !events.is_empty() {
        events.push(ChatEvent::Text(String::new()));
    }
    if fault::is("text-trimmed") {
        for event in events.iter_mut() {
            if let ChatEvent::Text(text) = event {
                *text = text.trim().to_string();
            }
        }
        events.retain(|event| !matches!(event, ChatEvent::Text(text) if text.is_empty()));
    }
    if fault::is("reversed") {
        events.reverse();
    }
    if fault::is("call-not-ended") {
        events.retain(|event| !matches!(event, ChatEvent::ToolCallEnd(_)));
    }
    if fault::is("call-ended-twice") {
        let ends: Vec<_> = events
            .iter()
            .filter(|event| matches!(event, ChatEvent::ToolCallEnd(_)))
            .cloned()
            .collect();
        events.extend(ends);
    }
    if fault::is("call-not-started") {
        events.retain(|event| !matches!(event, ChatEvent::ToolCallStart(_)));
    }
    if fault::is("no-arguments-empty") {
        events.retain(
            |event| !matches!(event, ChatEvent::ToolCallDelta(delta) if delta.arguments_fragment == "{}"),
        );
    }
    for event in events.iter_mut() {
        spoil_event(event);
    }
}

fn spoil_event(event: &mut ChatEvent) {
    match event {
        ChatEvent::ToolCallStart(ToolCallStart { index, id, name }) => {
            if fault::is("index-from-one") {
                *index += 1;
            }
            if fault::is("call-id-missing") && id.starts_with("call-") {
                id.clear();
            }
            if fault::is("call-ids-of-one-turn") && id.starts_with("call-") {
                *id = alloc::format!("call-{index}");
            }
            if fault::is("call-ids-same") {
                *id = "call".to_string();
            }
            if fault::is("call-name-lost") {
                name.clear();
            }
        }
        ChatEvent::ToolCallDelta(delta) if fault::is("index-from-one") => delta.index += 1,
        ChatEvent::ToolCallDelta(delta) if fault::is("deltas-to-first-call") => delta.index = 0,
        ChatEvent::ToolCallEnd(end) if fault::is("index-from-one") => end.index += 1,
        ChatEvent::Reasoning(Reasoning { text, .. }) if fault::is("reasoning-as-text") => {
            *event = ChatEvent::Text(core::mem::take(text));
        }
        _ => {}
    }
}

fn spoil_summary(summary: &mut Summary, request: &ChatRequest) {
    if fault::is("length-is-stop") && summary.finish_reason == FinishReason::Length {
        summary.finish_reason = FinishReason::Stop;
    }
    if fault::is("filter-is-stop") && summary.finish_reason == FinishReason::ContentFilter {
        summary.finish_reason = FinishReason::Stop;
    }
    if fault::is("tool-calls-is-stop") && summary.finish_reason == FinishReason::ToolCalls {
        summary.finish_reason = FinishReason::Stop;
    }
    if fault::is("raw-reason-lost") {
        summary.raw_finish_reason = None;
    }
    if fault::is("usage-lost") {
        summary.usage.input_tokens = None;
        summary.usage.output_tokens = None;
    }
    if fault::is("usage-zero") {
        summary.usage.input_tokens = summary.usage.input_tokens.or(Some(0));
        summary.usage.output_tokens = summary.usage.output_tokens.or(Some(0));
    }
    if fault::is("usage-swapped") {
        core::mem::swap(&mut summary.usage.input_tokens, &mut summary.usage.output_tokens);
    }
    if fault::is("summary-model-as-asked") {
        summary.model.clone_from(&request.model);
    }
    if fault::is("summary-attempts-zero") {
        summary.attempts = 0;
    }
    if fault::is("summary-attempts-one") {
        summary.attempts = 1;
    }
    if fault::is("request-id-lost") {
        summary.request_id = None;
    }
    if fault::is("warning-code-words") {
        summary.warnings.push(Warning {
            code: "Left Out".to_string(),
            message: "something was left out".to_string(),
        });
    }
    if fault::is("summary-extras-not-json") {
        summary.extras.push(Extra {
            key: "system_fingerprint".to_string(),
            value_json: "fp_1".to_string(),
        });
    }
}

fn blank_summary() -> Summary {
    Summary {
        finish_reason: FinishReason::Stop,
        raw_finish_reason: None,
        usage: crate::contract::types::Usage {
            input_tokens: None,
            cached_input_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
        },
        model: [crate::facts::ID, "/", crate::facts::BUNDLED[0].0].concat(),
        backend: None,
        request_id: None,
        attempts: 1,
        warnings: Vec::new(),
        extras: Vec::new(),
    }
}

/// The whole response, by the same chat.
pub(crate) fn complete(request: ChatRequest) -> Result<ChatResponse, Error> {
    IS_WHOLE.store(true, Ordering::Relaxed);
    let mut request = faulty_request::spoiled(request)?;
    if fault::is("whole-sends-no-messages") && request.messages.is_empty() {
        request.messages.push(Message::User(UserMessage {
            content: [ContentPart::Text("Hello".to_string())].into(),
            extras: Vec::new(),
        }));
    }
    let chat = Chat::begin(&request).map_err(faulty_error::spoiled)?;
    let mut response = match chat.collect() {
        Ok(response) => response,
        Err(error) if error.kind == ErrorKind::Transport && fault::is("broken-whole-is-a-response") => {
            let summary = blank_summary();
            return Ok(ChatResponse {
                content: Vec::new(),
                summary,
            });
        }
        Err(error) => return Err(faulty_error::spoiled(error)),
    };
    spoil_summary(&mut response.summary, &request);
    if fault::is("whole-without-reasoning") {
        response
            .content
            .retain(|part| !matches!(part, AssistantPart::Reasoning(_)));
    }
    if fault::is("whole-in-pieces") {
        let pieces = response.content.into_iter().flat_map(|part| match part {
            AssistantPart::Text(text) => text
                .split_inclusive(' ')
                .map(|t| AssistantPart::Text(t.to_string()))
                .collect(),
            part => Vec::from([part]),
        });
        response.content = pieces.collect();
    }
    if fault::is("whole-arguments-lost") {
        for part in &mut response.content {
            if let AssistantPart::ToolCall(call) = part {
                call.arguments_json = "{}".to_string();
            }
        }
    }
    Ok(response)
}
