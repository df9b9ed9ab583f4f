//! Redaction of streaming text, such as the deltas of a response.
//!
//! A credential is one word: printable ASCII without blanks. So only words are held back, from their eighth
//! character on and at most [`HELD`] bytes, until a blank, a non-ASCII character or the end. Prose passes at once.
//! What is held back reveals nothing of a secret: it depends on the text alone.

use super::{
    finder::{Finder, blank, into_text},
    forms::SHORTEST,
};

/// The characters of a word that are released before its end is known.
pub(crate) const SHOWN: usize = 7;
/// The most bytes of a word that are held back.
pub(crate) const HELD: usize = 512;

/// One stream of text.
#[derive(Debug, Default)]
pub(crate) struct TextRedactor {
    /// The last word, unredacted, with the released part as far as a secret may begin there.
    word: String,
    /// How many bytes of it were released.
    given: usize,
    /// How many bytes after those belong to a secret whose beginning was released.
    masked: usize,
    /// The word is longer than its stored part.
    is_longer: bool,
}

impl TextRedactor {
    /// Takes the next delta and returns what may be released, redacted; may be empty.
    pub(crate) fn push(&mut self, finder: &Finder, piece: String) -> String {
        // Nothing was said: the word goes on.
        let Some(first) = piece.bytes().next() else {
            return piece;
        };
        if self.word.is_empty() {
            return self.take(finder, piece, 0);
        }
        if is_of_word(first) {
            let mut all = std::mem::take(&mut self.word);
            all.push_str(&piece);
            let given = self.given;
            return self.take(finder, all, given);
        }
        let before = if self.holds() {
            self.flush(finder)
        } else {
            String::new()
        };
        // Reuses the word's buffer.
        self.word.clear();
        (self.given, self.masked, self.is_longer) = (0, 0, false);
        let now = self.take(finder, piece, 0);
        if before.is_empty() { now } else { before + &now }
    }

    /// Whether text is held back.
    pub(crate) fn holds(&self) -> bool {
        self.held() > 0
    }

    /// How many bytes are held back.
    pub(crate) fn held(&self) -> usize {
        self.word.len().saturating_sub(self.given)
    }

    /// Releases the held-back text. What follows still counts as the same word.
    pub(crate) fn flush(&mut self, finder: &Finder) -> String {
        let all = std::mem::take(&mut self.word);
        let given = self.given;
        let out = self.give(finder, &all, given, all.len());
        let from = all.len().saturating_sub(HELD);
        self.is_longer |= from > 0;
        self.word = all;
        self.word.drain(..from);
        self.given = self.word.len();
        out
    }

    /// Processes the end of the stream, of which `given` bytes were released before.
    fn take(&mut self, finder: &Finder, mut all: String, given: usize) -> String {
        let bytes = all.as_bytes();
        let word = bytes.iter().rev().take_while(|byte| is_of_word(**byte)).count();
        // A new word has begun.
        if word < bytes.len() {
            self.is_longer = false;
        }
        let open = if self.is_longer {
            HELD
        } else {
            word.saturating_sub(SHOWN)
        };
        let held = open.min(HELD).min(word).min(bytes.len() - given.min(bytes.len()));
        let split = bytes.len() - held;
        // A secret that began before `split` and has not ended yet begins after this.
        let begin = (bytes.len() - word).max(split.saturating_sub(HELD));
        self.is_longer |= begin > bytes.len() - word;
        let found = self.masked > 0 || (bytes.len() >= SHORTEST && finder.finds(bytes));
        self.word.clear();
        self.word.push_str(all.get(begin..).unwrap_or_default());
        self.given = split - begin;
        if found {
            return self.give(finder, &all, given, split);
        }
        self.masked = 0;
        if given == 0 {
            all.truncate(split);
            return all;
        }
        all.get(given..split).unwrap_or_default().to_owned()
    }

    /// Returns `given` to `split`, redacted; records what is masked after it.
    fn give(&mut self, finder: &Finder, all: &str, given: usize, split: usize) -> String {
        let masked = std::mem::take(&mut self.masked);
        let mut bytes = all.as_bytes().to_vec();
        for range in finder
            .ranges(&bytes)
            .into_iter()
            .chain(std::iter::once(given..given + masked))
        {
            if range.start < split {
                self.masked = self.masked.max(range.end.saturating_sub(split));
            }
            blank(&mut bytes, range);
        }
        bytes.truncate(split);
        bytes.drain(..given.min(split));
        into_text(bytes)
    }
}

/// Whether a byte may be part of a credential: printable ASCII, not blank.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "sk_AbCdEfGhIjKlMnOpQrStUvWxYz0123456";

    fn finder() -> Finder {
        Finder::new([TOKEN], HELD)
    }

    fn through(finder: &Finder, pieces: &[&str]) -> Vec<String> {
        let mut stream = TextRedactor::default();
        let mut out: Vec<String> = pieces
            .iter()
            .map(|piece| stream.push(finder, (*piece).to_owned()))
            .collect();
        out.push(stream.flush(finder));
        out
    }

    #[test]
    fn prose_passes_at_once() {
        let words = [
            "The",
            " quick",
            " brown",
            "\n\n",
            "fox,",
            " „jumps“",
            " über",
            " it.",
            "犬",
            "です。",
        ];
        let out = through(&finder(), &words);
        assert_eq!(out[..words.len()], words);
    }

    #[test]
    fn a_long_word_waits_from_its_eighth_character_on() {
        let out = through(&finder(), &["An inter", "nation", "al", " affair"]);
        assert_eq!(out, ["An inter", "na", "", "tional affair", ""]);
        let out = through(&finder(), &["Certainly!", " Yes"]);
        assert_eq!(out, ["Certain", "ly! Yes", ""]);
        let out = through(&finder(), &["https://a.test/b", "é"]);
        assert_eq!(out, ["https:/", "/a.test/bé", ""]);
    }

    #[test]
    fn a_word_without_end_is_held_to_a_limit() {
        let finder = finder();
        let mut stream = TextRedactor::default();
        let mut given = 0;
        for step in 1..2_000 {
            given += stream.push(&finder, "x".to_owned()).len();
            let held = step - given;
            assert_eq!(held, usize::min(step.saturating_sub(SHOWN), HELD));
        }
        assert!(stream.word.len() <= 2 * HELD);
    }

    #[test]
    fn a_secret_cut_anywhere_shows_seven_characters_at_most() {
        for before in ["", "key: ", "key=", "\"", "ключ:"] {
            for size in 1..TOKEN.len() + 9 {
                for end in ["", " and so on", "\"}"] {
                    let text = format!("{before}{TOKEN}{end}");
                    let mut pieces = Vec::new();
                    let mut rest = text.as_str();
                    while !rest.is_empty() {
                        let at = rest
                            .char_indices()
                            .map(|(at, _)| at)
                            .nth(size)
                            .unwrap_or(rest.len());
                        pieces.push(&rest[..at]);
                        rest = &rest[at..];
                    }
                    let out = through(&finder(), &pieces).concat();
                    assert_eq!(out.len(), text.len(), "{out}");
                    assert!(!out.contains(&TOKEN[..SHOWN + 1]), "{out}");
                    assert!(out.contains(&"*".repeat(TOKEN.len() - SHOWN)), "{out}");
                }
            }
        }
    }

    #[test]
    fn a_secret_deep_in_a_word_without_end_is_masked_whole() {
        for before in [SHOWN, HELD - 40, HELD, HELD + SHOWN, 3 * HELD] {
            let text = format!("{}{TOKEN}{}", "x".repeat(before), "y".repeat(HELD * 2));
            for size in [1, 5, 100, 600] {
                let pieces: Vec<&str> = (0..text.len())
                    .step_by(size)
                    .map(|at| &text[at..(at + size).min(text.len())])
                    .collect();
                let out = through(&finder(), &pieces).concat();
                assert_eq!(
                    out,
                    text.replace(TOKEN, &"*".repeat(TOKEN.len())),
                    "{before} {size}"
                );
            }
        }
    }

    #[test]
    fn what_is_flushed_within_a_secret_is_still_its_beginning() {
        let finder = finder();
        let mut stream = TextRedactor::default();
        let mut out = stream.push(&finder, TOKEN[..20].to_owned());
        out += &stream.flush(&finder);
        assert_eq!(out, TOKEN[..20]);
        out += &stream.push(&finder, TOKEN[20..].to_owned());
        out += &stream.flush(&finder);
        assert_eq!(out, format!("{}{}", &TOKEN[..20], "*".repeat(TOKEN.len() - 20)));
    }

    #[test]
    fn an_empty_piece_changes_nothing() {
        for size in 1..TOKEN.len() {
            let (mut some, mut rest) = (Vec::new(), TOKEN);
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(size.min(rest.len()));
                some.extend([piece, "", ""]);
                rest = behind;
            }
            let out = through(&finder(), &some).concat();
            assert!(
                !out.contains(&TOKEN[..=SHOWN]) && !out.contains(&TOKEN[SHOWN..]),
                "{out}"
            );
            assert!(out.ends_with(&"*".repeat(TOKEN.len() - SHOWN)), "{out}");
        }
        let out = through(&finder(), &["Certainly", "", "!"]);
        assert_eq!(out, ["Certain", "", "", "ly!"]);
    }

    #[test]
    fn what_is_held_does_not_depend_on_the_secret() {
        let text = format!("say {} and {} or\n{}x", &TOKEN[..30], &TOKEN[1..], &TOKEN[..35]);
        let others = [
            Finder::new(["sk-another/credential+of_another-length"], HELD),
            Finder::new([], HELD),
        ];
        for size in 1..text.len() {
            let pieces: Vec<&str> = (0..text.len())
                .step_by(size)
                .map(|at| &text[at..(at + size).min(text.len())])
                .collect();
            let out = through(&finder(), &pieces);
            assert_eq!(out.concat(), text);
            for other in &others {
                assert_eq!(out, through(other, &pieces));
            }
        }
    }
}
