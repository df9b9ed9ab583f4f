//! The search for secrets in bytes. Finds every occurrence of every form, overlapping ones too.
//!
//! Its run time does not depend on the secrets, unless eight consecutive bytes of the last fifteen of a form match
//! ([`Blocks`]). Only there it compares further, and only this form: a search that runs longer where a form may begin
//! would be a timing oracle for its first characters.

use std::{ops::Range, sync::Arc};

use memchr::memmem;

use super::{
    blocks::Blocks,
    forms::{self, Unescaped},
};

/// How JSON escapes an ASCII character, and a slash.
const ESCAPES: [&[u8]; 2] = [b"\\u00", b"\\/"];
/// How much of a text is unescaped at once, in addition to the longest form.
const WINDOW: usize = 4096;

/// Finds the forms of a set of secrets. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Finder(Option<Arc<Inner>>);

struct Inner {
    escapes: [memmem::Finder<'static>; 2],
    patterns: Vec<Vec<u8>>,
    blocks: Blocks,
    longest: usize,
}

impl Finder {
    /// For these secrets. A form longer than `longest` is searched for in fragments of that length, since no more
    /// of a stream is held back.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>, longest: usize) -> Self {
        let mut patterns: Vec<Vec<u8>> = secrets
            .into_iter()
            .flat_map(forms::of)
            .flat_map(|form| pieces(form, longest))
            .collect();
        patterns.sort();
        patterns.dedup();
        if patterns.is_empty() {
            return Self(None);
        }
        Self(Some(Arc::new(Inner {
            escapes: ESCAPES.map(memmem::Finder::new),
            blocks: Blocks::new(&patterns),
            longest: patterns.iter().map(Vec::len).max().unwrap_or_default(),
            patterns,
        })))
    }

    /// Whether the bytes contain a secret.
    pub(crate) fn finds(&self, bytes: &[u8]) -> bool {
        !self.ranges(bytes).is_empty()
    }

    /// The ranges of secrets, unordered. One may contain several secrets that overlap.
    pub(crate) fn ranges(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let Some(inner) = &self.0 else {
            return found;
        };
        inner.search(bytes, &mut found);
        let may_be_escaped = memchr::memchr(b'\\', bytes)
            .and_then(|at| bytes.get(at..))
            .is_some_and(|from| inner.escapes.iter().any(|escape| escape.find(from).is_some()));
        if may_be_escaped {
            inner.search_unescaped(bytes, &mut found);
        }
        found
    }

    /// Masks secrets in place, byte for byte, so that lengths are unchanged; returns whether there was one.
    pub(crate) fn mask(&self, bytes: &mut [u8]) -> bool {
        let found = self.ranges(bytes);
        for range in &found {
            blank(bytes, range.clone());
        }
        !found.is_empty()
    }

    /// The same for a string.
    pub(crate) fn clean(&self, text: &mut String) -> bool {
        let found = self.ranges(text.as_bytes());
        if found.is_empty() {
            return false;
        }
        let mut bytes = std::mem::take(text).into_bytes();
        for range in found {
            blank(&mut bytes, range);
        }
        *text = into_text(bytes);
        true
    }
}

impl Inner {
    fn search(&self, bytes: &[u8], found: &mut Vec<Range<usize>>) {
        self.blocks.look(bytes, |pattern, begin| {
            let Some(pattern) = self.patterns.get(pattern) else {
                return;
            };
            let range = begin..begin + pattern.len();
            if bytes.get(range.clone()) == Some(pattern) {
                add(found, range);
            }
        });
    }

    /// Searches the unescaped text, piece by piece: as a whole it would take nine times the space of the text.
    fn search_unescaped(&self, text: &[u8], found: &mut Vec<Range<usize>>) {
        let overlap = self.longest.saturating_sub(1);
        let size = overlap + WINDOW;
        let mut rest = Unescaped::new(text);
        let mut plain = Vec::with_capacity(size.min(text.len()));
        let mut places = Vec::with_capacity(size.min(text.len()));
        let mut in_plain = Vec::new();
        loop {
            for (place, byte) in rest.by_ref().take(size - plain.len()) {
                places.push(place);
                plain.push(byte);
            }
            self.search(&plain, &mut in_plain);
            let end = rest.clone().next().map_or(text.len(), |(place, _)| place);
            let place = |at: usize| places.get(at).copied().unwrap_or(end);
            for range in in_plain.drain(..) {
                add(found, place(range.start)..place(range.end));
            }
            if plain.len() < size {
                return;
            }
            plain.drain(..size - overlap);
            places.drain(..size - overlap);
        }
    }
}

/// Adds a range, joined with the one before if they overlap: forms may overlap at every byte.
fn add(found: &mut Vec<Range<usize>>, range: Range<usize>) {
    match found.last_mut() {
        Some(last) if range.start < last.end && last.start < range.end => {
            *last = last.start.min(range.start)..last.end.max(range.end);
        }
        _ => found.push(range),
    }
}

/// Masks a range, clipped to the bytes.
pub(crate) fn blank(bytes: &mut [u8], range: Range<usize>) {
    let end = range.end.min(bytes.len());
    if let Some(hit) = bytes.get_mut(range.start..end) {
        hit.fill(b'*');
    }
}

/// Converts bytes back to the string that they were before whole characters were masked.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Fragments of a form of at most this length that cover it; none begins with a blank, as no form does.
fn pieces(form: Vec<u8>, longest: usize) -> Vec<Vec<u8>> {
    if form.len() <= longest {
        return vec![form];
    }
    let last = form.len() - longest;
    let begins = (0..last).step_by(longest).chain([last]);
    begins
        .filter_map(|begin| form.get(begin..begin + longest))
        .map(|piece| piece.trim_ascii_start().to_vec())
        .filter(|piece| piece.len() >= longest / 2)
        .collect()
}

#[cfg(test)]
#[path = "finder_tests.rs"]
mod tests;
