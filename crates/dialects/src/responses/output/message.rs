//! The messages of a response: texts with their annotations and log probabilities, and refusals.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{
        events::{At, Said},
        items::{Item, Part, raw},
        resource::Status,
    },
    Open, Output,
};
use crate::{
    dialect::Frame,
    passthrough::{self, List},
};
use provider_contract::contract::Extra;

#[derive(Debug)]
pub(super) struct Message {
    index: usize,
    id: String,
    content: Vec<Box<RawValue>>,
    part: Option<MessagePart>,
}

#[derive(Debug)]
enum MessagePart {
    Text {
        text: String,
        annotations: List,
        annotated: usize,
        logprobs: List,
    },
    Refusal(String),
}

impl Output {
    /// The open message; opens one if there is none.
    pub(super) fn message(&mut self, frames: &mut Vec<Frame>) -> Message {
        match self.open.take() {
            Some(Open::Message(message)) => return message,
            Some(Open::ReasoningItem(thought)) => self.end_thought(&thought, Status::Completed, frames),
            None => {}
        }
        let index = self.place();
        let id = self.item_id("msg", index);
        let item = Item::Message {
            id: &id,
            status: Status::InProgress,
            role: "assistant",
            content: &[],
        };
        self.begin(index, &item, frames);
        Message {
            index,
            id,
            content: Vec::new(),
            part: None,
        }
    }

    pub(super) fn text(&mut self, text: &str, probabilities: &List, frames: &mut Vec<Frame>) {
        let mut message = self.message(frames);
        if !matches!(message.part, Some(MessagePart::Text { .. })) {
            self.end_part(&mut message, frames);
            let none = List::default();
            let part = Part::OutputText {
                text: "",
                annotations: &none,
                logprobs: &none,
            };
            let at = message.at();
            self.events.push(
                frames,
                "response.content_part.added",
                Said::Part { at, part: &part },
            );
            message.part = Some(MessagePart::Text {
                text: String::new(),
                annotations: List::default(),
                annotated: 0,
                logprobs: List::default(),
            });
        }
        let said = Said::TextDelta {
            at: message.at(),
            delta: text,
            logprobs: probabilities,
        };
        if !text.is_empty() || !probabilities.is_empty() {
            self.events.push(frames, "response.output_text.delta", said);
        }
        if let Some(MessagePart::Text {
            text: so_far,
            logprobs,
            ..
        }) = &mut message.part
        {
            so_far.push_str(text);
            logprobs.join(probabilities);
        }
        self.open = Some(Open::Message(message));
    }

    pub(super) fn has_text(&self) -> bool {
        let part = match &self.open {
            Some(Open::Message(message)) => message.part.as_ref(),
            _ => None,
        };
        matches!(part, Some(MessagePart::Text { .. }))
    }

    pub(super) fn refusal(&mut self, refusal: &str, frames: &mut Vec<Frame>) {
        let mut message = self.message(frames);
        if !matches!(message.part, Some(MessagePart::Refusal(_))) {
            self.end_part(&mut message, frames);
            let (at, part) = (message.at(), Part::Refusal { refusal: "" });
            self.events.push(
                frames,
                "response.content_part.added",
                Said::Part { at, part: &part },
            );
            message.part = Some(MessagePart::Refusal(String::new()));
        }
        let (at, delta) = (message.at(), refusal);
        self.events
            .push(frames, "response.refusal.delta", Said::Delta { at, delta });
        if let Some(MessagePart::Refusal(so_far)) = &mut message.part {
            so_far.push_str(refusal);
        }
        self.open = Some(Open::Message(message));
    }

    pub(super) fn annotation(&mut self, annotation: &RawValue, frames: &mut Vec<Frame>) {
        // Opens a text for it, if there is none yet.
        self.text("", &List::default(), frames);
        let Some(Open::Message(message)) = &mut self.open else {
            return;
        };
        let at = At {
            item_id: &message.id,
            output_index: message.index,
            content_index: Some(message.content.len()),
            summary_index: None,
        };
        if let Some(MessagePart::Text {
            annotations,
            annotated,
            ..
        }) = &mut message.part
        {
            let said = Said::Annotation {
                at,
                annotation_index: *annotated,
                annotation,
            };
            self.events
                .push(frames, "response.output_text.annotation.added", said);
            annotations.push(annotation);
            *annotated += 1;
        }
    }

    pub(super) fn end_part(&mut self, message: &mut Message, frames: &mut Vec<Frame>) {
        let Some(part) = message.part.take() else { return };
        let at = message.at();
        let written = match &part {
            MessagePart::Text {
                text,
                annotations,
                annotated: _,
                logprobs,
            } => {
                let said = Said::TextDone {
                    at,
                    text,
                    logprobs: Some(logprobs),
                };
                self.events.push(frames, "response.output_text.done", said);
                Part::OutputText {
                    text,
                    annotations,
                    logprobs,
                }
            }
            MessagePart::Refusal(refusal) => {
                self.events
                    .push(frames, "response.refusal.done", Said::Refusal { at, refusal });
                Part::Refusal { refusal }
            }
        };
        self.events.push(
            frames,
            "response.content_part.done",
            Said::Part { at, part: &written },
        );
        let written = raw(&written);
        message.content.push(written);
    }

    pub(super) fn end_message(&mut self, mut message: Message, status: Status, frames: &mut Vec<Frame>) {
        self.end_part(&mut message, frames);
        let item = Item::Message {
            id: &message.id,
            status,
            role: "assistant",
            content: &message.content,
        };
        self.done(message.index, &item, frames);
    }
}

impl Message {
    fn at(&self) -> At<'_> {
        At {
            item_id: &self.id,
            output_index: self.index,
            content_index: Some(self.content.len()),
            summary_index: None,
        }
    }
}

/// The log probabilities of the text's tokens, in the form of upstream chat completions.
pub(super) fn probabilities(extra: &Extra) -> List {
    #[derive(Deserialize)]
    struct Logprobs {
        #[serde(default)]
        content: Option<Box<RawValue>>,
    }
    let mut list = List::default();
    let read = passthrough::read(&extra.value_json).and_then(|raw| serde_json::from_str(raw.get()).ok());
    if let Some(Logprobs {
        content: Some(content),
    }) = read
    {
        list.append(&content);
    }
    list
}

/// An annotation with its members beside its type; `None` if it is flat already. Upstreams of chat completions nest
/// its members in an object that is named like its type.
pub(super) fn flat(annotation: &RawValue) -> Option<Box<RawValue>> {
    type Members = BTreeMap<String, Box<RawValue>>;
    let outer: Members = serde_json::from_str(annotation.get()).ok()?;
    let kind = outer.get("type")?;
    let name: String = serde_json::from_str(kind.get()).ok()?;
    let mut members: Members = serde_json::from_str(outer.get(&name)?.get()).ok()?;
    members.insert("type".to_owned(), kind.clone());
    Some(raw(&members))
}
