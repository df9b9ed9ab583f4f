//! Decoder of a successful response: bytes to chat events, from an event stream or from one whole JSON completion.
//!
//! The first byte decides between the two; content types of servers are not reliable. Invalid UTF-8 becomes U+FFFD.
//! This module must not know attempts, headers or time.

mod alike;
mod choice;
mod choices;
mod framing;

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};

use self::{
    alike::{Alike, Last},
    choice::Seen,
    choices::{Choices, Verdict},
    framing::{End, Form},
};
use super::{
    events::Events, finish, notices::Notices, think_tags::ThinkTags, tools::Tools, transport_error, usage,
};
use crate::{
    contract::types::{ChatEvent, Error, Extra, FinishReason, Usage, Warning},
    error, json,
    wire::chunk::{Chunk, Extras},
};

/// The outcome of a complete response.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finished {
    pub(super) reason: FinishReason,
    pub(super) word: Option<String>,
    pub(super) usage: Usage,
    pub(super) warnings: Vec<Warning>,
    pub(super) extras: Vec<Extra>,
}

/// The facts of the request and its model that the decoder needs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RequestFacts {
    /// Whether the model's chat template opens the reasoning block.
    pub(super) opens_reasoning: bool,
    /// Whether the request has stop sequences.
    pub(super) has_stops: bool,
}

/// Decoder state of one successful response.
#[derive(Debug)]
pub(super) struct ResponseDecoder {
    form: Form,
    events: Events,
    think_tags: ThinkTags,
    tools: Tools,
    finish_word: Option<String>,
    usage: Usage,
    extras: Extras,
    notices: Notices,
    has_stops: bool,
    /// The number of chunks so far.
    chunks: u32,
    choices: Choices,
    seen: Seen,
    /// The facts of the chunk that was read last.
    last: Option<Last>,
    /// How to read a chunk with the same shape as the one before.
    alike: Option<Alike>,
    /// Whether text or reasoning followed the last tool call.
    spoke_last: bool,
    /// A bare message, which is an error unless more chunks follow.
    doubt: Option<Box<Error>>,
    result: Option<Result<Finished, Error>>,
}

impl ResponseDecoder {
    /// `salt` makes generated ids differ between responses.
    pub(super) fn new(salt: u64, facts: RequestFacts) -> Self {
        Self {
            has_stops: facts.has_stops,
            form: Form::Unknown,
            events: Events::default(),
            think_tags: ThinkTags::new(facts.opens_reasoning),
            tools: Tools::new(salt),
            finish_word: None,
            usage: usage::NONE,
            extras: Extras::default(),
            notices: Notices::default(),
            chunks: 0,
            choices: Choices::default(),
            seen: Seen::default(),
            last: None,
            alike: None,
            spoke_last: false,
            doubt: None,
            result: None,
        }
    }

    pub(super) fn take_events(&mut self, max: usize) -> Vec<ChatEvent> {
        self.events.take(max)
    }

    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether any event was produced, taken or not.
    pub(super) fn gave_events(&self) -> bool {
        self.events.any()
    }

    /// The outcome, once the response is complete or has failed.
    pub(super) fn result(&self) -> Option<&Result<Finished, Error>> {
        self.result.as_ref()
    }

    /// Reads a chunk or a whole completion; `raw` is its JSON.
    fn chunk(&mut self, chunk: &Chunk<'_>, raw: &str) {
        if chunk.kind.is_some_and(is_heartbeat) {
            self.notices.skipped += 1;
            return;
        }
        if chunk.is_message && !chunk.has_choices && !chunk.is_error && !error::says_error(raw) {
            return self.remark(raw);
        }
        self.doubt = None;
        let verdict = self.choices.judge(chunk);
        self.settle();
        if self.result.is_some() {
            return;
        }
        self.chunks = self.chunks.saturating_add(1);
        self.count(chunk);
        self.notices.is_unread |= chunk.is_unread;
        if let Some(warnings) = chunk.warnings {
            self.notices.hear(warnings);
        }
        match verdict {
            Verdict::Hold if !chunk.is_error => self.choices.hold(raw),
            _ => {
                // An error beside an empty list of choices is the response's.
                let is_error = chunk.choices == 0 && chunk.choice.error.is_some();
                self.judged(chunk, raw, verdict != Verdict::Pass || is_error);
            }
        }
        if verdict == Verdict::Read {
            self.last = Last::of(chunk);
        }
    }

    /// Reads a chunk once it is known whether its choice is the response's.
    fn judged(&mut self, chunk: &Chunk<'_>, raw: &str, is_ours: bool) {
        let was_finished = self.finish_word.is_some();
        let failure = if is_ours { self.choice(chunk) } else { None };
        let is_bare_error = (chunk.is_message || chunk.is_detail) && !chunk.has_choices;
        let error = if chunk.is_error || is_bare_error {
            error::from_event(raw)
        } else if let Some(error) = failure {
            error
        } else {
            return;
        };
        if was_finished {
            self.notices.late += 1;
        } else {
            self.fail(error);
        }
    }

    /// Reads the held chunk, unless the next chunk showed that it belongs to another choice.
    fn settle(&mut self) {
        if let Some(raw) = self.choices.take_held()
            && let Ok(chunk) = Chunk::decode(&raw, &self.extras, self.choices.first())
        {
            self.judged(&chunk, &raw, true);
        }
    }

    /// Reads usage and extras. A usage of zeros does not replace one with counts.
    fn count(&mut self, chunk: &Chunk<'_>) {
        let usage = chunk.usage.and_then(usage::parse);
        let counts = usage.is_none_or(|new| usage::is_any(&new) || !usage::is_any(&self.usage));
        self.extras.store(chunk, counts);
        if let Some(usage) = usage.filter(|_| counts) {
            usage::update(&mut self.usage, &usage);
        }
    }

    /// Handles an object that has only a message: a remark such as a heartbeat, or an error if nothing follows.
    fn remark(&mut self, raw: &str) {
        self.settle();
        if self.finish_word.is_some() {
            self.notices.late += 1;
        } else {
            self.notices.skipped += 1;
            self.doubt = Some(Box::new(error::from_event(raw)));
        }
    }

    /// Handles an error event.
    fn broken(&mut self, error: Error) {
        self.settle();
        if self.finish_word.is_some() {
            self.notices.late += 1;
        } else {
            self.fail(error);
        }
    }

    /// Whether all tool calls are complete and no text follows them that may be cut.
    fn ends_with_calls(&self) -> bool {
        self.tools.all_whole() && !self.spoke_last
    }

    /// Decides the outcome at the end of the response.
    fn conclude(&mut self, end: End) {
        self.settle();
        if self.result.is_some() {
            return;
        }
        let said_why = self.finish_word.is_some();
        self.think_tags.flush(&mut self.events);
        if let Some(error) = self.missing(end, said_why) {
            return self.fail(error);
        }
        let meaning = self.finish_word.as_deref().map(finish::meaning);
        let is_cut = meaning.is_some_and(finish::Meaning::is_cut);
        if meaning != Some(finish::Meaning::Calls) && (said_why || self.events.any()) {
            self.tools.drop_placeholders();
        }
        if let Err(broken) = self.tools.finish(is_cut, &mut self.events) {
            return self.fail(transport_error::broken_call(broken, meaning));
        }
        self.notices.ended_early = end == End::Body && !said_why;
        self.result = Some(Ok(self.finished(meaning)));
    }

    /// The error of a response that ended without being complete.
    fn missing(&mut self, end: End, said_why: bool) -> Option<Error> {
        let is_nothing = !self.events.any() && !self.tools.any();
        if said_why {
            return (is_nothing && self.notices.is_unread).then(transport_error::unread);
        }
        if let Some(error) = self.doubt.take() {
            return Some(*error);
        }
        if self.chunks == 0 && self.notices.skipped > 0 {
            return Some(transport_error::no_json("The event stream"));
        }
        if is_nothing && self.notices.is_unread {
            return Some(transport_error::unread());
        }
        if self.chunks == 0 || (end == End::Said && is_nothing) {
            return Some(transport_error::empty());
        }
        (end == End::Body && !self.ends_with_calls()).then(transport_error::cut_off)
    }

    /// The outcome of a complete response.
    fn finished(&mut self, meaning: Option<finish::Meaning>) -> Finished {
        use finish::Meaning::{Calls, Done, Unknown};
        let has_calls = self.tools.any();
        let reason = finish::reason(meaning, has_calls);
        self.notices.is_unopened = self.think_tags.is_unopened();
        self.notices.has_no_calls = !has_calls && meaning == Some(Calls);
        self.notices.unknown_word = (self.finish_word.clone()).filter(|_| reason == FinishReason::Other);
        self.notices.has_bare_calls = self.tools.has_bare() && matches!(meaning, None | Some(Unknown));
        self.notices.has_same_ids = self.tools.has_same_ids();
        self.notices.has_other_choices = self.choices.several();
        // A model that stopped by itself inside an open block did not reason: the template did not open one.
        if meaning == Some(Done)
            && !has_calls
            && !self.has_stops
            && let Some(text) = self.think_tags.take_unclosed()
        {
            self.notices.is_unclosed = true;
            self.events.text(&text);
        }
        let extras = self.extras.take().map(|(name, value_json)| Extra {
            key: name.to_owned(),
            value_json,
        });
        Finished {
            reason,
            word: self.finish_word.take(),
            usage: self.usage,
            warnings: self.notices.take(self.choices.first()),
            extras: extras.collect(),
        }
    }

    /// Emits what is held back.
    fn flush(&mut self) {
        self.think_tags.flush(&mut self.events);
        self.tools.flush(&mut self.events);
    }

    fn fail(&mut self, error: Error) {
        self.settle();
        self.flush();
        self.result.get_or_insert(Err(error));
    }
}

/// Whether an object's `type` or `event` marks it as a heartbeat.
fn is_heartbeat(kind: &str) -> bool {
    let word = json::text(kind).unwrap_or_default();
    ["ping", "heartbeat", "keepalive", "keep-alive", "keep_alive"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(&word))
}
