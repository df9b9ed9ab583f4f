//! The reasoning of a response: in the summary if the client requests one, else in the content.

use super::{
    super::{
        conversion,
        events::{At, Said},
        items::{Item, Part, raw},
        resource::Status,
    },
    Open, Output,
};
use crate::dialect::Frame;
use provider_contract::contract::Reasoning;

#[derive(Debug)]
pub(super) struct ReasoningItem {
    index: usize,
    id: String,
    text: String,
    signature: Option<String>,
}

impl Output {
    pub(super) fn reasoning(&mut self, said: &Reasoning, frames: &mut Vec<Frame>) {
        if said.text.is_empty() && said.signature.is_none() {
            return;
        }
        let mut thought = match self.open.take() {
            Some(Open::ReasoningItem(thought)) => thought,
            Some(Open::Message(message)) => {
                self.end_message(message, Status::Completed, frames);
                self.new_thought(frames)
            }
            None => self.new_thought(frames),
        };
        if !said.text.is_empty() {
            if thought.text.is_empty() {
                self.thought_part(&thought, "added", "", frames);
            }
            let (at, delta) = (thought.at(self.wants_summary), said.text.as_str());
            let kind = if self.wants_summary {
                "response.reasoning_summary_text.delta"
            } else {
                "response.reasoning_text.delta"
            };
            self.events.push(frames, kind, Said::Delta { at, delta });
            thought.text.push_str(&said.text);
        }
        match &said.signature {
            // It closes the signed item.
            Some(signature) => {
                thought.signature = Some(signature.clone());
                self.end_thought(&thought, Status::Completed, frames);
            }
            None => self.open = Some(Open::ReasoningItem(thought)),
        }
    }

    pub(super) fn new_thought(&mut self, frames: &mut Vec<Frame>) -> ReasoningItem {
        let index = self.place();
        let id = self.item_id("rs", index);
        let item = Item::Reasoning {
            id: &id,
            status: Status::InProgress,
            summary: &[],
            content: None,
            encrypted_content: None,
        };
        self.begin(index, &item, frames);
        ReasoningItem {
            index,
            id,
            text: String::new(),
            signature: None,
        }
    }

    pub(super) fn thought_part(
        &mut self,
        thought: &ReasoningItem,
        step: &str,
        text: &str,
        frames: &mut Vec<Frame>,
    ) {
        let part = thought_part(self.wants_summary, text);
        let kind = match (self.wants_summary, step) {
            (true, "added") => "response.reasoning_summary_part.added",
            (true, _) => "response.reasoning_summary_part.done",
            (false, "added") => "response.content_part.added",
            (false, _) => "response.content_part.done",
        };
        let at = thought.at(self.wants_summary);
        self.events.push(frames, kind, Said::Part { at, part: &part });
    }

    pub(super) fn end_thought(&mut self, thought: &ReasoningItem, status: Status, frames: &mut Vec<Frame>) {
        let text = thought.text.as_str();
        let mut parts = Vec::new();
        if !text.is_empty() {
            let kind = if self.wants_summary {
                "response.reasoning_summary_text.done"
            } else {
                "response.reasoning_text.done"
            };
            let said = Said::TextDone {
                at: thought.at(self.wants_summary),
                text,
                logprobs: None,
            };
            self.events.push(frames, kind, said);
            self.thought_part(thought, "done", text, frames);
            parts.push(raw(&thought_part(self.wants_summary, text)));
        }
        let sealed = match &thought.signature {
            Some(signature) => Some(signature.clone()),
            None => self.wants_sealed.then(|| conversion::sealed(text)),
        };
        let (summary, content) = if self.wants_summary {
            (&parts[..], None)
        } else {
            (&[][..], Some(&parts[..]))
        };
        let item = Item::Reasoning {
            id: &thought.id,
            status,
            summary,
            content,
            encrypted_content: sealed.as_deref(),
        };
        self.done(thought.index, &item, frames);
    }
}

impl ReasoningItem {
    fn at(&self, is_summary: bool) -> At<'_> {
        At {
            item_id: &self.id,
            output_index: self.index,
            content_index: (!is_summary).then_some(0),
            summary_index: is_summary.then_some(0),
        }
    }
}

fn thought_part(is_summary: bool, text: &str) -> Part<'_> {
    if is_summary {
        Part::SummaryText { text }
    } else {
        Part::ReasoningText { text }
    }
}
