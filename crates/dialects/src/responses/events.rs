//! The events of a stream: each has a name, a sequence number and a position in the response.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{items::Item, items::Part, resource::Resource};
use crate::{dialect::Frame, passthrough::List};

/// The position of a part in a response.
#[derive(Clone, Copy, Serialize)]
pub(super) struct At<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
}

/// The content of an event besides its position.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Said<'a> {
    Response {
        response: &'a Resource<'a>,
    },
    Item {
        output_index: usize,
        item: &'a Item<'a>,
    },
    ItemDone {
        output_index: usize,
        item: &'a RawValue,
    },
    Part {
        #[serde(flatten)]
        at: At<'a>,
        part: &'a Part<'a>,
    },
    TextDelta {
        #[serde(flatten)]
        at: At<'a>,
        delta: &'a str,
        logprobs: &'a List,
    },
    TextDone {
        #[serde(flatten)]
        at: At<'a>,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<&'a List>,
    },
    Annotation {
        #[serde(flatten)]
        at: At<'a>,
        annotation_index: usize,
        annotation: &'a RawValue,
    },
    Delta {
        #[serde(flatten)]
        at: At<'a>,
        delta: &'a str,
    },
    Refusal {
        #[serde(flatten)]
        at: At<'a>,
        refusal: &'a str,
    },
    Arguments {
        #[serde(flatten)]
        at: At<'a>,
        name: &'a str,
        arguments: &'a str,
    },
    Input {
        #[serde(flatten)]
        at: At<'a>,
        input: &'a str,
    },
    Error {
        code: &'a str,
        message: &'a str,
        param: Option<&'a str>,
        error: serde_json::Value,
    },
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    #[serde(flatten)]
    said: Said<'a>,
}

/// Numbers and serializes events; writes none for a whole response.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) is_stream: bool,
    next: u64,
}

impl Events {
    pub(super) fn push(&mut self, frames: &mut Vec<Frame>, kind: &'static str, said: Said<'_>) {
        if !self.is_stream {
            return;
        }
        let event = Event {
            kind,
            sequence_number: self.next,
            said,
        };
        self.next += 1;
        // Strings, numbers and validated JSON values: serialization cannot fail.
        frames.push(Frame::named(
            kind,
            serde_json::to_string(&event).unwrap_or_default(),
        ));
    }
}
