//! Folds chat events into the content of a whole response, by the rule that the contract documents at `chat-event`.

use alloc::{string::String, vec::Vec};

use crate::contract::types::{AssistantPart, ChatEvent, ToolCall};

/// Folds events into the content of a response.
#[derive(Debug, Default)]
pub struct Collector {
    parts: Vec<AssistantPart>,
    /// Of each call, by its index: which part it is.
    calls: Vec<(u32, usize)>,
}

impl Collector {
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
                last.extras.extend(more.extras);
            }
            (ChatEvent::Reasoning(reasoning), _) => self.parts.push(AssistantPart::Reasoning(reasoning)),
            (ChatEvent::ToolCallStart(start), _) => {
                self.calls.push((start.index, self.parts.len()));
                let arguments_json = String::new();
                self.parts.push(AssistantPart::ToolCall(ToolCall {
                    id: start.id,
                    name: start.name,
                    arguments_json,
                    extras: Vec::new(),
                }));
            }
            (ChatEvent::ToolCallDelta(delta), _) => {
                if let Some(call) = self.call(delta.index) {
                    call.arguments_json.push_str(&delta.arguments_fragment);
                }
            }
            (ChatEvent::ToolCallEnd(end), _) => {
                if let Some(call) = self.call(end.index) {
                    call.extras.extend(end.extras);
                }
            }
            (ChatEvent::Media(media), _) => self.parts.push(AssistantPart::Media(media)),
            (ChatEvent::Other(other), _) => self.parts.push(AssistantPart::Other(other)),
        }
    }

    /// The call of this index.
    fn call(&mut self, index: u32) -> Option<&mut ToolCall> {
        let (_, part) = self.calls.iter().rev().find(|(known, _)| *known == index)?;
        match self.parts.get_mut(*part) {
            Some(AssistantPart::ToolCall(call)) => Some(call),
            _ => None,
        }
    }

    /// Gives the content, in the order in which its parts began.
    #[must_use]
    pub fn finish(self) -> Vec<AssistantPart> {
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::{Reasoning, ToolCallDelta, ToolCallStart};
    use alloc::vec;

    #[test]
    fn calls_side_by_side_keep_their_own_arguments() {
        let mut collector = Collector::default();
        for index in [0, 1] {
            let (id, name) = (alloc::format!("c{index}"), "f".into());
            collector.push(ChatEvent::ToolCallStart(ToolCallStart { index, id, name }));
        }
        for (index, fragment) in [(0, "{\"a\""), (1, "{}"), (0, ":1}")] {
            collector.push(ChatEvent::ToolCallDelta(ToolCallDelta {
                index,
                arguments_fragment: fragment.into(),
            }));
        }
        let arguments = |part: &AssistantPart| match part {
            AssistantPart::ToolCall(call) => call.arguments_json.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            collector.finish().iter().map(arguments).collect::<Vec<_>>(),
            [r#"{"a":1}"#, "{}"]
        );
    }

    #[test]
    fn a_signature_ends_its_reasoning() {
        let mut collector = Collector::default();
        let thought = |text: &str, signature: Option<&str>| Reasoning {
            text: text.into(),
            signature: signature.map(Into::into),
            extras: vec![],
        };
        for (text, signature) in [("a", None), ("b", Some("s")), ("c", None)] {
            collector.push(ChatEvent::Reasoning(thought(text, signature)));
        }
        let expected = vec![thought("ab", Some("s")), thought("c", None)];
        assert_eq!(
            collector.finish(),
            expected
                .into_iter()
                .map(AssistantPart::Reasoning)
                .collect::<Vec<_>>()
        );
    }
}
