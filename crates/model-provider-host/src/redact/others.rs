//! Redaction of the events in the upstream's own form, whose strings clients join: a refusal, a transcript.
//!
//! Each string is searched as a part of its stream, which is what one key or one member says in all events. An event
//! is passed on as a whole, so that a value stays what the upstream wrote: it waits until the rule for text releases
//! all of its strings. Events of one stream keep their order. A stream that does not go on while others do ends, so that
//! an id in a first event does not hold back all that follows.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
};

use super::{
    finder::Finder,
    strings::{self, Found, Path, Paths, Place},
    text::TextRedactor,
};
use crate::contract::Extra;

/// The most events that wait, and the most bytes of them. Of more, the first ones are passed on as at the end.
const MOST: usize = 1024;
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// How many events without it a stream may pause for: then it ends, if the first event waits for it.
const MOST_BETWEEN: u64 = 16;
/// The most streams. With more, all of them begin anew.
const MOST_STREAMS: usize = 1024;

/// The events of one response.
#[derive(Debug, Default)]
pub(super) struct Others {
    paths: Paths,
    texts: RandomState,
    streams: HashMap<Path, Stream>,
    waiting: BTreeMap<u64, Waiting>,
    bytes: usize,
    next: u64,
}

/// What is said in one place of all events.
#[derive(Debug, Default)]
struct Stream {
    redactor: TextRedactor,
    /// What was released of the first string that is not complete.
    released: String,
    /// The strings of waiting events, by the event and their number in it, and how many of them are complete.
    strings: VecDeque<(u64, usize)>,
    complete: usize,
    /// The last event that says something here.
    last: u64,
}

/// An event that waits.
#[derive(Debug)]
struct Waiting {
    event: Extra,
    strings: Vec<Spoken>,
    /// How many of the strings are not complete.
    missing: usize,
}

/// A string of a waiting event.
#[derive(Debug)]
struct Spoken {
    path: Path,
    place: Place,
    len: usize,
    hash: u64,
    /// What replaces it, if it is not passed on as it is.
    redacted: Option<String>,
}

impl Others {
    /// Takes the next event, in which each string was redacted by itself; adds what may be passed on to `out`.
    pub(super) fn push(&mut self, finder: &Finder, event: Extra, out: &mut Vec<Extra>) {
        let found = self.paths.strings(&event);
        if found.is_empty() {
            return out.push(event);
        }
        if self.streams.len() > MOST_STREAMS {
            self.finish(finder, out);
            self.streams.clear();
        }
        let number = self.next;
        self.next += 1;
        let mut pieces = Vec::with_capacity(found.len());
        let mut strings = Vec::with_capacity(found.len());
        for Found { path, place, text } in found {
            strings.push(Spoken {
                path,
                place,
                len: text.len(),
                hash: self.texts.hash_one(&text),
                redacted: None,
            });
            pieces.push((path, text));
        }
        let waiting = Waiting {
            event,
            missing: strings.len(),
            strings,
        };
        self.bytes += waiting.size();
        self.waiting.insert(number, waiting);
        let mut complete = Vec::new();
        for (at, (path, text)) in pieces.into_iter().enumerate() {
            let stream = self.streams.entry(path).or_default();
            stream.strings.push_back((number, at));
            stream.last = number;
            let now = stream.redactor.push(finder, text);
            self.released(path, &now, &mut complete);
        }
        self.pass(complete, out);
        self.end_paused(finder, out);
        while self.waiting.len() > MOST || (self.bytes > MOST_BYTES && self.waiting.len() > 1) {
            self.flush_first(finder, out);
        }
    }

    /// Passes on the rest at the end of a response.
    pub(super) fn finish(&mut self, finder: &Finder, out: &mut Vec<Extra>) {
        while !self.waiting.is_empty() {
            self.flush_first(finder, out);
        }
    }

    /// Ends the streams that the first waiting event waits for, if they have paused for long.
    fn end_paused(&mut self, finder: &Finder, out: &mut Vec<Extra>) {
        while let Some((_, first)) = self.waiting.first_key_value() {
            let mut paused: Vec<Path> = first.strings.iter().map(|string| string.path).collect();
            paused.retain(|path| {
                let stream = self.streams.get(path);
                stream.is_some_and(|stream| {
                    stream.complete < stream.strings.len() && stream.last + MOST_BETWEEN < self.next
                })
            });
            if paused.is_empty() {
                return;
            }
            let mut complete = Vec::new();
            for path in paused {
                if let Some(stream) = self.streams.get_mut(&path) {
                    let now = stream.redactor.flush(finder);
                    self.released(path, &now, &mut complete);
                }
            }
            if complete.is_empty() {
                return;
            }
            self.pass(complete, out);
        }
    }

    /// Passes on the first waiting event, as at the end of its strings.
    fn flush_first(&mut self, finder: &Finder, out: &mut Vec<Extra>) {
        let Some((number, first)) = self.waiting.first_key_value() else {
            return;
        };
        let number = *number;
        let mut complete = vec![number];
        let paths: Vec<Path> = first.strings.iter().map(|string| string.path).collect();
        for path in paths {
            if let Some(stream) = self.streams.get_mut(&path) {
                let now = stream.redactor.flush(finder);
                self.released(path, &now, &mut complete);
            }
        }
        self.pass(complete, out);
        if self.waiting.contains_key(&number) {
            // Cannot be, since redaction keeps lengths. What has lost its place is not said at all.
            *self = Self::default();
        }
    }

    /// Completes the strings of a stream of which so much more was released; adds their events to `complete`.
    fn released(&mut self, path: Path, now: &str, complete: &mut Vec<u64>) {
        let Some(stream) = self.streams.get_mut(&path) else {
            return;
        };
        stream.released.push_str(now);
        let mut from = 0;
        while let Some((number, at)) = stream.strings.get(stream.complete)
            && let Some(waiting) = self.waiting.get_mut(number)
            && let Some(string) = waiting.strings.get_mut(*at)
            && let Some(text) = stream.released.get(from..from + string.len)
        {
            from += string.len;
            if self.texts.hash_one(text) != string.hash {
                string.redacted = Some(text.to_owned());
            }
            stream.complete += 1;
            waiting.missing -= 1;
            if waiting.missing == 0 {
                complete.push(*number);
            }
        }
        stream.released.drain(..from);
    }

    /// Passes on those of the complete events that are the first ones in each of their streams, and those that
    /// waited for them.
    fn pass(&mut self, mut complete: Vec<u64>, out: &mut Vec<Extra>) {
        complete.reverse();
        while let Some(number) = complete.pop() {
            let is_first = |string: &Spoken| {
                let stream = self.streams.get(&string.path);
                stream
                    .and_then(|stream| stream.strings.front())
                    .is_none_or(|(first, _)| *first == number)
            };
            let may_pass = self
                .waiting
                .get(&number)
                .is_some_and(|waiting| waiting.missing == 0 && waiting.strings.iter().all(is_first));
            if !may_pass {
                continue;
            }
            let Some(waiting) = self.waiting.remove(&number) else {
                continue;
            };
            self.bytes -= waiting.size();
            for string in &waiting.strings {
                if let Some(stream) = self.streams.get_mut(&string.path) {
                    stream.strings.pop_front();
                    stream.complete -= 1;
                    complete.extend(stream.strings.front().map(|(next, _)| *next));
                }
            }
            out.push(waiting.redacted());
        }
    }
}

impl Waiting {
    /// About what it takes.
    fn size(&self) -> usize {
        let strings = self.strings.len() * (size_of::<Spoken>() + size_of::<(u64, usize)>());
        size_of::<Self>() + self.event.key.len() + self.event.value_json.len() + strings
    }

    /// The event, redacted.
    fn redacted(self) -> Extra {
        let mut event = self.event;
        let changed = self
            .strings
            .into_iter()
            .filter_map(|string| Some((string.place, string.redacted?)));
        strings::replace(&mut event.value_json, changed.collect());
        event
    }
}

#[cfg(test)]
#[path = "others_tests.rs"]
mod tests;
