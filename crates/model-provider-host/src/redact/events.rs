//! Redaction of the events of one response.
//!
//! Text, reasoning and the arguments of each tool call are searched across events. Held-back text is released
//! before its part ends, so that the order of events, and the parts that they form, are unchanged. Events that belong
//! to no other part, such as log probabilities, wait for the text before them: they do not end it. What those say is
//! searched across events as well.

use std::collections::{BTreeMap, VecDeque};

use super::{finder::Finder, following::Following, others::Others, results, text::TextRedactor};
use crate::contract::{ChatEvent, Reasoning, Summary, ToolCallDelta, ToolCallEnd, ToolCallStart};

/// Redacts one response.
pub(crate) struct EventRedactor {
    finder: Finder,
    text: TextRedactor,
    reasoning: TextRedactor,
    /// Events that wait for the text or the reasoning, whichever holds something back.
    following: Following,
    others: Others,
    /// Of incomplete tool calls, by index. A plugin may have as many as there may be events.
    arguments: BTreeMap<u32, TextRedactor>,
}

impl EventRedactor {
    pub(crate) fn new(finder: Finder) -> Self {
        Self {
            finder,
            text: TextRedactor::default(),
            reasoning: TextRedactor::default(),
            following: Following::default(),
            others: Others::default(),
            arguments: BTreeMap::new(),
        }
    }

    /// Takes the next event; adds what may be released to `out`.
    pub(crate) fn push(&mut self, event: ChatEvent, out: &mut VecDeque<ChatEvent>) {
        match event {
            // A piece without text ends no other part.
            ChatEvent::Text(piece) if piece.is_empty() => {}
            ChatEvent::Text(piece) => {
                self.end_reasoning(out);
                let now = self.text.push(&self.finder, piece);
                self.release_text(now, out);
            }
            ChatEvent::Reasoning(reasoning) => self.reasoning(reasoning, out),
            ChatEvent::ToolCallStart(ToolCallStart {
                index,
                mut id,
                mut name,
            }) => {
                self.end_part(out);
                self.finder.clean(&mut id);
                self.finder.clean(&mut name);
                out.push_back(ChatEvent::ToolCallStart(ToolCallStart { index, id, name }));
            }
            // Belongs to its call wherever it comes: text and other calls need not end before it.
            ChatEvent::ToolCallDelta(ToolCallDelta {
                index,
                arguments_fragment,
            }) => {
                let arguments = self.arguments.entry(index).or_default();
                let now = arguments.push(&self.finder, arguments_fragment);
                delta(index, now, out);
            }
            ChatEvent::ToolCallEnd(ToolCallEnd { index, mut extras }) => {
                results::extras(&self.finder, &mut extras);
                if let Some(mut arguments) = self.arguments.remove(&index) {
                    delta(index, arguments.flush(&self.finder), out);
                }
                out.push_back(ChatEvent::ToolCallEnd(ToolCallEnd { index, extras }));
            }
            ChatEvent::Media(mut media) => {
                self.end_part(out);
                results::media(&self.finder, &mut media);
                out.push_back(ChatEvent::Media(media));
            }
            ChatEvent::Other(mut other) => {
                results::extras(&self.finder, std::slice::from_mut(&mut other));
                let mut now = Vec::new();
                self.others.push(&self.finder, other, &mut now);
                for other in now {
                    self.follow(ChatEvent::Other(other), out);
                }
            }
        }
    }

    fn reasoning(&mut self, said: Reasoning, out: &mut VecDeque<ChatEvent>) {
        let Reasoning {
            text: piece,
            mut signature,
            mut extras,
        } = said;
        results::extras(&self.finder, &mut extras);
        if let Some(signature) = &mut signature {
            self.finder.clean(signature);
        }
        if piece.is_empty() && self.text.holds() {
            return self.follow(
                ChatEvent::Reasoning(Reasoning {
                    text: piece,
                    signature,
                    extras,
                }),
                out,
            );
        }
        self.end_text(out);
        let mut now = self.reasoning.push(&self.finder, piece);
        if signature.is_some() {
            // It ends its part.
            now.push_str(&self.reasoning.flush(&self.finder));
        }
        let thought = |text| ChatEvent::Reasoning(Reasoning::new(text));
        let text = self.following.release(now, thought, out);
        if !text.is_empty() || signature.is_some() || !extras.is_empty() {
            out.push_back(ChatEvent::Reasoning(Reasoning {
                text,
                signature,
                extras,
            }));
        }
    }

    /// Passes an event on, or lets it wait for the held-back text before it. At most one of the two streams holds
    /// something back.
    fn follow(&mut self, event: ChatEvent, out: &mut VecDeque<ChatEvent>) {
        let held = self.text.held() + self.reasoning.held();
        self.following.push(event, held, out);
    }

    /// Releases the rest at the end of a response, successful or not.
    pub(crate) fn finish(&mut self, out: &mut VecDeque<ChatEvent>) {
        self.end_part(out);
        self.following.finish(out);
        for (index, mut arguments) in std::mem::take(&mut self.arguments) {
            delta(index, arguments.flush(&self.finder), out);
        }
        let mut rest = Vec::new();
        self.others.finish(&self.finder, &mut rest);
        out.extend(rest.into_iter().map(ChatEvent::Other));
    }

    /// Redacts the summary.
    pub(crate) fn summary(&self, summary: &mut Summary) {
        results::summary(&self.finder, summary);
    }

    /// Text and reasoning end before another part begins. At most one of them holds something back.
    fn end_part(&mut self, out: &mut VecDeque<ChatEvent>) {
        self.end_text(out);
        self.end_reasoning(out);
    }

    fn end_text(&mut self, out: &mut VecDeque<ChatEvent>) {
        if self.text.holds() {
            let now = self.text.flush(&self.finder);
            self.release_text(now, out);
        }
    }

    fn release_text(&mut self, now: String, out: &mut VecDeque<ChatEvent>) {
        let now = self.following.release(now, ChatEvent::Text, out);
        if !now.is_empty() {
            out.push_back(ChatEvent::Text(now));
        }
    }

    fn end_reasoning(&mut self, out: &mut VecDeque<ChatEvent>) {
        if self.reasoning.holds() {
            let now = self.reasoning.flush(&self.finder);
            let thought = |text| ChatEvent::Reasoning(Reasoning::new(text));
            let now = self.following.release(now, thought, out);
            if !now.is_empty() {
                out.push_back(thought(now));
            }
        }
    }
}

fn delta(index: u32, arguments_fragment: String, out: &mut VecDeque<ChatEvent>) {
    if !arguments_fragment.is_empty() {
        out.push_back(ChatEvent::ToolCallDelta(ToolCallDelta {
            index,
            arguments_fragment,
        }));
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
