//! Metadata from a model's id alone: a display name, and whether it is a reasoning model.

use alloc::{borrow::ToOwned, string::String};

/// Words that only reasoning models have in their names.
const REASONING_WORDS: [&str; 7] = [
    "r1",
    "qwq",
    "think",
    "thinker",
    "thinking",
    "reasoner",
    "reasoning",
];
/// Reasoning models without such a word: two adjacent words of their names.
const REASONING_FAMILIES: [(&str, &str); 8] = [
    ("gpt", "oss"),
    ("glm", "4.5"),
    ("glm", "4.5v"),
    ("glm", "4.6"),
    ("glm", "4.6v"),
    ("glm", "4.7"),
    ("glm", "5"),
    ("kimi", "k2.5"),
];
/// What these words, and the second ones of the families, begin with.
const FIRST_LETTERS: [u8; 7] = *b"rqto45k";

/// The last part of an id, without a suffix.
#[inline(never)]
pub(super) fn last_part(id: &str) -> &str {
    // Search for bytes, not a string: string search adds much code to the component.
    let (mut start, mut end, mut at) = (0, id.len(), 0);
    // Counted by hand: built for size, an iterator over places is a call for each byte.
    for byte in id.as_bytes() {
        if *byte == b'/' {
            (start, end) = (at + 1, id.len());
        } else if *byte == b':' && end == id.len() {
            end = at;
        }
        at += 1;
    }
    id.get(start..end).unwrap_or(id)
}

/// Whether an id's last part, by [`last_part`], has this word, in any case. By bytes, since both separators are ASCII:
/// every request checks several words.
pub(super) fn has_word(last: &str, word: &str) -> bool {
    last.as_bytes()
        .split(|byte| matches!(byte, b'-' | b' '))
        .any(|of_id| of_id.eq_ignore_ascii_case(word.as_bytes()))
}

/// A display name: the last part of the id with spaces for hyphens and every first letter in upper case. Never empty
/// for an id that is not.
#[must_use]
pub fn display_name(id: &str) -> String {
    let last = last_part(id);
    let name = if last.is_ascii() {
        of_ascii(last)
    } else {
        of_any_letters(last)
    };
    if name.trim().is_empty() {
        id.to_owned()
    } else {
        name
    }
}

/// By bytes, as nearly every name is: a list checks one of each row.
fn of_ascii(last: &str) -> String {
    let mut within_word = false;
    let mut name = last.as_bytes().to_vec();
    for byte in &mut name {
        match *byte {
            b'-' => *byte = b' ',
            letter if !within_word => *byte = letter.to_ascii_uppercase(),
            _ => {}
        }
        within_word = byte.is_ascii_alphanumeric() || *byte == b'_';
    }
    String::from_utf8(name).unwrap_or_default()
}

fn of_any_letters(last: &str) -> String {
    let mut name = String::new();
    let mut within_word = false;
    for c in last.chars() {
        let c = if c == '-' { ' ' } else { c };
        name.push(if within_word { c } else { upper_case(c) });
        within_word = c.is_alphanumeric() || c == '_';
    }
    name
}

/// Latin, Greek and Cyrillic letters in upper case, other letters unchanged: the table of all alphabets would add 14
/// KB to the component.
fn upper_case(c: char) -> char {
    let distance = match c {
        'a'..='z' | 'à'..='ö' | 'ø'..='þ' | 'α'..='ρ' | 'σ'..='ω' | 'а'..='я' => 32,
        'ѐ'..='џ' => 80,
        _ => 0,
    };
    char::from_u32(u32::from(c) - distance).unwrap_or(c)
}

/// Whether the name indicates a reasoning model; only whole words count.
#[must_use]
pub fn suggests_reasoning(id: &str) -> bool {
    let mut before: &[u8] = &[];
    // By bytes, as the separators are ASCII: a list checks every row.
    for word in last_part(id)
        .as_bytes()
        .split(|byte| matches!(byte, b'-' | b'_' | b' '))
    {
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        let follows = |known: &str| before.eq_ignore_ascii_case(known.as_bytes());
        // Nearly every word begins otherwise.
        let first = word.first().map_or(0, u8::to_ascii_lowercase);
        if !FIRST_LETTERS.contains(&first) {
            before = word;
            continue;
        }
        if REASONING_WORDS.iter().any(|known| is(known)) {
            return !follows("non") && !follows("no");
        }
        if REASONING_FAMILIES
            .iter()
            .any(|(first, second)| is(second) && follows(first))
        {
            return true;
        }
        before = word;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_the_usual_alphabets_are_raised_as_unicode_says() {
        for c in ('a'..='z')
            .chain('à'..='ö')
            .chain('ø'..='þ')
            .chain('α'..='ω')
            .chain('а'..='џ')
        {
            if c != 'ς' {
                assert_eq!(Some(upper_case(c)), c.to_uppercase().next(), "{c}");
            }
        }
        assert_eq!(upper_case('÷'), '÷');
        assert_eq!(display_name("org/日本-ß"), "日本 ß");
        for name in ["deepSeek-r1", "a--b_c d.e", "-x", "(y)z", "Already-Good", "3b-4c"] {
            assert_eq!(of_ascii(name), of_any_letters(name), "{name}");
        }
    }

    #[test]
    fn every_word_of_a_reasoning_model_begins_with_a_letter_that_is_looked_for() {
        let families = REASONING_FAMILIES.iter().map(|(_, second)| second);
        for word in REASONING_WORDS.iter().chain(families) {
            assert!(FIRST_LETTERS.contains(&word.as_bytes()[0]), "{word}");
        }
    }

    #[test]
    fn the_last_part_begins_behind_the_last_slash_and_ends_before_its_first_colon() {
        for (id, last) in [
            ("a/b", "b"),
            ("b", "b"),
            ("a:x/b:y:z", "b"),
            ("a/b:", "b"),
            ("a/", ""),
            (":a", ""),
            ("", ""),
        ] {
            assert_eq!(last_part(id), last, "{id}");
        }
    }
}
