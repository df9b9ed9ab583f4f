//! Which members of a chunk are looked at, and where their values go. [`step`] is the table.

use alloc::{borrow::Cow, boxed::Box, vec::Vec};

use super::{CallFragment, Choice, Chunk, EXTRAS, Extras, Message, PASSTHROUGH};
use crate::{
    json,
    walk::{Step, Table},
};

/// An object or array that is walked into.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Top,
    Groq,
    Choices,
    Choice,
    /// A choice behind the one that counts.
    Other,
    OtherMessage,
    Delta,
    Message,
    Calls(Calls),
    Call,
    Function,
    /// `function_call`: a call and its function in one.
    Legacy,
}

/// Where a list of calls stands.
#[derive(Clone, Copy, Default)]
pub(super) enum Calls {
    /// In the `delta` or `message`.
    #[default]
    Within,
    /// In the choice.
    Beside,
    /// Beside the choices.
    Top,
    /// In the message of another choice.
    Other,
}

/// A value that is taken as it is.
#[derive(Clone, Copy)]
pub(super) enum Leaf {
    Error,
    Message,
    Detail,
    Kind,
    Usage,
    Warnings,
    Extra(usize),
    ChoiceIndex,
    ChoiceError,
    ChoiceText,
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

/// The step for a member of this name at this place. Each function compares with the usual names first.
fn step(place: Place, name: &str) -> Step<Place, Leaf> {
    use Step::{Array, Object, Skip, Take};
    match (place, name) {
        (Place::Top, _) => top(name),
        (Place::Choice, _) => choice(name),
        (Place::Delta | Place::Message, _) => message(name),
        // Some servers leave the function's object out: then these are members of the call.
        (Place::Function | Place::Legacy | Place::Call, "arguments") => Take(Leaf::Arguments),
        (Place::Function | Place::Legacy | Place::Call, "name") => Take(Leaf::Name),
        (Place::Call, "index") => Take(Leaf::CallIndex),
        (Place::Call, "id") => Take(Leaf::CallId),
        (Place::Call, "function") => Object(Place::Function),
        (Place::Groq, "usage") => Take(Leaf::Usage),
        // Why a stream was stopped early.
        (Place::Groq, "error") => Take(Leaf::ChoiceError),
        (Place::Other, "message") => Object(Place::OtherMessage),
        (Place::OtherMessage, "tool_calls") => Array(Place::Calls(Calls::Other)),
        _ => Skip,
    }
}

/// A member of a choice.
fn choice(name: &str) -> Step<Place, Leaf> {
    use Step::{Array, Object, Take};
    match name {
        "delta" => Object(Place::Delta),
        "index" => Take(Leaf::ChoiceIndex),
        "finish_reason" => Take(Leaf::FinishReason),
        "message" => Object(Place::Message),
        "text" => Take(Leaf::ChoiceText),
        "tool_calls" => Array(Place::Calls(Calls::Beside)),
        "usage" => Take(Leaf::Usage),
        "error" => Take(Leaf::ChoiceError),
        _ => other(name),
    }
}

/// A member of a `delta` or `message`.
fn message(name: &str) -> Step<Place, Leaf> {
    use Step::{Array, Object, Skip, Take};
    match name {
        "content" => Take(Leaf::Content),
        "role" => Skip,
        "reasoning_content" => Take(Leaf::Reasoning(0)),
        "reasoning" => Take(Leaf::Reasoning(1)),
        "tool_calls" => Array(Place::Calls(Calls::Within)),
        "reasoning_text" => Take(Leaf::Reasoning(2)),
        "thinking" => Take(Leaf::Reasoning(3)),
        "reasoning_details" => Take(Leaf::ReasoningDetails),
        "function_call" => Object(Place::Legacy),
        "usage" => Take(Leaf::Usage),
        "error" => Take(Leaf::ChoiceError),
        _ => other(name),
    }
}

/// A member that is an event of its own.
fn other(name: &str) -> Step<Place, Leaf> {
    among(&PASSTHROUGH, name).map_or(Step::Skip, |at| Step::Take(Leaf::Other(at)))
}

/// A member of the top level: first what every chunk has, last what hardly any has.
fn top(name: &str) -> Step<Place, Leaf> {
    use Step::{Array, Object, Skip, Take};
    match name {
        "choices" => return Array(Place::Choices),
        "object" | "created" => return Skip,
        _ => {}
    }
    if let Some(at) = among(&EXTRAS, name) {
        return Take(Leaf::Extra(at));
    }
    match name {
        "error" | "errors" => Take(Leaf::Error),
        "message" | "msg" => Take(Leaf::Message),
        "detail" => Take(Leaf::Detail),
        "type" | "event" => Take(Leaf::Kind),
        "x_groq" => Object(Place::Groq),
        "warnings" | "warning" => Take(Leaf::Warnings),
        "tool_calls" => Array(Place::Calls(Calls::Top)),
        _ => Skip,
    }
}

fn among(names: &[&str], name: &str) -> Option<usize> {
    names.iter().position(|known| *known == name)
}

/// A chunk while it is read.
pub(super) struct Reading<'k, 'a> {
    pub(super) chunk: Chunk<'a>,
    /// Whether its choice is the one that counts.
    chosen: bool,
    /// The first choice, as long as a better one may come.
    first: Option<Box<Choice<'a>>>,
    /// Whether the message that is read is one, and not a `delta`.
    in_message: bool,
    calls: Calls,
    /// The calls in the messages of the other choices.
    others: Vec<CallFragment<'a>>,
    wanted: Option<i64>,
    known: &'k Extras,
}

impl<'k, 'a> Reading<'k, 'a> {
    pub(super) fn new(wanted: Option<i64>, known: &'k Extras) -> Self {
        Self {
            chunk: Chunk::default(),
            chosen: false,
            first: None,
            in_message: false,
            calls: Calls::Within,
            others: Vec::new(),
            wanted,
            known,
        }
    }

    /// The `delta` or `message` that is read.
    fn said(&mut self) -> &mut Message<'a> {
        let choice = &mut self.chunk.choice;
        match &mut choice.message {
            Some(message) if self.in_message => message,
            _ => &mut choice.delta,
        }
    }

    /// The list that the calls that are read belong to.
    fn calls(&mut self) -> &mut Vec<CallFragment<'a>> {
        match self.calls {
            Calls::Within => &mut self.said().calls,
            Calls::Beside => &mut self.chunk.choice.beside,
            Calls::Top => &mut self.chunk.calls,
            Calls::Other => &mut self.others,
        }
    }

    fn open_message(&mut self, in_message: bool) {
        self.in_message = in_message;
        self.chunk.choice.has_message = true;
        if in_message {
            self.chunk.choice.message.get_or_insert_with(Box::default);
        }
    }

    fn open_choice(&mut self) {
        // The usual chunk has one choice.
        if self.chunk.choices > 0 {
            let choice = core::mem::take(&mut self.chunk.choice);
            if self.wanted.is_none() {
                self.first.get_or_insert_with(|| Box::new(choice));
            }
        }
        self.chunk.choices += 1;
    }

    /// Some servers split a whole response: its text is in one choice, its calls are in the next.
    fn join_others(&mut self) {
        if let Some(message) = &mut self.chunk.choice.message
            && message.calls.is_empty()
            && self.chunk.choice.beside.is_empty()
        {
            message.calls = core::mem::take(&mut self.others);
            self.chunk.choices -= 1;
        }
    }

    fn call(&mut self, leaf: Leaf, raw: &'a str) {
        if let Some(call) = self.calls().last_mut() {
            call.leaf(leaf, raw);
        }
    }
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
            Place::Choices => Step::Object(Place::Other),
            Place::Calls(_) => Step::Object(Place::Call),
            _ => Step::Skip,
        }
    }

    fn takes_single(&self, place: Place) -> bool {
        matches!(place, Place::Choices | Place::Calls(_))
    }

    fn open(&mut self, place: Place) {
        match place {
            Place::Choices => self.chunk.has_choices = true,
            Place::Choice => self.open_choice(),
            Place::Other => self.chunk.choices += 1,
            Place::Delta => self.open_message(false),
            Place::Message => self.open_message(true),
            Place::Calls(calls) => self.calls = calls,
            Place::Call => self.calls().push(CallFragment::default()),
            Place::Legacy => {
                self.calls = Calls::Within;
                self.calls().push(CallFragment {
                    index: Some(0),
                    is_legacy: true,
                    ..CallFragment::default()
                });
            }
            Place::Top | Place::Groq | Place::Function | Place::OtherMessage => {}
        }
    }

    fn take(&mut self, leaf: Leaf, raw: &'a str) {
        if raw == "null" {
            return;
        }
        let chunk = &mut self.chunk;
        match leaf {
            Leaf::Error => chunk.is_error |= !says_nothing(raw),
            Leaf::Warnings => chunk.warnings = Some(raw),
            Leaf::Message => chunk.is_message |= !json::is_blank(raw),
            Leaf::Detail => chunk.is_detail |= !json::is_blank(raw),
            Leaf::Kind => chunk.kind = Some(raw),
            Leaf::Usage => chunk.usage = Some(raw),
            Leaf::Extra(at) => {
                if EXTRAS.get(at) == Some(&"usage") {
                    chunk.usage = Some(raw);
                }
                put(&mut chunk.extras, at, raw);
            }
            Leaf::ChoiceError => chunk.choice.error = Some(raw).filter(|raw| !says_nothing(raw)),
            Leaf::ChoiceIndex => chunk.choice.index = json::integer(raw).unwrap_or(0),
            Leaf::ChoiceText => chunk.choice.text = Some(raw),
            Leaf::FinishReason => chunk.choice.finish_reason = Some(raw),
            Leaf::Content => self.said().content = Some(raw),
            Leaf::Reasoning(at) => put(&mut self.said().reasoning, at, raw),
            Leaf::ReasoningDetails => self.said().reasoning_details = Some(raw),
            Leaf::Other(at) => put(&mut self.said().passthrough, at, raw),
            Leaf::CallIndex | Leaf::CallId | Leaf::Name | Leaf::Arguments => self.call(leaf, raw),
        }
    }

    fn text(&mut self, place: Place, text: Cow<'a, str>) {
        match place {
            _ if text.is_empty() => {}
            Place::Delta | Place::Message => {
                self.open_message(matches!(place, Place::Message));
                self.said().plain = Some(text);
                self.in_message = false;
            }
            place => self.odd(place),
        }
    }

    fn odd(&mut self, place: Place) {
        self.chunk.is_unread |= !matches!(place, Place::Groq | Place::Other | Place::OtherMessage);
    }

    fn close(&mut self, place: Place) {
        match place {
            Place::Choice => self.chosen = self.chunk.choice.index == self.wanted.unwrap_or(0),
            Place::Choices if !self.chosen && self.chunk.choices > 1 => {
                self.chunk.choice = *self.first.take().unwrap_or_default();
            }
            Place::Choices if !self.others.is_empty() => self.join_others(),
            Place::Message => self.in_message = false,
            Place::Call | Place::Legacy if self.calls().last().is_some_and(CallFragment::is_empty) => {
                self.calls().pop();
            }
            _ => {}
        }
    }
}

impl<'a> CallFragment<'a> {
    fn leaf(&mut self, leaf: Leaf, raw: &'a str) {
        let filled = |text: &Cow<'a, str>| !text.is_empty();
        let any = || json::text(raw).unwrap_or(Cow::Borrowed(raw));
        match leaf {
            Leaf::CallIndex => {
                self.index = json::integer_or_text(raw).filter(|index| *index >= 0);
            }
            // A number, as legacy servers send it, is an id too.
            Leaf::CallId => self.id = Some(any()).filter(filled),
            Leaf::Name => self.name = json::text(raw).filter(filled).or(self.name.take()),
            _ => {
                self.raw_arguments = self.arguments.is_none().then_some(raw);
                self.arguments = Some(any()).filter(filled).or(self.arguments.take());
            }
        }
    }
}

/// Whether an `error` is none.
fn says_nothing(raw: &str) -> bool {
    json::is_blank(raw) || matches!(raw, "false" | "0")
}

fn put<'a>(places: &mut [Option<&'a str>], at: usize, raw: &'a str) {
    if let Some(place) = places.get_mut(at) {
        *place = Some(raw);
    }
}
