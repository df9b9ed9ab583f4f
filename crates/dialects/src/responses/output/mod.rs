//! The contract's events as items of a response: at most one text or reasoning item is open, and each call until it
//! is complete. A whole response is built from the same events, so that it has the same content.

mod call;
mod message;
mod reasoning;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use self::{
    call::Call,
    message::{Message, flat, probabilities},
    reasoning::ReasoningItem,
};
use super::{
    events::{Events, Said},
    items::{Item, raw},
    request::Body,
    resource::Status,
};
use crate::{
    dialect::{Frame, LOGPROBS},
    passthrough::{self, Passthrough},
};
use provider_contract::contract::{ChatEvent, Extra};

/// Extras of an upstream that have a place in a message.
const ANNOTATIONS: &str = "annotations";
const REFUSAL: &str = "refusal";

/// The items of a response.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) events: Events,
    /// Completed items, by index.
    items: Vec<Option<Box<RawValue>>>,
    open: Option<Open>,
    calls: BTreeMap<u32, Call>,
    /// Images, audio or files, for which there is no item.
    pub(super) media: usize,
    /// Extras of the upstream without a place.
    pub(super) extras: BTreeMap<String, Passthrough>,
    /// The suffix of item ids.
    pub(super) id: String,
    wants_summary: bool,
    wants_sealed: bool,
    custom: Vec<String>,
}

#[derive(Debug)]
enum Open {
    Message(Message),
    ReasoningItem(ReasoningItem),
}

impl Output {
    /// Output for a response to a request.
    pub(super) fn new(body: &Body, custom: Vec<String>) -> Self {
        let mut output = Self {
            wants_summary: body.wants_summary,
            wants_sealed: body.wants_sealed,
            custom,
            ..Self::default()
        };
        output.events.is_stream = body.stream;
        output
    }

    /// The complete items.
    pub(super) fn items(self) -> Vec<Box<RawValue>> {
        self.items.into_iter().flatten().collect()
    }

    /// Adds an event.
    pub(super) fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>) {
        match event {
            ChatEvent::Text(text) => {
                return self.text(text, &logprobs.map(probabilities).unwrap_or_default(), frames);
            }
            ChatEvent::Reasoning(thought) => self.reasoning(thought, frames),
            ChatEvent::ToolCallStart(start) => self.start(start, frames),
            ChatEvent::ToolCallDelta(delta) => self.arguments(delta.index, &delta.arguments_fragment, frames),
            ChatEvent::ToolCallEnd(end) => self.end_call(end.index, Status::Completed, frames),
            ChatEvent::Media(_) => self.media += 1,
            ChatEvent::Other(extra) => self.other(extra, frames),
        }
        if let Some(extra) = logprobs {
            self.other(extra, frames);
        }
    }

    /// Completes open items; the last items of a truncated response are incomplete.
    pub(super) fn close(&mut self, status: Status, frames: &mut Vec<Frame>) {
        self.close_open(status, frames);
        while let Some((index, _)) = self.calls.first_key_value() {
            self.end_call(*index, status, frames);
        }
    }

    /// Completes the open text of a response that failed. A call has no end: clients run a call once it is done, and
    /// this one may be incomplete, or would be run again with the next request.
    pub(super) fn break_off(&mut self, frames: &mut Vec<Frame>) {
        self.close_open(Status::Incomplete, frames);
        self.calls.clear();
    }

    fn place(&mut self) -> usize {
        self.items.push(None);
        self.items.len() - 1
    }

    fn item_id(&self, kind: &str, index: usize) -> String {
        format!("{kind}_{}_{index}", self.id)
    }

    fn begin(&mut self, index: usize, item: &Item<'_>, frames: &mut Vec<Frame>) {
        let said = Said::Item {
            output_index: index,
            item,
        };
        self.events.push(frames, "response.output_item.added", said);
    }

    fn done(&mut self, index: usize, item: &Item<'_>, frames: &mut Vec<Frame>) {
        let item = raw(item);
        let said = Said::ItemDone {
            output_index: index,
            item: &item,
        };
        self.events.push(frames, "response.output_item.done", said);
        if let Some(place) = self.items.get_mut(index) {
            *place = Some(item);
        }
    }

    fn close_open(&mut self, status: Status, frames: &mut Vec<Frame>) {
        match self.open.take() {
            Some(Open::Message(message)) => self.end_message(message, status, frames),
            Some(Open::ReasoningItem(thought)) => self.end_thought(&thought, status, frames),
            None => {}
        }
    }

    fn other(&mut self, extra: &Extra, frames: &mut Vec<Frame>) {
        match extra.key.as_str() {
            // Only a text has a place for them.
            LOGPROBS if self.has_text() => self.text("", &probabilities(extra), frames),
            ANNOTATIONS => {
                if let Some(list) = passthrough::read(&extra.value_json) {
                    passthrough::each(&list, |annotation| {
                        self.annotation(flat(annotation).as_deref().unwrap_or(annotation), frames);
                    });
                }
            }
            REFUSAL => {
                if let Ok(refusal) = serde_json::from_str::<String>(&extra.value_json)
                    && !refusal.is_empty()
                {
                    self.refusal(&refusal, frames);
                }
            }
            key => {
                if let Some(value) = passthrough::read(&extra.value_json) {
                    passthrough::put(&mut self.extras, key.to_owned(), value);
                }
            }
        }
    }
}
