//! Assembles tool calls from their fragments.
//!
//! A fragment belongs to the call with its id, if that is known; else to the call with its index; else to the last
//! call. Only a fragment with a name can begin another call. It does so where it cannot continue the one it belongs
//! to: its id or index is new, its name differs after arguments, or it would append a second JSON value to the
//! arguments. A name that precedes all arguments may be split. Arguments that go on under the name and index of
//! incomplete ones continue them, whatever their id is.
//!
//! A call that is repeated with its id and the same complete arguments is the same call, and so is one that moves to
//! another index before its first argument. Complete arguments that are repeated alone, or within one value, count
//! once. Other arguments after complete ones under one id and index are an error, not a second call, unless both stand
//! in one list: each element of a list is a call.
//!
//! The start event of a call is emitted with its first arguments, since its name is complete then. No call ends
//! before all can: until the end, more may belong to any of them. Arguments that are empty or `null` in the end
//! become `{}`, unless the response was cut, which may have cut the arguments too. An `{}` that real arguments follow
//! stands for none. To decide this, nothing is emitted while the arguments are `{}` or could still become `null`. Ids
//! that are missing or not unique are generated.

mod arguments;

use alloc::{format, string::String, vec::Vec};
use core::mem;

use self::arguments::{is_blank, is_nothing, is_whole, may_be_nothing, once};
use super::events::Events;
use crate::{json, wire::chunk::CallFragment};

/// More calls in one response are an error.
const MOST: usize = 1024;

/// The calls of one response.
#[derive(Debug)]
pub(super) struct Tools {
    calls: Vec<Call>,
    started: u32,
    salt: u64,
    /// The index and id of a fragment without name and arguments: they belong to a call that begins later.
    announced: Option<(i64, String)>,
    too_many: bool,
    /// Whether a call ended without arguments.
    has_bare: bool,
    /// Whether a call got a generated id, because an earlier call has the same id.
    has_same_ids: bool,
}

/// A call that cannot be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// The arguments are not JSON.
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
    /// Empty until a name arrives.
    name: String,
    /// The chunk with the name.
    named_in: u32,
    /// Without leading white space.
    arguments: String,
    /// How long the arguments were when they were known to be whole: they are read once for that.
    whole: usize,
    /// How many bytes of the arguments were emitted.
    given: usize,
    /// Set by the start event.
    started: Option<Started>,
}

#[derive(Debug)]
struct Started {
    index: u32,
    id: String,
}

/// How a fragment was matched to its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Id,
    Index,
    /// It is the last one.
    Order,
}

impl Tools {
    /// `salt` makes generated ids differ between responses.
    pub(super) fn new(salt: u64) -> Self {
        Self {
            calls: Vec::new(),
            started: 0,
            salt,
            announced: None,
            too_many: false,
            has_bare: false,
            has_same_ids: false,
        }
    }

    pub(super) fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Whether a call ended without arguments, so that they became `{}`.
    pub(super) fn has_bare(&self) -> bool {
        self.has_bare
    }

    /// Whether two calls had one id.
    pub(super) fn has_same_ids(&self) -> bool {
        self.has_same_ids
    }

    /// Whether there are calls and all have complete arguments.
    pub(super) fn all_whole(&self) -> bool {
        self.any()
            && !self.too_many
            && self
                .calls
                .iter()
                .all(|call| !call.name.is_empty() && is_whole(&call.arguments))
    }

    /// Reads the next fragment, of this chunk.
    pub(super) fn push(&mut self, fragment: &CallFragment<'_>, chunk: u32, events: &mut Events) {
        if self.comes_again(fragment) {
            return;
        }
        let at = match self.find(fragment, chunk) {
            Some((at, by)) if !self.begins(at, by, fragment, chunk) => {
                self.announce(by, fragment);
                at
            }
            _ if self.calls.len() >= MOST => {
                self.too_many = true;
                return;
            }
            _ => {
                self.flush(events);
                self.add(fragment)
            }
        };
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        if let Some(id) = &fragment.id
            && call.wire_id.is_none()
        {
            call.wire_id = Some(String::from(&**id));
        }
        if let Some(name) = &fragment.name {
            call.take_name(name, chunk);
        }
        let Some(arguments) = &fragment.arguments else {
            return;
        };
        call.extend(arguments);
        if call.started.is_none() && !call.arguments.is_empty() {
            self.start_to(at, events);
        }
        if let Some(call) = self.calls.get_mut(at)
            && (call.given > 0 || !may_be_nothing(&call.arguments))
        {
            call.give(events);
        }
    }

    /// Emits arguments that are `{}` so far.
    pub(super) fn flush(&mut self, events: &mut Events) {
        for call in &mut self.calls {
            if call.arguments.starts_with('{') {
                call.give(events);
            }
        }
    }

    /// Drops calls that say nothing: placeholders beside a text.
    pub(super) fn drop_placeholders(&mut self) {
        self.calls
            .retain(|call| !call.name.is_empty() || !is_nothing(&call.arguments));
    }

    /// Ends all calls: no more fragments follow. If a call is incomplete, it is the error, and none ends. If the
    /// response `is_cut`, a call without arguments is incomplete.
    pub(super) fn finish(&mut self, is_cut: bool, events: &mut Events) -> Result<(), Broken> {
        if self.too_many {
            return Err(Broken::TooMany);
        }
        self.flush(events);
        for call in &mut self.calls {
            let is_bare = call.arguments.is_empty();
            self.has_bare |= is_bare;
            if is_nothing(&call.arguments) && !(is_bare && is_cut) {
                call.arguments = String::from("{}");
                call.given = 0;
            }
            if call.name.is_empty() || !json::is_value(&call.arguments) {
                let raw = mem::take(&mut call.arguments);
                return Err(match mem::take(&mut call.name) {
                    name if name.is_empty() => Broken::Nameless { raw },
                    name => Broken::Arguments { name, raw },
                });
            }
        }
        self.start_to(self.calls.len(), events);
        for call in &mut self.calls {
            call.give(events);
            if let Some(started) = &call.started {
                events.call_end(started.index);
            }
        }
        Ok(())
    }

    /// Whether a fragment repeats a complete call.
    fn comes_again(&self, fragment: &CallFragment<'_>) -> bool {
        let (Some(id), Some(arguments)) = (fragment.id.as_deref(), fragment.arguments.as_deref()) else {
            return false;
        };
        let arguments = arguments.trim();
        let is_same = |call: &Call| {
            call.arguments.trim_end() == arguments
                && call.wire_id.as_deref() == Some(id)
                && fragment.name.as_deref().is_none_or(|name| name == call.name)
        };
        !arguments.is_empty() && self.calls.iter().any(is_same) && is_whole(arguments)
    }

    /// The call that a fragment may continue: `None` if there is none yet, or if another call with another index has
    /// the same id.
    fn find(&mut self, fragment: &CallFragment<'_>, chunk: u32) -> Option<(usize, By)> {
        if let Some(id) = fragment.id.as_deref() {
            let of_id = |call: &Call| call.wire_id.as_deref() == Some(id);
            let both = |call: &Call| of_id(call) && call.wire_index == fragment.index;
            let found = self
                .calls
                .iter()
                .rposition(both)
                .or_else(|| self.calls.iter().rposition(of_id));
            if let Some(at) = found {
                return self.repeats_id(at, fragment, chunk).then_some((at, By::Id));
            }
        }
        let of_index = |index| self.calls.iter().rposition(|call| call.wire_index == Some(index));
        let last = self.calls.len().checked_sub(1)?;
        match fragment.index.and_then(of_index) {
            Some(at) if at == last || !self.belongs_to_last(at, fragment) => Some((at, By::Index)),
            _ => Some((last, By::Order)),
        }
    }

    /// Whether arguments under the index of a whole call are the last call's, which is not whole. Some servers count
    /// the pieces of each call, and the calls by their tools.
    fn belongs_to_last(&mut self, at: usize, fragment: &CallFragment<'_>) -> bool {
        let (None, Some(more), Some(call)) = (&fragment.name, &fragment.arguments, self.calls.get_mut(at))
        else {
            return false;
        };
        // What is repeated, or blank, is no other call's.
        !is_blank(more)
            && **more != *call.arguments
            && call.is_whole()
            && self.calls.last().is_some_and(|last| !is_whole(&last.arguments))
    }

    /// Whether an id of an existing call means that call. Some servers give all calls one id, and each an index of
    /// its own. Others give a call a new index with its first argument.
    fn repeats_id(&self, at: usize, fragment: &CallFragment<'_>, chunk: u32) -> bool {
        let (Some(name), Some(call)) = (&fragment.name, self.calls.get(at)) else {
            return true;
        };
        let moves = || {
            call.arguments.is_empty()
                && call.named_in != chunk
                && **name == *call.name
                && fragment.arguments.is_some()
        };
        !is_other(call.wire_index, fragment.index) || moves()
    }

    /// Whether a fragment begins a call instead of continuing the one it matched.
    fn begins(&self, at: usize, by: By, fragment: &CallFragment<'_>, chunk: u32) -> bool {
        let (Some(name), Some(call)) = (fragment.name.as_deref(), self.calls.get(at)) else {
            return false;
        };
        let has_new_id = fragment.id.is_some() && by != By::Id;
        if call.name.is_empty() {
            return by == By::Order && has_new_id && call.wire_id.is_some();
        }
        let is_same = name == call.name;
        let says_more = fragment.arguments.as_deref().is_some_and(|more| !is_blank(more));
        let is_full = || is_whole(&call.arguments) || call.arguments.trim_end() == "null";
        let goes_on = by == By::Index && is_same && says_more && !call.arguments.is_empty();
        // A second JSON value, or a name that cannot continue a name. Where arguments go on, none is whole.
        (says_more && (by != By::Id || call.named_in == chunk) && is_full())
            || (!is_same && (!call.arguments.is_empty() || call.started.is_some()))
            || (has_new_id && (call.wire_id.is_some() || !is_same) && !goes_on)
            || match by {
                By::Id => false,
                // A name is never split within one chunk.
                By::Index => !is_same && call.named_in == chunk,
                By::Order => call.named_in == chunk || is_other(call.wire_index, fragment.index),
            }
    }

    /// Stores the index and id of a call that begins later.
    fn announce(&mut self, by: By, fragment: &CallFragment<'_>) {
        let is_bare = fragment.name.is_none() && fragment.arguments.as_deref().is_none_or(is_blank);
        if let (By::Order, true, Some(index), Some(id)) = (by, is_bare, fragment.index, &fragment.id) {
            self.announced = Some((index, String::from(&**id)));
        }
    }

    fn add(&mut self, fragment: &CallFragment<'_>) -> usize {
        let announced = self
            .announced
            .take_if(|(index, _)| Some(*index) == fragment.index);
        self.calls.push(Call {
            wire_index: fragment.index,
            wire_id: announced.map(|(_, id)| id).filter(|_| fragment.id.is_none()),
            ..Call::default()
        });
        self.calls.len() - 1
    }

    /// Starts the calls up to this one that have not started, in their order.
    fn start_to(&mut self, last: usize, events: &mut Events) {
        for at in 0..self.calls.len().min(last.saturating_add(1)) {
            self.start(at, events);
        }
    }

    /// Emits the start event of a call, if its name is known.
    fn start(&mut self, at: usize, events: &mut Events) {
        let Some(call) = self.calls.get(at) else { return };
        if call.started.is_some() || call.name.is_empty() {
            return;
        }
        let index = self.started;
        let is_taken = call.wire_id.as_deref().is_some_and(|id| self.is_taken(id));
        let id = match &call.wire_id {
            Some(id) if !is_taken => id.clone(),
            _ => format!("call_{:x}_{index}", self.salt),
        };
        events.call_start(index, id.clone(), call.name.clone());
        self.has_same_ids |= is_taken;
        if let Some(call) = self.calls.get_mut(at) {
            call.started = Some(Started { index, id });
            self.started += 1;
        }
    }

    fn is_taken(&self, id: &str) -> bool {
        self.calls
            .iter()
            .filter_map(|call| call.started.as_ref())
            .any(|started| started.id == id)
    }
}

impl Call {
    /// Whether the arguments are whole.
    fn is_whole(&mut self) -> bool {
        let length = self.arguments.len();
        if length == 0 || (self.whole != length && !is_whole(&self.arguments)) {
            return false;
        }
        self.whole = length;
        true
    }

    /// Takes a name, its continuation, or a repetition.
    fn take_name(&mut self, name: &str, chunk: u32) {
        if name == self.name {
            return;
        }
        // A name that begins with the one so far replaces it; it is not its continuation.
        if name.starts_with(&*self.name) {
            self.name.clear();
        }
        self.name.push_str(name);
        self.named_in = chunk;
    }

    fn extend(&mut self, fragment: &str) {
        if fragment == self.arguments && is_whole(fragment) {
            return;
        }
        if self.given == 0 && self.arguments == "{}" && fragment.trim_start().starts_with('{') {
            self.arguments.clear();
        }
        // White space before a value is insignificant, and holding it back would have no bound.
        let fragment = if self.arguments.is_empty() {
            once(fragment.trim_start())
        } else {
            fragment
        };
        self.arguments.push_str(fragment);
    }

    /// Emits the arguments that were not emitted yet.
    fn give(&mut self, events: &mut Events) {
        if let Some(started) = &self.started {
            events.call_delta(
                started.index,
                self.arguments.get(self.given..).unwrap_or_default(),
            );
            self.given = self.arguments.len();
        }
    }
}

/// Whether both are known and differ.
fn is_other(mine: Option<i64>, theirs: Option<i64>) -> bool {
    mine.zip(theirs).is_some_and(|(mine, theirs)| mine != theirs)
}
