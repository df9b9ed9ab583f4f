//! Decoder of the choice in a chunk or a whole completion: text, reasoning, tool calls and finish reason to events.
//! This module must not know how chunks are framed, or when a response is complete.
//!
//! A `delta` holds fragments. A `message` holds the whole: alone it is read in full; after deltas it is a summary,
//! and only what no delta had is read.

use alloc::{borrow::Cow, format};

use super::ResponseDecoder;
use crate::{
    chat::{finish, transport_error},
    contract::types::Error,
    error,
    wire::{
        chunk::{CallFragment, Choice, Chunk, Message, PASSTHROUGH},
        json,
    },
};

/// How deep reasoning is searched in nested lists and objects: each level is parsed again.
const DEPTH: u8 = 4;

/// What the deltas held so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) text: bool,
    pub(super) reasoning: bool,
    signature: bool,
    /// Tool calls in deltas.
    calls: bool,
    /// Tool calls outside of deltas.
    calls_beside: bool,
    /// Tool calls in a list. Some servers repeat them as `function_call`.
    listed_calls: bool,
    passthrough: [bool; PASSTHROUGH.len()],
}

impl ResponseDecoder {
    /// Reads a choice; returns the error if the choice reports a failure.
    pub(super) fn choice(&mut self, chunk: &Chunk<'_>) -> Option<Error> {
        let choice = &chunk.choice;
        self.delta(&choice.delta);
        if let Some(message) = &choice.message {
            self.message(message);
        }
        if let Some(text) = choice.text.filter(|_| !choice.has_message) {
            self.seen.text |= self.content(text);
        }
        self.calls(choice, &chunk.calls);
        self.passthrough(choice);
        self.finish(choice)
    }

    fn delta(&mut self, delta: &Message<'_>) {
        let (has_reasoning, is_signed) = self.reasoning(delta, true, true);
        self.seen.reasoning |= has_reasoning;
        self.seen.signature |= is_signed;
        self.seen.text |= self.said(delta);
    }

    /// Reads the parts of a message that no delta had.
    fn message(&mut self, message: &Message<'_>) {
        let has_reasoning = self.seen.reasoning || (self.seen.text && self.think_tags.has_reasoned());
        self.reasoning(message, !has_reasoning, !self.seen.signature);
        if !self.seen.text {
            self.said(message);
        }
    }

    /// Reads the text of a `delta` or `message`; false if it has none.
    fn said(&mut self, said: &Message<'_>) -> bool {
        let has_content = said.content.is_some_and(|content| self.content(content));
        has_content || said.plain.as_deref().is_some_and(|text| self.add_text(text))
    }

    /// Reads the tool calls, which may be in several places. Deltas count first, then the fields outside of them. The
    /// calls of a whole message after deltas are a summary.
    fn calls(&mut self, choice: &Choice<'_>, top: &[CallFragment<'_>]) {
        let whole = choice
            .message
            .as_deref()
            .map_or(&[][..], |message| &message.calls);
        let fragments = if !choice.delta.calls.is_empty() {
            &choice.delta.calls
        } else if self.seen.calls {
            return;
        } else if !whole.is_empty() {
            if self.seen.calls_beside {
                return;
            }
            whole
        } else if choice.beside.is_empty() {
            top
        } else {
            &choice.beside
        };
        if fragments.is_empty() {
            return;
        }
        self.seen.calls |= !choice.delta.calls.is_empty();
        self.seen.listed_calls |= fragments.iter().any(|fragment| !fragment.is_legacy);
        self.fragments(fragments, whole.is_empty());
    }

    /// Reads fragments of tool calls. `is_beside` says that they are not those of a whole message.
    pub(super) fn fragments(&mut self, fragments: &[CallFragment<'_>], is_beside: bool) {
        self.seen.calls_beside |= is_beside;
        self.think_tags.flush(&mut self.events);
        self.spoke_last = false;
        for fragment in fragments {
            if !(fragment.is_legacy && self.seen.listed_calls) {
                self.tools.push(fragment, self.chunks, &mut self.events);
            }
        }
    }

    fn passthrough(&mut self, choice: &Choice<'_>) {
        for (at, key) in PASSTHROUGH.iter().enumerate() {
            let Some(seen) = self.seen.passthrough.get_mut(at) else {
                continue;
            };
            let fragment = choice.delta.passthrough.get(at).copied().flatten();
            let whole = choice.message.as_deref().filter(|_| !*seen);
            let whole = whole.and_then(|message| message.passthrough.get(at).copied().flatten());
            if let Some(value) = fragment.or(whole).filter(|value| !json::is_blank(value)) {
                *seen |= fragment.is_some();
                self.events.other(key, value);
            }
        }
    }

    /// Reads the finish reason; returns the error if the backend failed.
    fn finish(&mut self, choice: &Choice<'_>) -> Option<Error> {
        let word = choice
            .finish_reason
            .and_then(json::text)
            .filter(|word| !finish::is_none(word));
        if let Some(word) = word {
            if finish::meaning(&word) == finish::Meaning::Failed {
                return Some(match choice.error {
                    Some(error) => error::from_event(error),
                    None => transport_error::failed(&word),
                });
            }
            self.finish_word = Some(word.into_owned());
        }
        choice.error.map(error::from_event)
    }

    /// Reads `content`: a string, a list of parts or a single part; false if it has no text.
    fn content(&mut self, raw: &str) -> bool {
        match raw.as_bytes().first() {
            Some(b'"') => json::text(raw).is_some_and(|text| self.add_text(&text)),
            Some(b'[') => {
                let mut any = false;
                json::items(raw, &mut |part| any |= self.part(part));
                any
            }
            Some(b'{') => self.part(raw),
            // A number or a boolean: the server parsed the model's text as JSON.
            Some(_) => self.add_text(raw),
            None => false,
        }
    }

    /// Adds text of the response; false if it is empty.
    pub(super) fn add_text(&mut self, text: &str) -> bool {
        self.think_tags.push(text, &mut self.events);
        self.spoke_last = self.spoke_last || !text.trim_ascii().is_empty();
        !text.is_empty()
    }

    /// Reads one content part; false if it is no text.
    fn part(&mut self, raw: &str) -> bool {
        if raw.starts_with('"') {
            return self.content(raw);
        }
        let (mut kind, mut text, mut reasoning) = (None, None, None);
        json::members(raw, &mut |key, value| match key {
            "type" => kind = json::text(value),
            "text" => text = plain_text(value),
            "thinking" | "reasoning" | "summary" => reasoning = Some(value),
            _ => {}
        });
        let kind = kind.as_deref().unwrap_or("text");
        let is_reasoning = matches!(kind, "thinking" | "reasoning" | "reasoning_text");
        if is_reasoning && (reasoning.is_some() || text.is_some()) {
            let has_any = reasoning.is_some_and(|reasoning| self.reasoning_value(reasoning));
            if !has_any && let Some(text) = text {
                self.add_reasoning(&text);
            }
            return false;
        }
        if let Some(text) = text.filter(|_| matches!(kind, "text" | "output_text")) {
            self.add_text(&text)
        } else {
            if !json::is_blank(raw) {
                // Wrapped in a list: passthrough lists are concatenated, objects of one name replace each other.
                self.events.other("content", &format!("[{raw}]"));
            }
            false
        }
    }

    /// Reads reasoning fields beside the text. Of several that repeat the same, the first that is not empty counts.
    /// Returns whether there was reasoning, and whether there was a signature.
    fn reasoning(&mut self, said: &Message<'_>, takes_text: bool, takes_signature: bool) -> (bool, bool) {
        let (mut any, mut is_signed) = (false, false);
        for raw in said.reasoning.iter().flatten().filter(|_| takes_text) {
            any = any || self.reasoning_value(raw);
        }
        let takes_details = takes_text && !any;
        let mut detail = |detail: &str| {
            let mut signature = None;
            json::members(detail, &mut |key, value| match key {
                "text" | "summary" if takes_details => any |= self.reasoning_value(value),
                "signature" | "data" => signature = json::text(value).filter(|text| !text.is_empty()),
                _ => {}
            });
            if let Some(signature) = signature.filter(|_| takes_signature) {
                self.events.signature(signature.into_owned());
                is_signed = true;
            }
        };
        if let Some(details) = said.reasoning_details {
            json::items(details, &mut detail);
        }
        let is_odd = |raw: &&str| raw.starts_with(['{', '[']) && !json::is_blank(raw);
        self.notices.is_unread |= takes_text && !any && said.reasoning.iter().flatten().any(is_odd);
        (any, is_signed)
    }

    /// Reads reasoning as a string, an object with a text, or a list of them; false if it has none.
    fn reasoning_value(&mut self, raw: &str) -> bool {
        self.reasoning_within(raw, DEPTH)
    }

    fn reasoning_within(&mut self, raw: &str, depth: u8) -> bool {
        let mut any = false;
        match raw.as_bytes().first() {
            Some(b'"') => any = json::text(raw).is_some_and(|text| self.add_reasoning(&text)),
            Some(b'[') if depth > 0 => {
                json::items(raw, &mut |part| any |= self.reasoning_within(part, depth - 1));
            }
            Some(b'{') if depth > 0 => {
                json::members(raw, &mut |key, value| {
                    if matches!(key, "text" | "content" | "summary" | "thinking" | "reasoning") {
                        any = any || self.reasoning_within(value, depth - 1);
                    }
                });
            }
            _ => {}
        }
        any
    }

    /// Adds reasoning that was not part of the text; false if it is empty.
    pub(super) fn add_reasoning(&mut self, text: &str) -> bool {
        if text.is_empty() {
            return false;
        }
        self.spoke_last = self.spoke_last || !text.trim_ascii().is_empty();
        self.think_tags.beside();
        self.events.reasoning(text);
        true
    }
}

/// A string, or an object that holds it as `value`.
fn plain_text(raw: &str) -> Option<Cow<'_, str>> {
    let mut text = json::text(raw);
    json::members(raw, &mut |key, value| {
        if key == "value" {
            text = json::text(value);
        }
    });
    text
}
