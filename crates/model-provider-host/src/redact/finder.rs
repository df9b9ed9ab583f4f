//! The search for secrets in bytes. Finds every occurrence of every form, overlapping ones too.
//!
//! Its run time does not depend on the secrets, unless eight consecutive bytes match: blocks of eight bytes are
//! looked up in a table of all blocks of all forms, hashed with a key of this process. Only hits are compared
//! further. A search that runs longer where a form may begin would be a timing oracle for its first characters.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    ops::Range,
    sync::Arc,
};

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;

use super::forms::{self, Unescaped};

/// How JSON escapes an ASCII character.
const ESCAPE: &[u8] = b"\\u00";
/// Bytes that are looked up at once.
const BLOCK: usize = 8;
/// A form of at least this length contains a whole block at any alignment.
const HOLDS_BLOCK: usize = 2 * BLOCK - 1;
/// Bits of a hash.
const HASH: u32 = 16;

/// Finds the forms of a set of secrets. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Finder(Option<Arc<Inner>>);

struct Inner {
    escape: memmem::Finder<'static>,
    automaton: AhoCorasick,
    blocks: Blocks,
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
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(&patterns);
        let blocks = Blocks::new(&patterns);
        let escape = memmem::Finder::new(ESCAPE);
        let inner = automaton.ok().map(|automaton| Inner {
            escape,
            automaton,
            blocks,
        });
        Self(inner.map(Arc::new))
    }

    /// Whether the bytes contain a secret.
    pub(crate) fn finds(&self, bytes: &[u8]) -> bool {
        !self.ranges(bytes).is_empty()
    }

    /// The ranges of secrets, unordered.
    pub(crate) fn ranges(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let Some(inner) = &self.0 else {
            return found;
        };
        inner.search(bytes, &mut found);
        let may_be_escaped = memchr::memchr(b'\\', bytes)
            .and_then(|at| bytes.get(at..))
            .is_some_and(|from| inner.escape.find(from).is_some());
        if may_be_escaped {
            let Unescaped { bytes: plain, places } = forms::unescaped(bytes);
            let mut in_plain = Vec::new();
            inner.search(&plain, &mut in_plain);
            let place = |at: usize| places.get(at).copied().unwrap_or(bytes.len());
            found.extend(
                in_plain
                    .into_iter()
                    .map(|range| place(range.start)..place(range.end)),
            );
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
    pub(crate) fn clean(&self, text: &mut String) {
        if self.finds(text.as_bytes()) {
            let mut bytes = std::mem::take(text).into_bytes();
            self.mask(&mut bytes);
            *text = into_text(bytes);
        }
    }
}

impl Inner {
    fn search(&self, bytes: &[u8], found: &mut Vec<Range<usize>>) {
        if self.blocks.may_be_in(bytes) {
            found.extend(self.automaton.find_overlapping_iter(bytes).map(|hit| hit.range()));
        }
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

/// Every eight consecutive bytes of every form.
struct Blocks {
    key: u64,
    hashed: Box<[u64; 1 << (HASH - 6)]>,
    exact: Vec<u64>,
    /// Whether it is enough to look at every eighth position.
    in_steps: bool,
}

impl Blocks {
    fn new(patterns: &[Vec<u8>]) -> Self {
        let mut exact: Vec<u64> = patterns
            .iter()
            .flat_map(|pattern| pattern.array_windows::<BLOCK>())
            .map(|block| u64::from_le_bytes(*block))
            .collect();
        exact.sort_unstable();
        exact.dedup();
        let mut blocks = Self {
            key: RandomState::new().build_hasher().finish() | 1,
            hashed: Box::new([0; 1 << (HASH - 6)]),
            exact: Vec::new(),
            in_steps: patterns.iter().all(|pattern| pattern.len() >= HOLDS_BLOCK),
        };
        for block in &exact {
            let hash = blocks.hash(*block);
            blocks.hashed[hash >> 6] |= 1 << (hash & 63);
        }
        blocks.exact = exact;
        blocks
    }

    /// Whether a form may be there; no false negatives. Runs for all received data, so it is as plain as possible:
    /// in the dev profile an iterator costs 50 % more.
    fn may_be_in(&self, bytes: &[u8]) -> bool {
        let step = if self.in_steps { BLOCK } else { 1 };
        let mut rest = bytes;
        while let Some(block) = rest.first_chunk::<BLOCK>() {
            let block = u64::from_le_bytes(*block);
            let hash = self.hash(block);
            if self.hashed[hash >> 6] >> (hash & 63) & 1 == 1 && self.exact.binary_search(&block).is_ok() {
                return true;
            }
            rest = &rest[step..];
        }
        false
    }

    #[inline(always)]
    fn hash(&self, block: u64) -> usize {
        (block.wrapping_mul(self.key) >> (u64::BITS - HASH)) as usize % (1 << HASH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "tok_AbC/123+xyz~QQ\"9";

    fn finder() -> Finder {
        Finder::new([TOKEN], 4096)
    }

    fn cleaned(text: &str) -> String {
        let mut text = text.to_owned();
        finder().clean(&mut text);
        text
    }

    #[test]
    fn a_secret_is_redacted_in_every_form_and_lengths_hold() {
        let json = serde_json::to_string(TOKEN).unwrap();
        let within = serde_json::to_string(&json).unwrap();
        let percent =
            percent_encoding::utf8_percent_encode(TOKEN, percent_encoding::NON_ALPHANUMERIC).to_string();
        use base64::{Engine as _, engine::general_purpose as base64_engine};
        for before in ["", "a", "ab", "abc"] {
            for engine in [&base64_engine::STANDARD, &base64_engine::URL_SAFE] {
                let text = engine.encode(format!("{before}{TOKEN}zz"));
                let clean = cleaned(&text);
                assert!(clean.contains("********"), "{text} -> {clean}");
                assert_eq!(clean.len(), text.len());
            }
        }
        let slashed = within.replace('/', "\\/");
        let html = TOKEN.replace('"', "&quot;");
        let numbers = TOKEN.replace('"', "&#34;").replace('+', "&#43;");
        let hex = TOKEN.replace('"', "&quot;").replace('+', "&#x2B;");
        for form in [
            TOKEN.to_owned(),
            json,
            within,
            slashed,
            percent,
            html,
            numbers,
            hex,
        ] {
            for before in 0..9 {
                let text = format!("{}<{form}>", "-".repeat(before));
                let clean = cleaned(&text);
                assert!(!clean.contains("AbC") && clean.contains("****"), "{clean}");
                assert_eq!(clean.len(), text.len());
            }
        }
    }

    #[test]
    fn an_escape_of_any_character_at_any_depth_hides_nothing() {
        for (at, c) in TOKEN.char_indices() {
            for backslashes in ["\\", "\\\\", "\\\\\\\\"] {
                for hex in [format!("{:04x}", c as u32), format!("{:04X}", c as u32)] {
                    let rest = &TOKEN[at + 1..].replace('"', "\\\"");
                    let text = format!("{{\"a\": \"{}{backslashes}u{hex}{rest}\"}}", &TOKEN[..at]);
                    let clean = cleaned(&text);
                    assert!(
                        !clean.contains("xyz") && !clean.contains("AbC"),
                        "{text} -> {clean}"
                    );
                    assert!(
                        clean.starts_with("{\"a\": \"*") && clean.ends_with("\"}"),
                        "{clean}"
                    );
                    assert_eq!(clean.len(), text.len());
                }
            }
        }
        let all: String = TOKEN.bytes().map(|byte| format!("\\u00{byte:02x}")).collect();
        assert_eq!(cleaned(&all), "*".repeat(all.len()));
    }

    #[test]
    fn secrets_that_overlap_are_both_redacted_whole() {
        let finder = Finder::new(["abcdefghijkl", "ghijklmnopqr"], 4096);
        let mut text = "<abcdefghijklmnopqr>".to_owned();
        finder.clean(&mut text);
        assert_eq!(text, "<******************>");
    }

    #[test]
    fn a_proper_prefix_or_suffix_is_never_redacted() {
        for cut in 1..TOKEN.len() {
            assert!(!finder().finds(&TOKEN.as_bytes()[..cut]));
            assert!(!finder().finds(&TOKEN.as_bytes()[cut..]));
        }
    }

    #[test]
    fn a_short_secret_is_found_at_every_place() {
        let finder = Finder::new(["8letters"], 4096);
        for before in 0..20 {
            let text = format!("{}8letters..", ".".repeat(before));
            assert!(finder.finds(text.as_bytes()), "{text}");
        }
        assert!(!Finder::new(["7letter"], 4096).finds(b"7letter"));
    }

    #[test]
    fn a_form_longer_than_the_held_back_text_is_redacted_in_fragments() {
        let secret: String = (0..1000u32)
            .map(|n| char::from(b'a' + (n * n % 26) as u8))
            .collect();
        let finder = Finder::new([secret.as_str()], 64);
        let mut text = format!("<{secret}>");
        finder.clean(&mut text);
        assert_eq!(text, format!("<{}>", "*".repeat(1000)));
        assert!(!finder.finds(&secret.as_bytes()[..63]));
    }
}
