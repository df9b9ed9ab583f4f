//! The events of the contract as items of a response: one at a time is open for text or reasoning, and each call until it
//! is complete. A whole response is made of the same events, so that it says the same.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    conversion,
    events::{At, Events, Said},
    items::{Item, Part, raw},
    request::Body,
    resource::Status,
};
use crate::{
    dialect::{Frame, LOGPROBS},
    passthrough::{self, Added},
};
use model_provider_host::contract::{ChatEvent, Extra, Reasoning, ToolCallStart};

/// Keys of what an upstream adds that have a place in a message.
const ANNOTATIONS: &str = "annotations";
const REFUSAL: &str = "refusal";

/// The items of a response.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) events: Events,
    /// Those that are complete, each at its place.
    items: Vec<Option<Box<RawValue>>>,
    open: Option<Open>,
    calls: BTreeMap<u32, Call>,
    /// Images, audio or files, for which there is no item.
    pub(super) media: usize,
    /// What an upstream adds for which there is no place.
    pub(super) others: BTreeMap<String, Added>,
    /// What ids of items end with.
    pub(super) id: String,
    wants_summary: bool,
    wants_sealed: bool,
    custom: Vec<String>,
}

#[derive(Debug)]
enum Open {
    Message(Message),
    Thought(Thought),
}

#[derive(Debug)]
struct Message {
    index: usize,
    id: String,
    content: Vec<Box<RawValue>>,
    part: Option<MessagePart>,
}

#[derive(Debug)]
enum MessagePart {
    Text {
        text: String,
        annotations: Vec<Box<RawValue>>,
        logprobs: Vec<Box<RawValue>>,
    },
    Refusal(String),
}

#[derive(Debug)]
struct Thought {
    index: usize,
    id: String,
    text: String,
    signature: Option<String>,
}

#[derive(Debug)]
struct Call {
    index: usize,
    id: String,
    call_id: String,
    name: String,
    arguments: String,
    is_custom: bool,
}

impl Output {
    /// For a response to a request.
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

    /// The items, once all are complete.
    pub(super) fn items(self) -> Vec<Box<RawValue>> {
        self.items.into_iter().flatten().collect()
    }

    /// Adds what an event says.
    pub(super) fn event(&mut self, event: &ChatEvent, logprobs: Option<&Extra>, frames: &mut Vec<Frame>) {
        match event {
            ChatEvent::Text(text) => {
                return self.text(text, logprobs.map(probabilities).unwrap_or_default(), frames);
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

    /// Completes what is open; the last items of a response that was cut off are not whole.
    pub(super) fn close(&mut self, status: Status, frames: &mut Vec<Frame>) {
        self.close_open(status, frames);
        while let Some((index, _)) = self.calls.first_key_value() {
            self.end_call(*index, status, frames);
        }
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
            Some(Open::Thought(thought)) => self.end_thought(&thought, status, frames),
            None => {}
        }
    }

    // Messages.

    /// The message that is open, opened if none is.
    fn message(&mut self, frames: &mut Vec<Frame>) -> Message {
        match self.open.take() {
            Some(Open::Message(message)) => return message,
            Some(Open::Thought(thought)) => self.end_thought(&thought, Status::Completed, frames),
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

    fn text(&mut self, text: &str, probabilities: Vec<Box<RawValue>>, frames: &mut Vec<Frame>) {
        let mut message = self.message(frames);
        if !matches!(message.part, Some(MessagePart::Text { .. })) {
            self.end_part(&mut message, frames);
            let part = Part::OutputText {
                text: "",
                annotations: &[],
                logprobs: &[],
            };
            let at = message.at();
            self.events.push(
                frames,
                "response.content_part.added",
                Said::Part { at, part: &part },
            );
            message.part = Some(MessagePart::Text {
                text: String::new(),
                annotations: Vec::new(),
                logprobs: Vec::new(),
            });
        }
        let said = Said::TextDelta {
            at: message.at(),
            delta: text,
            logprobs: &probabilities,
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
            logprobs.extend(probabilities);
        }
        self.open = Some(Open::Message(message));
    }

    fn has_text(&self) -> bool {
        let part = match &self.open {
            Some(Open::Message(message)) => message.part.as_ref(),
            _ => None,
        };
        matches!(part, Some(MessagePart::Text { .. }))
    }

    fn refusal(&mut self, refusal: &str, frames: &mut Vec<Frame>) {
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

    fn annotation(&mut self, annotation: Box<RawValue>, frames: &mut Vec<Frame>) {
        // A text to which it belongs, if there is none yet.
        self.text("", Vec::new(), frames);
        let Some(Open::Message(message)) = &mut self.open else {
            return;
        };
        let at = At {
            item_id: &message.id,
            output_index: message.index,
            content_index: Some(message.content.len()),
            summary_index: None,
        };
        if let Some(MessagePart::Text { annotations, .. }) = &mut message.part {
            let said = Said::Annotation {
                at,
                annotation_index: annotations.len(),
                annotation: &annotation,
            };
            self.events
                .push(frames, "response.output_text.annotation.added", said);
            annotations.push(annotation);
        }
    }

    fn end_part(&mut self, message: &mut Message, frames: &mut Vec<Frame>) {
        let Some(part) = message.part.take() else { return };
        let at = message.at();
        let written = match &part {
            MessagePart::Text {
                text,
                annotations,
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

    fn end_message(&mut self, mut message: Message, status: Status, frames: &mut Vec<Frame>) {
        self.end_part(&mut message, frames);
        let item = Item::Message {
            id: &message.id,
            status,
            role: "assistant",
            content: &message.content,
        };
        self.done(message.index, &item, frames);
    }

    fn other(&mut self, extra: &Extra, frames: &mut Vec<Frame>) {
        match extra.key.as_str() {
            // Only a text has a place for them.
            LOGPROBS if self.has_text() => self.text("", probabilities(extra), frames),
            ANNOTATIONS => {
                for annotation in annotations(&extra.value_json) {
                    self.annotation(annotation, frames);
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
                    passthrough::put(&mut self.others, key.to_owned(), value);
                }
            }
        }
    }

    // Reasoning.

    fn reasoning(&mut self, said: &Reasoning, frames: &mut Vec<Frame>) {
        if said.text.is_empty() && said.signature.is_none() {
            return;
        }
        let mut thought = match self.open.take() {
            Some(Open::Thought(thought)) => thought,
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
            // It closes what it signs.
            Some(signature) => {
                thought.signature = Some(signature.clone());
                self.end_thought(&thought, Status::Completed, frames);
            }
            None => self.open = Some(Open::Thought(thought)),
        }
    }

    fn new_thought(&mut self, frames: &mut Vec<Frame>) -> Thought {
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
        Thought {
            index,
            id,
            text: String::new(),
            signature: None,
        }
    }

    fn thought_part(&mut self, thought: &Thought, step: &str, text: &str, frames: &mut Vec<Frame>) {
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

    fn end_thought(&mut self, thought: &Thought, status: Status, frames: &mut Vec<Frame>) {
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

    // Calls.

    fn start(&mut self, start: &ToolCallStart, frames: &mut Vec<Frame>) {
        self.close_open(Status::Completed, frames);
        let is_custom = self.custom.contains(&start.name);
        let index = self.place();
        let call = Call {
            index,
            id: self.item_id(if is_custom { "ctc" } else { "fc" }, index),
            call_id: start.id.clone(),
            name: start.name.clone(),
            arguments: String::new(),
            is_custom,
        };
        self.begin(index, &call.item("", Status::InProgress), frames);
        self.calls.insert(start.index, call);
    }

    fn arguments(&mut self, index: u32, fragment: &str, frames: &mut Vec<Frame>) {
        let Some(call) = self.calls.get_mut(&index) else {
            return;
        };
        call.arguments.push_str(fragment);
        // The input of a tool that takes a text is known when its arguments are whole.
        if !call.is_custom && !fragment.is_empty() {
            let said = Said::Delta {
                at: call.at(),
                delta: fragment,
            };
            self.events
                .push(frames, "response.function_call_arguments.delta", said);
        }
    }

    fn end_call(&mut self, index: u32, status: Status, frames: &mut Vec<Frame>) {
        let Some(call) = self.calls.remove(&index) else {
            return;
        };
        let at = call.at();
        if call.is_custom {
            let input = conversion::arguments_as_text(&call.arguments);
            let delta = input.as_str();
            self.events.push(
                frames,
                "response.custom_tool_call_input.delta",
                Said::Delta { at, delta },
            );
            self.events.push(
                frames,
                "response.custom_tool_call_input.done",
                Said::Input { at, input: &input },
            );
            self.done(call.index, &call.item(&input, status), frames);
            return;
        }
        let said = Said::Arguments {
            at,
            name: &call.name,
            arguments: &call.arguments,
        };
        self.events
            .push(frames, "response.function_call_arguments.done", said);
        self.done(call.index, &call.item(&call.arguments, status), frames);
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

impl Thought {
    fn at(&self, is_summary: bool) -> At<'_> {
        At {
            item_id: &self.id,
            output_index: self.index,
            content_index: (!is_summary).then_some(0),
            summary_index: is_summary.then_some(0),
        }
    }
}

impl Call {
    fn at(&self) -> At<'_> {
        At {
            item_id: &self.id,
            output_index: self.index,
            content_index: None,
            summary_index: None,
        }
    }

    fn item<'a>(&'a self, said: &'a str, status: Status) -> Item<'a> {
        let (id, call_id, name) = (&*self.id, &*self.call_id, &*self.name);
        if self.is_custom {
            Item::CustomToolCall {
                id,
                status,
                call_id,
                name,
                input: said,
            }
        } else {
            Item::FunctionCall {
                id,
                status,
                call_id,
                name,
                arguments: said,
            }
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

/// The log probabilities of the text's tokens, of the form in which upstreams of chat completions give them.
fn probabilities(extra: &Extra) -> Vec<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Logprobs {
        #[serde(default)]
        content: Option<Vec<Box<RawValue>>>,
    }
    let read = passthrough::read(&extra.value_json).and_then(|raw| serde_json::from_str(raw.get()).ok());
    read.and_then(|Logprobs { content }| content).unwrap_or_default()
}

/// Annotations, of which upstreams of chat completions put the members into one more object, named as their type.
fn annotations(value_json: &str) -> Vec<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Annotation {
        r#type: String,
        #[serde(flatten)]
        members: BTreeMap<String, Box<RawValue>>,
    }
    let list: Vec<Box<RawValue>> = passthrough::read(value_json)
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    let flat = |raw: Box<RawValue>| {
        let read: Result<Annotation, _> = serde_json::from_str(raw.get());
        let nested = read.ok().and_then(|annotation| {
            let inner = annotation.members.get(&annotation.r#type)?;
            let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(inner.get()).ok()?;
            members.insert("type".to_owned(), raw_text(&annotation.r#type));
            Some(self::raw(&members))
        });
        nested.unwrap_or(raw)
    };
    list.into_iter().map(flat).collect()
}

fn raw_text(text: &str) -> Box<RawValue> {
    raw(&text)
}
