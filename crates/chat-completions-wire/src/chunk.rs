//! Decoder of one JSON object of a response in one pass: a `chat.completion.chunk` or a whole `chat.completion`.
//!
//! Both have the same form but for `delta` and `message`. Every member may be missing, null, of another type or
//! repeated. Values stay borrowed text; `step` is the table of known members. This module must not know what a value
//! means for the response.
//!
//! A shape outside of the format is accepted where it has only one meaning: a single object in place of a list, a
//! string in place of a `delta` or `message`. Any other value in place of one is reported ([`Chunk::is_unread`]).

use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};

use self::table::{Place, Reading};
use crate::{
    json,
    walk::{Step, walk, walk_plain},
};

mod table;

/// Passthrough members of the top level. The first three identify the response, and its chunks repeat them: the first
/// value counts; of the remaining members the last value counts.
pub const EXTRAS: [&str; 8] = [
    "id",
    "model",
    "system_fingerprint",
    "service_tier",
    "usage",
    "timings",
    "time_info",
    "sla_metrics",
];
/// How many of [`EXTRAS`] identify the response.
const NAMES: usize = 3;
/// Passthrough members of a choice or its message, which become events of their own.
pub const PASSTHROUGH: [&str; 6] = [
    "logprobs",
    "annotations",
    "executed_tools",
    "refusal",
    "images",
    "audio",
];

/// The members of a chunk or of a whole completion.
#[derive(Debug, Default)]
pub struct Chunk<'a> {
    /// Whether there is a non-empty `error` or `errors`.
    pub is_error: bool,
    /// Whether there is a `message` or `msg` at the top level, as in an error without its own member.
    pub is_message: bool,
    /// Whether there is a `detail` there, which only errors have.
    pub is_detail: bool,
    /// The object's own `type` or `event`.
    pub kind: Option<&'a str>,
    /// Whether there is a list of choices, empty or not.
    pub has_choices: bool,
    /// Usage, at any of its places.
    pub usage: Option<&'a str>,
    /// The upstream's warnings, outside of the choices.
    pub warnings: Option<&'a str>,
    /// The members of [`EXTRAS`].
    pub extras: [Option<&'a str>; EXTRAS.len()],
    /// The number of choices, at least.
    pub choices: u32,
    /// The choice that counts: see [`Chunk::decode`].
    pub choice: Choice<'a>,
    /// Tool calls beside the choices.
    pub calls: Vec<CallFragment<'a>>,
    /// Whether a value that may hold a part of the response has an unknown shape.
    pub is_unread: bool,
}

/// The largest member that is retained beyond its chunk.
const EXTRA_LIMIT: usize = 4096;

/// The members of [`EXTRAS`] in the chunks of a response.
#[derive(Debug, Default)]
pub struct Extras([Option<String>; EXTRAS.len()]);

impl Extras {
    /// Whether this identifies the response and is known already.
    fn names(&self, at: usize) -> bool {
        at < NAMES && matches!(self.0.get(at), Some(Some(_)))
    }

    /// Stores a chunk's extras; its usage only if that `counts`.
    pub fn store(&mut self, chunk: &Chunk<'_>, counts: bool) {
        for ((stored, new), name) in self.0.iter_mut().zip(chunk.extras).zip(EXTRAS) {
            let new = new.filter(|_| counts || name != "usage");
            let Some(new) = new.filter(|new: &&str| new.len() <= EXTRA_LIMIT && !json::is_blank(new)) else {
                continue;
            };
            let stored = stored.get_or_insert_default();
            stored.clear();
            stored.push_str(new);
        }
    }

    /// Takes the extras that are not empty, with their names.
    pub fn take(&mut self) -> impl Iterator<Item = (&'static str, String)> {
        let values = self.0.iter_mut().map(Option::take);
        EXTRAS
            .into_iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// A choice with its `delta` or `message`.
#[derive(Debug, Default)]
pub struct Choice<'a> {
    /// Its place among several; 0 if missing.
    pub index: i64,
    /// A non-empty `error`.
    pub error: Option<&'a str>,
    /// The backend's finish reason.
    pub finish_reason: Option<&'a str>,
    /// The text outside of any message, as in legacy completions.
    pub text: Option<&'a str>,
    /// The delta. It also gets the members of the choice itself that are in [`PASSTHROUGH`].
    pub delta: Message<'a>,
    /// The whole message. In a stream it may repeat the deltas.
    pub message: Option<Box<Message<'a>>>,
    /// Tool calls beside the `delta` or `message`.
    pub beside: Vec<CallFragment<'a>>,
    /// Whether there is a `delta` or `message`, even an empty one.
    pub has_message: bool,
}

/// A `delta` or a `message`.
#[derive(Debug, Default)]
pub struct Message<'a> {
    /// The text, or a list of parts.
    pub content: Option<&'a str>,
    /// The string in place of the object.
    pub plain: Option<Cow<'a, str>>,
    /// `reasoning_content`, `reasoning`, `reasoning_text`, `thinking`: the earlier one counts.
    pub reasoning: [Option<&'a str>; 4],
    /// Reasoning with signatures, as some backends send it beside the text.
    pub reasoning_details: Option<&'a str>,
    /// Tool calls or fragments of them.
    pub calls: Vec<CallFragment<'a>>,
    /// The members of [`PASSTHROUGH`].
    pub passthrough: [Option<&'a str>; PASSTHROUGH.len()],
}

/// A tool call, or a fragment of one.
#[derive(Debug, Default)]
pub struct CallFragment<'a> {
    /// `None` if missing or negative.
    pub index: Option<i64>,
    /// The call's id.
    pub id: Option<Cow<'a, str>>,
    /// The tool's name.
    pub name: Option<Cow<'a, str>>,
    /// Text of the arguments: of a string what it holds, of anything else its JSON.
    pub arguments: Option<Cow<'a, str>>,
    /// The raw arguments, unless the call has earlier ones.
    pub raw_arguments: Option<&'a str>,
    /// Whether it is the `function_call` of the older API.
    pub is_legacy: bool,
}

/// The text is not one JSON object.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAnObject;

impl<'a> Chunk<'a> {
    /// Decodes one JSON object. Identifiers of the response that are `known` are skipped.
    ///
    /// A single choice counts, whatever its index. Of several it is the one of the `wanted` index; where none is wanted
    /// yet, that of index 0, or else the first.
    pub fn decode(text: &'a str, known: &Extras, wanted: Option<i64>) -> Result<Self, NotAnObject> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err(NotAnObject);
        }
        let mut reading = Reading::new(wanted, known);
        if walk_plain(text, &mut reading, Step::Object(Place::Top)).is_ok() {
            return Ok(reading.chunk);
        }
        Self::decode_by_serde(text, known, wanted)
    }

    /// The same of an object's text, all of it read by serde_json; for what is odd, and for tests to compare with.
    #[cold]
    pub fn decode_by_serde(text: &'a str, known: &Extras, wanted: Option<i64>) -> Result<Self, NotAnObject> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err(NotAnObject);
        }
        let mut reading = Reading::new(wanted, known);
        match walk(text, &mut reading, Step::Object(Place::Top)) {
            Ok(()) => Ok(reading.chunk),
            Err(_) => Err(NotAnObject),
        }
    }
}

impl Choice<'_> {
    /// Whether it says nothing but a finish reason.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let delta = &self.delta;
        delta.plain.is_none()
            && self.message.is_none()
            && delta.calls.is_empty()
            && self.beside.is_empty()
            && are_blank(&[delta.content, self.text, self.error])
            && are_blank(&delta.reasoning)
            && are_blank(&delta.passthrough)
    }
}

fn are_blank(values: &[Option<&str>]) -> bool {
    values.iter().flatten().all(|raw| json::is_blank(raw))
}

impl<'a> CallFragment<'a> {
    /// Whether it says nothing, such as `"function_call": null`.
    fn is_empty(&self) -> bool {
        self.id.is_none() && self.name.is_none() && self.arguments.is_none()
    }
}

#[cfg(test)]
mod tests;
