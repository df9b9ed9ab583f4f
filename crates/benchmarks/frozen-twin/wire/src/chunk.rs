//! One JSON object of an answer, taken apart in one pass: a `chat.completion.chunk` or a whole
//! `chat.completion`.
//!
//! Both have the same form but for `delta` and `message`. Every member may be missing, null, of another type
//! or there twice. Values stay borrowed text; `step` is the table of what is looked at. What a value means
//! for the answer must not be known here.

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{
    json,
    walk::{Step, Table, walk},
};

/// Members of the top level that are handed on as they are. The first three name the answer, and its chunks
/// repeat them: of those the first that says something counts, of the others the last.
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
/// How many of [`EXTRAS`] name the answer.
const NAMES: usize = 3;
/// Members of a choice or its message that are events of their own.
pub const OTHERS: [&str; 6] = [
    "logprobs",
    "annotations",
    "executed_tools",
    "refusal",
    "images",
    "audio",
];

/// A chunk's or a whole answer's members.
#[derive(Debug, Default)]
pub struct Chunk<'a> {
    /// Whether there is an `error` that is not `null`, `""` or `false`.
    pub is_error: bool,
    /// Whether there is a `message` or `detail` beside no choices, as in an error without its own member.
    pub is_message: bool,
    /// Whether there is a list of choices, empty or not.
    pub has_choices: bool,
    /// Usage, wherever it stands.
    pub usage: Option<&'a str>,
    /// The members of [`EXTRAS`].
    pub extras: [Option<&'a str>; EXTRAS.len()],
    /// The first choice whose index is 0 or missing.
    pub choice: Choice<'a>,
}

/// The largest member that is kept beyond its chunk.
const EXTRA_LIMIT: usize = 4096;

/// The members of [`EXTRAS`] as an answer's chunks gave them.
#[derive(Debug, Default)]
pub struct Extras([Option<String>; EXTRAS.len()]);

impl Extras {
    /// Whether this is a name of the answer that is known.
    fn names(&self, at: usize) -> bool {
        at < NAMES && matches!(self.0.get(at), Some(Some(_)))
    }

    /// Takes what a chunk says.
    pub fn keep(&mut self, chunk: &Chunk<'_>) {
        for (kept, new) in self.0.iter_mut().zip(chunk.extras) {
            let Some(new) = new.filter(|new| new.len() <= EXTRA_LIMIT && !json::is_blank(new)) else {
                continue;
            };
            let kept = kept.get_or_insert_default();
            kept.clear();
            kept.push_str(new);
        }
    }

    /// Gives those that said something, under their names.
    pub fn take(&mut self) -> impl Iterator<Item = (&'static str, String)> {
        let values = self.0.iter_mut().map(Option::take);
        EXTRAS
            .into_iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// A choice and its `delta` or `message` in one.
#[derive(Debug, Default)]
pub struct Choice<'a> {
    index: i64,
    /// Why it ended, in the backend's word.
    pub finish_reason: Option<&'a str>,
    /// The answer's text, or a list of parts.
    pub content: Option<&'a str>,
    /// `reasoning_content`, `reasoning`, `reasoning_text`: the earlier one counts.
    pub reasoning: [Option<&'a str>; 3],
    /// Thoughts with their signatures, as some backends send them beside the text.
    pub reasoning_details: Option<&'a str>,
    /// Tool calls or pieces of them.
    pub calls: Vec<CallPiece<'a>>,
    /// The members of [`OTHERS`].
    pub others: [Option<&'a str>; OTHERS.len()],
}

/// A tool call, or a piece of one.
#[derive(Debug, Default)]
pub struct CallPiece<'a> {
    /// `None` if missing or negative.
    pub index: Option<i64>,
    /// The call's id.
    pub id: Option<Cow<'a, str>>,
    /// The tool's name.
    pub name: Option<Cow<'a, str>>,
    /// Text of the arguments: of a string what it holds, of anything else its JSON.
    pub arguments: Option<Cow<'a, str>>,
}

/// The text is not one JSON object.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAnObject;

impl<'a> Chunk<'a> {
    /// Takes the text of one JSON object apart. Names of the answer that are `known` are passed over.
    pub fn decode(text: &'a str, known: &Extras) -> Result<Self, NotAnObject> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err(NotAnObject);
        }
        let mut reading = Reading {
            chunk: Chunk::default(),
            chosen: false,
            known,
        };
        match walk(text, &mut reading, Step::Object(Place::Top)) {
            Ok(()) => Ok(reading.chunk),
            Err(_) => Err(NotAnObject),
        }
    }

    fn leaf(&mut self, leaf: Leaf, raw: &'a str) {
        let choice = &mut self.choice;
        match leaf {
            Leaf::Error => self.is_error |= raw != "\"\"" && raw != "false",
            Leaf::Message => self.is_message |= !json::is_blank(raw),
            Leaf::Usage => self.usage = Some(raw),
            Leaf::Extra(at) => {
                if EXTRAS.get(at) == Some(&"usage") {
                    self.usage = Some(raw);
                }
                put(&mut self.extras, at, raw);
            }
            Leaf::ChoiceIndex => choice.index = json::integer(raw).unwrap_or(0),
            Leaf::FinishReason => choice.finish_reason = Some(raw),
            Leaf::Content => choice.content = Some(raw),
            Leaf::Reasoning(at) => put(&mut choice.reasoning, at, raw),
            Leaf::ReasoningDetails => choice.reasoning_details = Some(raw),
            Leaf::Other(at) => put(&mut choice.others, at, raw),
            Leaf::CallIndex | Leaf::CallId | Leaf::Name | Leaf::Arguments => {
                if let Some(call) = choice.calls.last_mut() {
                    call.leaf(leaf, raw);
                }
            }
        }
    }
}

impl<'a> CallPiece<'a> {
    /// Whether it says nothing, such as `"function_call": null`.
    fn is_empty(&self) -> bool {
        self.id.is_none() && self.name.is_none() && self.arguments.is_none()
    }

    fn leaf(&mut self, leaf: Leaf, raw: &'a str) {
        let filled = |text: &Cow<'a, str>| !text.is_empty();
        match leaf {
            Leaf::CallIndex => self.index = json::integer(raw).filter(|index| *index >= 0),
            // A number, as legacy servers send it, is an id too.
            Leaf::CallId => self.id = Some(json::text(raw).unwrap_or(Cow::Borrowed(raw))).filter(filled),
            Leaf::Name => self.name = json::text(raw).filter(filled),
            _ => self.arguments = Some(json::text(raw).unwrap_or(Cow::Borrowed(raw))).filter(filled),
        }
    }
}

fn put<'a>(places: &mut [Option<&'a str>], at: usize, raw: &'a str) {
    if let Some(place) = places.get_mut(at) {
        *place = Some(raw);
    }
}

/// An object or array that is walked into.
#[derive(Clone, Copy)]
enum Place {
    Top,
    Groq,
    Choices,
    Choice,
    Message,
    Calls,
    Call,
    Function,
    /// `function_call`: a call and its function in one.
    Legacy,
}

/// A value that is taken as it is.
#[derive(Clone, Copy)]
enum Leaf {
    Error,
    Message,
    Usage,
    Extra(usize),
    ChoiceIndex,
    FinishReason,
    Content,
    Reasoning(usize),
    ReasoningDetails,
    Other(usize),
    CallIndex,
    CallId,
    Name,
    Arguments,
}

/// What a member of this name is, at this place.
fn step(place: Place, name: &str) -> Step<Place, Leaf> {
    use Step::{Array, Object, Skip, Take};
    let among = |names: &[&str], leaf: fn(usize) -> Leaf| match names.iter().position(|known| *known == name)
    {
        Some(at) => Take(leaf(at)),
        None => Skip,
    };
    match (place, name) {
        (Place::Top, "choices") => Array(Place::Choices),
        (Place::Top, "error") => Take(Leaf::Error),
        (Place::Top, "message" | "detail") => Take(Leaf::Message),
        (Place::Top, "x_groq") => Object(Place::Groq),
        (Place::Top, _) => among(&EXTRAS, Leaf::Extra),
        (Place::Groq | Place::Choice, "usage") => Take(Leaf::Usage),
        (Place::Choice, "index") => Take(Leaf::ChoiceIndex),
        (Place::Choice, "finish_reason") => Take(Leaf::FinishReason),
        (Place::Choice, "delta" | "message") => Object(Place::Message),
        (Place::Message, "content") => Take(Leaf::Content),
        (Place::Message, "reasoning_content") => Take(Leaf::Reasoning(0)),
        (Place::Message, "reasoning") => Take(Leaf::Reasoning(1)),
        (Place::Message, "reasoning_text") => Take(Leaf::Reasoning(2)),
        (Place::Message, "reasoning_details") => Take(Leaf::ReasoningDetails),
        (Place::Message, "tool_calls") => Array(Place::Calls),
        (Place::Message, "function_call") => Object(Place::Legacy),
        (Place::Choice | Place::Message, _) => among(&OTHERS, Leaf::Other),
        (Place::Call, "index") => Take(Leaf::CallIndex),
        (Place::Call, "id") => Take(Leaf::CallId),
        (Place::Call, "function") => Object(Place::Function),
        (Place::Function | Place::Legacy, "name") => Take(Leaf::Name),
        (Place::Function | Place::Legacy, "arguments") => Take(Leaf::Arguments),
        _ => Skip,
    }
}

/// A chunk while it is read.
struct Reading<'k, 'a> {
    chunk: Chunk<'a>,
    /// Whether its choice is the one that counts.
    chosen: bool,
    known: &'k Extras,
}

impl<'a> Table<'a> for Reading<'_, 'a> {
    type Place = Place;
    type Leaf = Leaf;

    fn member(&mut self, place: Place, name: &str) -> Step<Place, Leaf> {
        match step(place, name) {
            Step::Take(Leaf::Extra(at)) if self.known.names(at) => Step::Skip,
            step => step,
        }
    }

    fn element(&self, place: Place) -> Step<Place, Leaf> {
        match place {
            Place::Choices if !self.chosen => Step::Object(Place::Choice),
            Place::Calls => Step::Object(Place::Call),
            _ => Step::Skip,
        }
    }

    fn open(&mut self, place: Place) {
        match place {
            Place::Choices => self.chunk.has_choices = true,
            Place::Choice => self.chunk.choice = Choice::default(),
            Place::Call => self.chunk.choice.calls.push(CallPiece::default()),
            Place::Legacy => self.chunk.choice.calls.push(CallPiece {
                index: Some(0),
                ..CallPiece::default()
            }),
            _ => {}
        }
    }

    fn take(&mut self, leaf: Leaf, raw: &'a str) {
        if raw != "null" {
            self.chunk.leaf(leaf, raw);
        }
    }

    fn close(&mut self, place: Place) {
        match place {
            Place::Choice => self.chosen = self.chunk.choice.index <= 0,
            Place::Choices if !self.chosen => self.chunk.choice = Choice::default(),
            Place::Call | Place::Legacy
                if self.chunk.choice.calls.last().is_some_and(CallPiece::is_empty) =>
            {
                self.chunk.choice.calls.pop();
            }
            _ => {}
        }
    }
}
