//! Removing secrets from what goes back to a guest or into a message.
//!
//! A secret is searched for in every form in which text commonly carries it. Bytes are replaced by `*`, one for one,
//! so that lengths and chunk limits hold. In a stream only as many bytes are held back as could be the beginning of a
//! form; all others pass at once.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{Engine as _, engine::general_purpose as base64_engine};
use bytes::{Bytes, BytesMut};

use super::secret::Secret;

/// Shorter secrets are not searched for: they would match ordinary text.
pub const SHORTEST: usize = 8;

/// Finds all forms of a set of secrets in one pass. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Scrubber(Option<Arc<Forms>>);

struct Forms {
    automaton: AhoCorasick,
    patterns: Vec<Vec<u8>>,
    longest: usize,
    /// Which bytes forms are made of.
    alphabet: [bool; 256],
}

impl Scrubber {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut patterns: Vec<Vec<u8>> = secrets
            .into_iter()
            .map(Secret::expose)
            .filter(|text| text.len() >= SHORTEST)
            .flat_map(forms)
            .collect();
        patterns.sort();
        patterns.dedup();
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        if longest == 0 {
            return Self(None);
        }
        let mut alphabet = [false; 256];
        for byte in patterns.iter().flatten() {
            alphabet[usize::from(*byte)] = true;
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns);
        Self(automaton.ok().map(|automaton| {
            Arc::new(Forms {
                automaton,
                patterns,
                longest,
                alphabet,
            })
        }))
    }

    /// Whether a text holds a form of a secret.
    pub(crate) fn finds(&self, bytes: &[u8]) -> bool {
        self.0
            .as_ref()
            .is_some_and(|forms| forms.automaton.is_match(bytes))
    }

    /// A text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let Some(forms) = &self.0 else {
            return text.to_owned();
        };
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for found in forms.automaton.find_iter(text) {
            out.push_str(text.get(from..found.start()).unwrap_or_default());
            out.extend(std::iter::repeat_n('*', found.len()));
            from = found.end();
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }

    /// The state for one body.
    pub(crate) fn stream(&self) -> ScrubStream {
        ScrubStream {
            scrubber: self.clone(),
            held: Vec::new(),
        }
    }
}

/// Every form in which a text may carry a secret.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let raw = secret.as_bytes().to_vec();
    let mut all = vec![raw];
    // As a JSON text, and as one within a JSON text, and within that: so the arguments of a tool call come.
    for slash in ["/", "\\/"] {
        let mut nested = secret.to_owned();
        for _ in 0..3 {
            nested = in_json(&nested);
            all.push(nested.replace('/', slash).into_bytes());
        }
    }
    let percent = |set| percent_encoding::utf8_percent_encode(secret, set).to_string();
    let everything = percent(percent_encoding::NON_ALPHANUMERIC);
    all.push(lower_hex(&everything));
    all.push(everything.into_bytes());
    // Characters that URLs may leave alone.
    const RESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    let reserved = percent(RESERVED);
    all.push(lower_hex(&reserved));
    all.push(reserved.into_bytes());
    for engine in [&base64_engine::STANDARD_NO_PAD, &base64_engine::URL_SAFE_NO_PAD] {
        for shift in 0..3usize {
            // With `shift` unknown bytes before it; the characters that those bytes reach are cut off, and so are
            // those that unknown bytes behind it would reach.
            let mut padded = vec![0u8; shift];
            padded.extend_from_slice(secret.as_bytes());
            let encoded = engine.encode(&padded).into_bytes();
            let from = (shift * 8).div_ceil(6);
            let to = padded.len() * 8 / 6;
            if let Some(middle) = encoded.get(from..to).filter(|middle| middle.len() >= SHORTEST) {
                all.push(middle.to_vec());
            }
        }
    }
    all
}

/// What stands between the quotes of a JSON text.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(text).to_owned()
}

/// The same percent-encoding with its digits in lower case.
fn lower_hex(encoded: &str) -> Vec<u8> {
    let mut digits = 0;
    let lower = |byte: u8| match byte {
        b'%' => {
            digits = 2;
            byte
        }
        _ if digits > 0 => {
            digits -= 1;
            byte.to_ascii_lowercase()
        }
        _ => byte,
    };
    encoded.bytes().map(lower).collect()
}

/// Scrubs a body that comes in pieces.
pub(crate) struct ScrubStream {
    scrubber: Scrubber,
    held: Vec<u8>,
}

impl ScrubStream {
    /// The next piece, without secrets; may be shorter than what came in, by what is held back.
    pub(crate) fn push(&mut self, chunk: Bytes) -> Bytes {
        let Some(forms) = &self.scrubber.0 else {
            return chunk;
        };
        if self.held.is_empty() && !forms.automaton.is_match(&chunk) {
            let keep = forms.open_end(&chunk);
            if keep == 0 {
                return chunk;
            }
            let split = chunk.len() - keep;
            self.held
                .extend_from_slice(chunk.get(split..).unwrap_or_default());
            return chunk.slice(..split);
        }
        let mut all = BytesMut::with_capacity(self.held.len() + chunk.len());
        all.extend_from_slice(&self.held);
        all.extend_from_slice(&chunk);
        self.held.clear();
        // First what may go on, then what is whole: one secret may be the beginning of another.
        let split = all.len() - forms.open_end(&all);
        forms.blank(&mut all, split);
        self.held.extend_from_slice(all.get(split..).unwrap_or_default());
        all.truncate(split);
        all.freeze()
    }

    /// What was still held back at the end of the body.
    pub(crate) fn finish(&mut self) -> Bytes {
        let mut held = std::mem::take(&mut self.held);
        if let Some(forms) = &self.scrubber.0 {
            forms.blank(&mut held, usize::MAX);
        }
        Bytes::from(held)
    }
}

impl Forms {
    /// Blanks what begins before this place.
    fn blank(&self, bytes: &mut [u8], before: usize) {
        let found: Vec<_> = self.automaton.find_iter(&*bytes).map(|m| m.range()).collect();
        for range in found.into_iter().filter(|range| range.start < before) {
            if let Some(hit) = bytes.get_mut(range) {
                hit.fill(b'*');
            }
        }
    }

    /// How many bytes at the end could be the beginning of a form.
    fn open_end(&self, bytes: &[u8]) -> usize {
        // Most pieces end in a line end, which is in no form.
        let last = bytes.iter().rev().take(self.longest - 1);
        let most = last.take_while(|byte| self.alphabet[usize::from(**byte)]).count();
        (1..=most)
            .rev()
            .find(|len| {
                let tail = bytes.get(bytes.len() - len..).unwrap_or_default();
                self.patterns
                    .iter()
                    .any(|form| form.len() > *len && form.starts_with(tail))
            })
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "tok_AbC/123+xyz~QQ\"9";

    fn scrubber() -> Scrubber {
        Scrubber::new([&Secret::new(TOKEN).unwrap()])
    }

    #[test]
    fn a_secret_is_blanked_in_every_form_and_lengths_hold() {
        let json = serde_json::to_string(TOKEN).unwrap();
        let within = serde_json::to_string(&json).unwrap();
        let percent =
            percent_encoding::utf8_percent_encode(TOKEN, percent_encoding::NON_ALPHANUMERIC).to_string();
        for before in ["", "a", "ab", "abc"] {
            for engine in [&base64_engine::STANDARD, &base64_engine::URL_SAFE] {
                let text = engine.encode(format!("{before}{TOKEN}zz"));
                let clean = scrubber().text(&text);
                assert!(clean.contains("********"), "{text} -> {clean}");
                assert_eq!(clean.len(), text.len());
            }
        }
        let slashed = within.replace('/', "\\/");
        for form in [TOKEN.to_owned(), json, within, slashed, percent] {
            let clean = scrubber().text(&format!("<{form}>"));
            assert!(!clean.contains("AbC") && clean.contains("****"), "{clean}");
        }
    }

    #[test]
    fn a_secret_cut_anywhere_is_still_found() {
        let text = format!("before {TOKEN} after");
        for cut in 0..=text.len() {
            let mut stream = scrubber().stream();
            let mut out = Vec::new();
            out.extend_from_slice(&stream.push(Bytes::copy_from_slice(&text.as_bytes()[..cut])));
            out.extend_from_slice(&stream.push(Bytes::copy_from_slice(&text.as_bytes()[cut..])));
            out.extend_from_slice(&stream.finish());
            assert_eq!(out.len(), text.len());
            assert!(!String::from_utf8(out).unwrap().contains("AbC"), "cut at {cut}");
        }
    }

    #[test]
    fn a_secret_that_begins_with_another_is_found_whole_wherever_it_is_cut() {
        let (short, long) = (TOKEN, format!("{TOKEN}-and-more"));
        let secrets = [Secret::new(short).unwrap(), Secret::new(&long).unwrap()];
        let scrubber = Scrubber::new(&secrets);
        for text in [format!("<{long}>"), format!("<{short}>"), long, short.to_owned()] {
            for cut in 0..=text.len() {
                let mut stream = scrubber.stream();
                let mut out = stream
                    .push(Bytes::copy_from_slice(&text.as_bytes()[..cut]))
                    .to_vec();
                out.extend_from_slice(&stream.push(Bytes::copy_from_slice(&text.as_bytes()[cut..])));
                out.extend_from_slice(&stream.finish());
                let out = String::from_utf8(out).unwrap();
                assert_eq!(out.len(), text.len());
                assert!(
                    !out.contains(|c: char| c.is_alphanumeric()),
                    "{out}, cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn text_without_a_secret_passes_at_once_and_unchanged() {
        let mut stream = scrubber().stream();
        assert_eq!(
            stream.push(Bytes::from_static(b"data: {}\n\n")),
            &b"data: {}\n\n"[..]
        );
        assert_eq!(stream.push(Bytes::from_static(b"ends in to")), &b"ends in "[..]);
        assert_eq!(stream.push(Bytes::from_static(b"day.")), &b"today."[..]);
        assert!(stream.finish().is_empty());
    }

    #[test]
    fn short_secrets_are_not_searched_for() {
        let scrubber = Scrubber::new([&Secret::new("short").unwrap()]);
        assert!(!scrubber.finds(b"short"));
    }
}
