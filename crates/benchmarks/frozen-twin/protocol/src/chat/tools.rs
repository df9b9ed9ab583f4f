//! Putting tool calls together from their pieces.
//!
//! A piece belongs to the call of its index; without an index to the call of its id, and without both to the
//! last call. It begins a new call where its id or its name is another one, or where it would put a second
//! JSON value behind the first. Identifiers that are missing or taken are made up. Arguments that are empty
//! or `null` in the end are `{}`; to know that, nothing is handed out as long as it could still become
//! `null`.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use super::events::Events;
use crate::json;
use crate::wire::chunk::CallPiece;

/// More calls than this in one answer are taken for a fault.
const MOST: usize = 1024;

/// The calls of one answer.
#[derive(Debug)]
pub(super) struct Tools {
    calls: Vec<Call>,
    started: u32,
    salt: u64,
    fault: Option<Broken>,
}

/// A call that cannot become whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// Its arguments are no JSON.
    Arguments { name: String, raw: String },
    /// It has no name.
    Nameless { raw: String },
    /// There are too many.
    TooMany,
}

#[derive(Debug, Default)]
struct Call {
    wire_index: Option<i64>,
    wire_id: Option<String>,
    name: Option<String>,
    arguments: String,
    /// How much of the arguments was handed out.
    given: usize,
    /// Set by the start event.
    started: Option<Started>,
    ended: bool,
}

#[derive(Debug)]
struct Started {
    index: u32,
    id: String,
}

impl Tools {
    /// `salt` makes made-up ids differ between answers.
    pub(super) fn new(salt: u64) -> Self {
        Self {
            calls: Vec::new(),
            started: 0,
            salt,
            fault: None,
        }
    }

    pub(super) fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Whether there are calls and each of them has whole arguments.
    pub(super) fn all_whole(&self) -> bool {
        self.any()
            && self.fault.is_none()
            && self
                .calls
                .iter()
                .all(|call| call.ended || (call.name.is_some() && is_whole(&call.arguments)))
    }

    /// Takes the next piece. In a whole answer, each piece is a call of its own.
    pub(super) fn push(&mut self, piece: &CallPiece<'_>, is_whole_answer: bool, events: &mut Events) {
        let at = match self.find(piece) {
            Some(at) if !is_whole_answer => at,
            _ if self.calls.len() >= MOST => {
                self.fault.get_or_insert(Broken::TooMany);
                return;
            }
            _ => {
                // The call before it is over if it is whole; else both go on side by side.
                if let Some(last) = self.calls.last_mut()
                    && is_whole(&last.arguments)
                {
                    last.end(events);
                }
                self.calls.push(Call {
                    wire_index: piece.index,
                    ..Call::default()
                });
                self.calls.len() - 1
            }
        };
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        if call.ended {
            if let Some(late) = piece.arguments.as_deref().filter(|late| !late.trim().is_empty()) {
                let name = call.name.clone().unwrap_or_default();
                self.fault.get_or_insert(Broken::Arguments {
                    name,
                    raw: String::from(late),
                });
            }
            return;
        }
        call.wire_id = call
            .wire_id
            .take()
            .or_else(|| piece.id.as_deref().map(String::from));
        call.name = call
            .name
            .take()
            .or_else(|| piece.name.as_deref().map(String::from));
        if call.started.is_none() {
            self.start(at, events);
        }
        if let Some(fragment) = &piece.arguments
            && let Some(call) = self.calls.get_mut(at)
        {
            call.extend(fragment, events);
        }
    }

    /// Begins a call for the reader, as soon as its name is known.
    fn start(&mut self, at: usize, events: &mut Events) {
        let index = self.started;
        let Some(Call {
            name: Some(name),
            wire_id,
            ..
        }) = self.calls.get(at)
        else {
            return;
        };
        let id = match wire_id {
            Some(id) if !self.is_taken(id) => id.clone(),
            _ => format!("call_{:x}_{index}", self.salt),
        };
        events.call_start(index, id.clone(), name.clone());
        if let Some(call) = self.calls.get_mut(at) {
            call.started = Some(Started { index, id });
            self.started += 1;
        }
    }

    /// Ends the calls that are whole: the answer has said why it ends.
    pub(super) fn settle(&mut self, events: &mut Events) {
        for call in self.calls.iter_mut().filter(|call| is_whole(&call.arguments)) {
            call.end(events);
        }
    }

    /// Ends all calls: nothing more will come. The first that is not whole is the error.
    pub(super) fn finish(&mut self, events: &mut Events) -> Result<(), Broken> {
        let mut broken = self.fault.take();
        for call in &mut self.calls {
            if call.ended {
                continue;
            }
            if is_nothing(&call.arguments) {
                call.arguments = String::from("{}");
                call.given = 0;
            }
            if call.started.is_some() && json::is_value(&call.arguments) {
                call.end(events);
            } else {
                let raw = core::mem::take(&mut call.arguments);
                broken.get_or_insert(match call.name.take() {
                    Some(name) => Broken::Arguments { name, raw },
                    None => Broken::Nameless { raw },
                });
            }
        }
        broken.map_or(Ok(()), Err)
    }

    /// The call that a piece goes on with.
    fn find(&self, piece: &CallPiece<'_>) -> Option<usize> {
        let id = piece.id.as_deref();
        let at = match (piece.index, id) {
            (Some(index), _) => self.calls.iter().rposition(|call| call.wire_index == Some(index)),
            (None, Some(id)) => self
                .calls
                .iter()
                .rposition(|call| call.wire_id.as_deref() == Some(id)),
            (None, None) => self.calls.len().checked_sub(1),
        }?;
        let call = self.calls.get(at)?;
        let differs = |mine: &Option<String>, theirs: &Option<Cow<'_, str>>| {
            mine.as_deref()
                .zip(theirs.as_deref())
                .is_some_and(|(mine, theirs)| mine != theirs)
        };
        let second_value = piece.name.is_some()
            && piece
                .arguments
                .as_deref()
                .is_some_and(|more| !more.trim().is_empty())
            && (call.ended || is_whole(&call.arguments) || call.arguments.trim_end() == "null");
        (!differs(&call.wire_id, &piece.id) && !differs(&call.name, &piece.name) && !second_value)
            .then_some(at)
    }

    fn is_taken(&self, id: &str) -> bool {
        self.calls
            .iter()
            .filter_map(|call| call.started.as_ref())
            .any(|started| started.id == id)
    }
}

impl Call {
    fn extend(&mut self, fragment: &str, events: &mut Events) {
        // White space before a value means nothing, and holding it back would have no bound.
        let fragment = if self.arguments.is_empty() {
            fragment.trim_start()
        } else {
            fragment
        };
        self.arguments.push_str(fragment);
        if self.given > 0 || !"null".starts_with(self.arguments.trim_end()) {
            self.give(events);
        }
    }

    /// Hands out the arguments that are not handed out yet.
    fn give(&mut self, events: &mut Events) {
        if let Some(started) = &self.started {
            events.call_delta(
                started.index,
                self.arguments.get(self.given..).unwrap_or_default(),
            );
            self.given = self.arguments.len();
        }
    }

    fn end(&mut self, events: &mut Events) {
        if self.ended || self.started.is_none() {
            return;
        }
        self.give(events);
        if let Some(started) = &self.started {
            events.call_end(started.index);
        }
        self.ended = true;
        self.arguments = String::new();
    }
}

/// Whether arguments say that there are none.
fn is_nothing(arguments: &str) -> bool {
    matches!(arguments.trim(), "" | "null")
}

/// Whether arguments are a whole object. The look at the last character spares reading all of them each time.
fn is_whole(arguments: &str) -> bool {
    arguments.trim_end().ends_with('}') && json::is_object(arguments)
}
