//! Putting events together to the content of a whole answer, by the rule that stands at the contract's
//! `chat-event`.

use alloc::{string::String, vec::Vec};

use crate::contract::types::{AssistantPart, ChatEvent, ToolCall};

/// Folds events into the content of an answer.
#[derive(Debug, Default)]
pub struct Fold {
    parts: Vec<AssistantPart>,
    /// Of each call, by its index: which part it is.
    calls: Vec<(u32, usize)>,
}

impl Fold {
    /// Takes the next event.
    pub fn push(&mut self, event: ChatEvent) {
        match (event, self.parts.last_mut()) {
            (ChatEvent::Text(more), Some(AssistantPart::Text(text))) => text.push_str(&more),
            (ChatEvent::Text(text), _) => self.parts.push(AssistantPart::Text(text)),
            (ChatEvent::Reasoning(more), Some(AssistantPart::Reasoning(last)))
                if last.signature.is_none() =>
            {
                last.text.push_str(&more.text);
                last.signature = more.signature;
            }
            (ChatEvent::Reasoning(reasoning), _) => self.parts.push(AssistantPart::Reasoning(reasoning)),
            (ChatEvent::ToolCallStart(start), _) => {
                self.calls.push((start.index, self.parts.len()));
                let arguments_json = String::new();
                self.parts.push(AssistantPart::ToolCall(ToolCall {
                    id: start.id,
                    name: start.name,
                    arguments_json,
                }));
            }
            (ChatEvent::ToolCallDelta(delta), _) => {
                let part = self
                    .calls
                    .iter()
                    .rev()
                    .find(|(index, _)| *index == delta.index)
                    .map(|(_, part)| *part);
                if let Some(AssistantPart::ToolCall(call)) = part.and_then(|part| self.parts.get_mut(part)) {
                    call.arguments_json.push_str(&delta.arguments_fragment);
                }
            }
            (ChatEvent::ToolCallEnd(_), _) => {}
            (ChatEvent::Media(media), _) => self.parts.push(AssistantPart::Media(media)),
            (ChatEvent::Other(other), _) => self.parts.push(AssistantPart::Other(other)),
        }
    }

    /// Gives the content, in the order in which its parts began.
    #[must_use]
    pub fn finish(self) -> Vec<AssistantPart> {
        self.parts
    }
}
