//! Metadata from a model's id alone: a display name, and whether it is a reasoning model.

use alloc::string::{String, ToString};

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

/// The last part of an id, without a suffix.
#[inline(never)]
pub(super) fn last_part(id: &str) -> &str {
    // Search for a byte, not a string: string search adds much code to the component.
    let start = id.bytes().rposition(|byte| byte == b'/').map_or(0, |at| at + 1);
    let last = id.get(start..).unwrap_or(id);
    let end = last.bytes().position(|byte| byte == b':');
    end.and_then(|end| last.get(..end)).unwrap_or(last)
}

/// Whether an id's last part, by [`last_part`], has this word, in any case. By bytes, since both separators are ASCII:
/// every request asks for several words.
pub(super) fn has_word(last: &str, word: &str) -> bool {
    last.as_bytes()
        .split(|byte| matches!(byte, b'-' | b' '))
        .any(|of_id| of_id.eq_ignore_ascii_case(word.as_bytes()))
}

/// A display name: the last part of the id with spaces for hyphens and every first letter in upper case. Never empty
/// for an id that is not.
#[must_use]
pub fn display_name(id: &str) -> String {
    let mut name = String::new();
    let mut within_word = false;
    for c in last_part(id).chars() {
        let c = if c == '-' { ' ' } else { c };
        name.push(if within_word { c } else { upper_case(c) });
        within_word = c.is_alphanumeric() || c == '_';
    }
    if name.trim().is_empty() {
        id.to_string()
    } else {
        name
    }
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
    // By bytes, as the separators are ASCII: a list asks it of every row.
    for word in last_part(id)
        .as_bytes()
        .split(|byte| matches!(byte, b'-' | b'_' | b' '))
    {
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        let follows = |known: &str| before.eq_ignore_ascii_case(known.as_bytes());
        if REASONING_WORDS.iter().any(|known| is(known)) {
            return !follows("non") && !follows("no");
        }
        if REASONING_FAMILIES
            .iter()
            .any(|(first, second)| follows(first) && is(second))
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
    }
}
