//! Serializes a response in the dialect, whole or as a stream of events.
//!
//! Data without a place in the dialect (backend, attempts, warnings) is under `x_plugin`, which clients ignore.

use std::collections::{BTreeSet, HashMap};

use serde_json::value::RawValue;

use super::{
    blocks::{Blocks, frame},
    error,
    origins::Origins,
    stop_reason::stop,
    types::{Block, Caller, Event, Message, Stop, UsageJson},
};
use crate::{
    api_error::ApiError,
    dialect::{Frame, Head, LOGPROBS, ResponseWriter},
    ending::{Ending, RequestNotes},
};
use provider_contract::contract::{AssistantPart, ChatEvent, Extra, Summary, ToolCallStart};

/// The extra with a model's refusal.
const REFUSAL: &str = "refusal";
/// Blocks of the dialect without a case in the contract: a plugin whose upstream uses the dialect passes them
/// through.
const OWN_BLOCKS: [&str; 3] = ["redacted_thinking", "server_tool_use", "mcp_tool_use"];
const OWN_RESULTS: &str = "_tool_result";
/// The most extras of an upstream that a warning names, and the length of each name.
const NAMED: usize = 8;
const LONGEST_NAME: usize = 64;

/// Serializes the response to one request.
#[derive(Debug)]
pub(super) struct MessagesResponse {
    request_id: String,
    id: String,
    notes: RequestNotes,
    /// The stop sequences of the request.
    stops: Vec<String>,
    /// The client's tool names, by the shortened names that were sent.
    long_names: HashMap<String, String>,
    origins: Origins,
    blocks: Blocks,
    refusal: String,
    /// The upstream's extras that cannot be represented.
    not_shown: BTreeSet<String>,
}

impl MessagesResponse {
    pub(super) fn new(
        notes: RequestNotes,
        stops: Vec<String>,
        long_names: HashMap<String, String>,
        origins: Origins,
    ) -> Self {
        Self {
            request_id: String::new(),
            id: String::new(),
            notes,
            stops,
            long_names,
            origins,
            blocks: Blocks::default(),
            refusal: String::new(),
            not_shown: BTreeSet::new(),
        }
    }

    /// An upstream's own extension; returned if it is a block of the dialect.
    fn other(&mut self, extra: &Extra) -> Option<Box<RawValue>> {
        let key = extra.key.as_str();
        if key == REFUSAL
            && let Ok(more) = serde_json::from_str::<String>(&extra.value_json)
        {
            self.refusal.push_str(&more);
            return None;
        }
        if OWN_BLOCKS.contains(&key) || key.ends_with(OWN_RESULTS) {
            // A line end would end a line of the event stream; in JSON it occurs only between values.
            if let Ok(block) = RawValue::from_string(extra.value_json.replace(['\r', '\n'], " ")) {
                return Some(block);
            }
        }
        if self.not_shown.len() < NAMED {
            self.not_shown.insert(key.chars().take(LONGEST_NAME).collect());
        }
        None
    }

    /// Adds notes about what is missing at the end of a response.
    fn note_end(&mut self, summary: &Summary) {
        if !self.not_shown.is_empty() {
            let names: Vec<String> = std::mem::take(&mut self.not_shown).into_iter().collect();
            let message = format!(
                "the upstream added what Messages have no place for: {}",
                names.join(", ")
            );
            self.notes.warn("parts-not-shown", message);
        }
        self.notes.warn_of_usage(&summary.usage);
    }

    fn stop<'a>(&'a self, summary: &Summary) -> Stop<'a> {
        stop(summary, &self.stops, &self.refusal)
    }
}

impl ResponseWriter for MessagesResponse {
    fn notes(&mut self) -> &mut RequestNotes {
        &mut self.notes
    }

    fn begin(&mut self, head: Head) {
        self.id = format!("msg_{}", head.id);
        self.request_id = head.request_id;
        self.notes.default_for = head.default_for;
    }

    fn whole(&mut self, model: &str, content: &[AssistantPart], ending: Ending<'_>) -> String {
        let mut own = Vec::new();
        for part in content {
            match part {
                AssistantPart::Other(extra) => own.push(self.other(extra)),
                AssistantPart::Media(_) => self.notes.media += 1,
                AssistantPart::Text(_) | AssistantPart::Reasoning(_) | AssistantPart::ToolCall(_) => {}
            }
        }
        self.note_end(ending.summary);
        let mut own = own.into_iter();
        let blocks = content.iter().filter_map(|part| match part {
            AssistantPart::Text(text) => Some(Block::Text {
                text,
                citations: None,
            }),
            AssistantPart::Reasoning(piece) if piece.text.is_empty() && piece.signature.is_none() => None,
            AssistantPart::Reasoning(piece) => Some(Block::Thinking {
                thinking: &piece.text,
                signature: piece.signature.as_deref().unwrap_or_default(),
            }),
            AssistantPart::ToolCall(call) => Some(Block::ToolUse {
                id: &call.id,
                name: self.long_names.get(&call.name).unwrap_or(&call.name),
                // The contract's arguments are always valid JSON.
                input: RawValue::from_string(call.arguments_json.clone()).unwrap_or_default(),
                caller: Caller::Direct,
            }),
            AssistantPart::Media(_) => None,
            AssistantPart::Other(_) => own.next().flatten().map(Block::Own),
        });
        let message = Message {
            id: &self.id,
            kind: "message",
            role: "assistant",
            model,
            content: blocks.collect(),
            stop: self.stop(ending.summary),
            usage: UsageJson::from(&ending.summary.usage),
            container: None,
            x_plugin: Some(ending.details(&self.notes)),
        };
        // Strings, numbers and JSON values: serialization cannot fail.
        serde_json::to_string(&message).unwrap_or_default()
    }

    fn opening(&mut self, model: &str, frames: &mut Vec<Frame>) {
        let message = Message {
            id: &self.id,
            kind: "message",
            role: "assistant",
            model,
            content: Vec::new(),
            stop: Stop::default(),
            // Unknown until the end, where all counts are sent.
            usage: UsageJson::default(),
            container: None,
            x_plugin: None,
        };
        frames.push(frame(&Event::MessageStart { message }));
    }

    fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>) {
        if logprobs.is_some() {
            self.not_shown.insert(LOGPROBS.to_owned());
        }
        match event {
            ChatEvent::Text(text) => self.blocks.text(text, frames),
            ChatEvent::Reasoning(piece) => self.blocks.reasoning(piece, frames),
            ChatEvent::ToolCallStart(start) => match self.long_names.get(&start.name) {
                Some(name) => {
                    let named = ToolCallStart {
                        name: name.clone(),
                        ..start.clone()
                    };
                    self.blocks.call(&named, frames);
                }
                None => self.blocks.call(start, frames),
            },
            ChatEvent::ToolCallDelta(delta) => {
                self.blocks
                    .arguments(delta.index, &delta.arguments_fragment, frames);
            }
            ChatEvent::ToolCallEnd(end) => self.blocks.call_ends(end.index, frames),
            ChatEvent::Media(_) => self.notes.media += 1,
            ChatEvent::Other(extra) => {
                if let Some(block) = self.other(extra) {
                    self.blocks.own(block, frames);
                }
            }
        }
    }

    fn closing(&mut self, ending: Ending<'_>, frames: &mut Vec<Frame>) {
        self.blocks.finish(frames);
        self.note_end(ending.summary);
        frames.push(frame(&Event::MessageDelta {
            delta: self.stop(ending.summary),
            usage: UsageJson::from(&ending.summary.usage),
            x_plugin: ending.details(&self.notes),
        }));
        frames.push(frame(&Event::MessageStop));
    }

    fn locate(&self, error: &mut ApiError) {
        error.relocate(|path| self.origins.of(path));
    }

    /// No block is ended: a client might run an incomplete call.
    fn failed(&mut self, error: &ApiError, frames: &mut Vec<Frame>) {
        let mut error = error.clone();
        self.locate(&mut error);
        let body = error::body(&error, &self.request_id);
        frames.push(Frame::named("error", body.to_string()));
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
