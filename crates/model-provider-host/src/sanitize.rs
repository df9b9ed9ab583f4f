//! Sanitizer: makes foreign text (of a plugin, an upstream, a file name) harmless for a terminal or a text log.
//!
//! The one place that decides what such text may not contain. Knows characters, not who prints them. Text of the
//! model that is written to a file or a pipe is not sanitized.

use std::{borrow::Cow, fmt::Write as _};

/// The longest line that is shown or logged, in characters.
pub const MAX_LINE_CHARS: usize = 4096;
/// The longest name: a model reference with its backend has room.
pub const MAX_NAME_CHARS: usize = 256;
/// The most entries of a list that are shown (warnings, suggestions); the rest is counted.
pub const MAX_NAMES: usize = 20;

const REPLACEMENT: char = '\u{fffd}';

/// Bidirectional controls: they display a text in another order than it has.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// Of those, the marks: a right-to-left text may contain them, and reads almost the same without.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
}

/// Line and paragraph separators besides the controls.
fn is_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Invisible characters: two names that differ by them look the same, and they can carry hidden text.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0d}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Text of several lines: line feeds and tabs stay; other controls and bidirectional controls are removed.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    let is_harmless = |c: char| match c {
        '\n' | '\t' => true,
        c => !c.is_control() && !is_bidi(c) && !is_break(c),
    };
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().filter_map(|c| match c {
        c if is_harmless(c) => Some(c),
        // CR LF becomes one line feed.
        '\r' => None,
        c if is_mark(c) => None,
        c if is_break(c) => Some('\n'),
        _ => Some(REPLACEMENT),
    });
    Cow::Owned(shown.collect())
}

/// One line of any length: line breaks and tabs become blanks.
#[must_use]
pub fn flat(text: &str) -> Cow<'_, str> {
    let is_harmless = |c: char| !c.is_control() && !is_bidi(c) && !is_break(c);
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| match c {
        c if is_harmless(c) => c,
        '\n' | '\r' | '\t' => ' ',
        c if is_break(c) => ' ',
        _ => REPLACEMENT,
    });
    Cow::Owned(shown.collect())
}

/// One line of at most [`MAX_LINE_CHARS`] characters: a message, a value, a log field.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    match cut(text, MAX_LINE_CHARS) {
        None => flat(text),
        Some(head) => Cow::Owned(format!("{}…", flat(head))),
    }
}

/// A name: one line of at most [`MAX_NAME_CHARS`] visible characters. Runs of blanks become one: a wide gap would
/// push what follows into another line of the terminal.
pub fn name(text: &str) -> Cow<'_, str> {
    let (head, more) = match cut(text, MAX_NAME_CHARS) {
        None => (text, ""),
        Some(head) => (head, "…"),
    };
    let flat = flat(head);
    let is_gap = |(a, b): (char, char)| b.is_whitespace() && (a.is_whitespace() || b != ' ');
    let is_plain = more.is_empty()
        && !flat.chars().any(is_invisible)
        && !std::iter::once(' ')
            .chain(flat.chars())
            .zip(flat.chars())
            .any(is_gap);
    if is_plain {
        return match flat {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            owned @ Cow::Owned(_) => owned,
        };
    }
    let mut shown = String::with_capacity(flat.len());
    for c in flat.chars() {
        match c {
            c if is_invisible(c) => shown.push(REPLACEMENT),
            c if c.is_whitespace() => {
                if !shown.is_empty() && !shown.ends_with(' ') {
                    shown.push(' ');
                }
            }
            c => shown.push(c),
        }
    }
    shown.push_str(more);
    Cow::Owned(shown)
}

/// A list of names, at most [`MAX_NAMES`] of them.
pub fn names<'t>(all: impl IntoIterator<Item = &'t str>) -> String {
    let mut all = all.into_iter();
    let mut shown: Vec<_> = all.by_ref().take(MAX_NAMES).map(name).collect();
    let left = all.count();
    if left > 0 {
        shown.push(Cow::Owned(format!("{left} more")));
    }
    shown.join(", ")
}

/// JSON text of the same value that is harmless for a terminal: characters that JSON need not escape (C1 controls,
/// bidirectional controls, invisible ones) are escaped.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    // JSON has no raw control character within its strings, so these are between its values.
    let is_harmless = |c: char| {
        matches!(c, '\n' | '\t') || !(c.is_control() || is_bidi(c) || is_break(c) || is_invisible(c))
    };
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmless(c) {
            escaped.push(c);
        } else if c == '\r' {
            escaped.push(' ');
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(escaped)
}

/// The final check of text for a terminal: our own colours stay; any other escape sequence or control that a caller
/// has missed is removed.
#[must_use]
pub fn screen(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return self::text(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        shown.push_str(&self::text(before));
        let length = colour(from).unwrap_or(0);
        if length == 0 {
            shown.push(REPLACEMENT);
            rest = from.get(1..).unwrap_or_default();
        } else {
            let (own, after) = from.split_at(length);
            shown.push_str(own);
            rest = after;
        }
    }
    shown.push_str(&self::text(rest));
    Cow::Owned(shown)
}

/// The length of a sequence that sets or resets one of our colours.
fn colour(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let (code, _) = rest.split_once('m')?;
    matches!(code, "0" | "1" | "2" | "3" | "31" | "32" | "33" | "36").then(|| "\u{1b}[m".len() + code.len())
}

/// The first characters, if there are more.
fn cut(text: &str, longest: usize) -> Option<&str> {
    if text.len() <= longest {
        return None;
    }
    let (end, _) = text.char_indices().nth(longest)?;
    text.get(..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every kind of character that must not reach a terminal.
    const HOSTILE: &str = "\u{0}\u{7}\u{8}\u{b}\u{c}\u{e}\u{1b}]0;title\u{7}\u{1b}[2J\u{7f}\u{85}\u{90}\u{9b}2J\u{9d}\
                           \u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\
                           \u{2069}\u{206a}\u{2028}\u{2029}";

    fn is_dangerous(c: char) -> bool {
        (c.is_control() && c != '\n' && c != '\t') || is_bidi(c) || is_break(c)
    }

    #[test]
    fn no_control_and_no_bidirectional_control_is_left_in_any_form() {
        for shown in [
            text(HOSTILE),
            flat(HOSTILE),
            line(HOSTILE),
            name(HOSTILE),
            screen(HOSTILE),
        ] {
            assert!(!shown.chars().any(is_dangerous), "{shown:?}");
        }
        assert!(!flat(HOSTILE).contains(['\n', '\t']));
        assert_eq!(text("a\r\nb\tc\u{1b}[2Jd"), "a\nb\tc\u{fffd}[2Jd");
        assert_eq!(flat("a\nb\u{7}c\u{2028}d"), "a b\u{fffd}c d");
    }

    #[test]
    fn text_in_any_language_stays_as_it_is() {
        for plain in ["naïve – 東京 🦀 שלום مرحبا", "हिन्दी", "a\nb\tc"] {
            assert_eq!(text(plain), plain);
        }
        // Emoji sequences, and the joiners of Persian, are no names.
        assert_eq!(
            text("👩\u{200d}🚀 می\u{200c}خواهم"),
            "👩\u{200d}🚀 می\u{200c}خواهم"
        );
        assert_eq!(text("שלום\u{200f}!"), "שלום!");
        assert_eq!(name("Llama 3.3 70B ❤\u{fe0f}"), "Llama 3.3 70B ❤\u{fe0f}");
    }

    #[test]
    fn a_name_shows_what_cannot_be_seen_and_has_no_gaps() {
        assert_eq!(name("a\u{200b}b\u{feff}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(name("x\u{e0041}\u{e007f}"), "x\u{fffd}\u{fffd}");
        assert_eq!(name("Good     \u{a0}\u{2003}\n digest"), "Good digest");
        assert_eq!(name(" a  b "), "a b ");
        let long = name(&"é".repeat(10_000)).into_owned();
        assert_eq!(long.chars().count(), MAX_NAME_CHARS + 1);
        assert!(long.ends_with('…'));
        assert_eq!(line(&"é".repeat(10_000)).chars().count(), MAX_LINE_CHARS + 1);
    }

    #[test]
    fn of_many_names_a_few_are_shown_and_the_rest_is_counted() {
        let all: Vec<String> = (0..200_000).map(|n| format!("n{n}")).collect();
        let shown = names(all.iter().map(String::as_str));
        assert!(shown.ends_with("n19, 199980 more"), "{shown}");
        assert_eq!(names(["a", "b"]), "a, b");
    }

    #[test]
    fn json_keeps_its_value_and_loses_what_drives_a_terminal() {
        let value = serde_json::json!({"a": HOSTILE, "b": "\u{e0041}\u{200b}\u{9b}ü"});
        for written in [
            serde_json::to_string(&value).unwrap(),
            serde_json::to_string_pretty(&value).unwrap(),
        ] {
            let harmless = json(&written);
            assert!(!harmless.chars().any(is_dangerous), "{harmless:?}");
            assert!(!harmless.chars().any(is_invisible), "{harmless:?}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&harmless).unwrap(),
                value
            );
        }
    }

    #[test]
    fn blanks_between_the_values_of_json_stay_blanks() {
        let written = "{\"a\"\t:\r\n[1,\t2]}";
        let harmless = json(written);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&harmless).unwrap(),
            serde_json::json!({"a": [1, 2]})
        );
        assert!(!harmless.contains('\r'));
    }

    #[test]
    fn colours_of_our_own_pass_the_last_look_and_no_other_sequence_does() {
        let own = "\u{1b}[33mwarning:\u{1b}[0m x";
        assert_eq!(screen(own), own);
        for other in [
            "\u{1b}[8mhidden",
            "\u{1b}[2J",
            "\u{1b}]0;t\u{7}",
            "\u{1b}",
            "\u{1b}[0;31m",
            "\u{1b}[m",
        ] {
            let shown = screen(other).into_owned();
            assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_harmless_afterwards_and_stays_so(given in "\\PC{0,20}[\\x00-\\u{9f}\u{200b}-\u{206f}]{0,20}\\PC{0,20}") {
            for shown in [text(&given), flat(&given), line(&given), name(&given)] {
                let is_harmless = !shown.chars().any(is_dangerous);
                prop_assert!(is_harmless);
            }
            prop_assert_eq!(name(&name(&given)).into_owned(), name(&given).into_owned());
            prop_assert!(!line(&given).contains('\n'));
        }
    }
}
