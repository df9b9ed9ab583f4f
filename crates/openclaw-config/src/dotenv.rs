//! Parser for `.env` files, compatible with OpenClaw's.
//!
//! Our own few lines, because the maintained crates expand `$NAME` from the process's whole environment, refuse
//! values with spaces, and quote the line in their errors.

use std::{
    io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use model_provider_host::files;

/// The text of a file; empty if it does not exist. Bytes that are not UTF-8 affect their own value only. UTF-16, as
/// Windows editors save it, is decoded.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, (PathBuf, io::Error)> {
    match files::read(path, files::MAX_BYTES) {
        Ok(bytes) => Ok(decode(&Zeroizing::new(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Zeroizing::default()),
        Err(error) => Err((path.to_owned(), error)),
    }
}

/// Decodes UTF-16 by its byte order mark, or by the zero bytes of its ASCII characters; else UTF-8.
fn decode(bytes: &[u8]) -> Zeroizing<String> {
    let is_wide = |zero: usize| {
        let mut pairs = bytes.chunks_exact(2).take(16);
        bytes.len() >= 4 && pairs.all(|pair| pair[zero] == 0 && pair[1 - zero] != 0)
    };
    let units: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ if is_wide(1) => u16::from_le_bytes,
        _ if is_wide(0) => u16::from_be_bytes,
        _ => return Zeroizing::new(String::from_utf8_lossy(bytes).into_owned()),
    };
    let units = bytes.chunks_exact(2).map(|pair| units([pair[0], pair[1]]));
    let text = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    Zeroizing::new(text.collect())
}

/// The value of a variable. The last assignment wins, as in a shell.
pub(super) fn find(text: &str, wanted: &str) -> Option<String> {
    find_value(text, wanted).map(|(value, _)| value)
}

/// Like [`find`], with surrounding backticks preserved: where a key is expected, they mark a command substitution.
pub(super) fn find_as_written(text: &str, wanted: &str) -> Option<Zeroizing<String>> {
    let (value, quote) = find_value(text, wanted)?;
    let value = Zeroizing::new(value);
    Some(match quote {
        Some('`') => Zeroizing::new(format!("`{}`", *value)),
        _ => value,
    })
}

/// The value and its quote character.
fn find_value(text: &str, wanted: &str) -> Option<(String, Option<char>)> {
    let mut found = None;
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let (line, after) = rest.split_once(['\n', '\r']).unwrap_or((rest, ""));
        let Some((name, value)) = assignment(line) else {
            rest = after;
            continue;
        };
        // A quoted value may span several lines, so the search covers the rest of the text.
        let from = &rest[line.len() - value.len()..];
        let (value, after) = match quoted(from) {
            Some((value, length)) => {
                let tail = &from[length..];
                (
                    (value, from.chars().next()),
                    tail.split_once(['\n', '\r']).map_or("", |(_, after)| after),
                )
            }
            None => ((unquoted(value), None), after),
        };
        if name == wanted {
            found = Some(value);
        }
        rest = after;
    }
    found
}

/// Parses `NAME = value`, `export NAME=value` or `NAME: value`; strips leading spaces of the value.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
        .map_or(line, str::trim_start);
    let by_colon = || {
        let (name, value) = line.split_once(':')?;
        (value.starts_with([' ', '\t']) && !name.contains('=')).then_some((name, value))
    };
    let (name, value) = by_colon().or_else(|| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim_end(), value))
    })?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    (!name.is_empty() && name.chars().all(legal)).then(|| (name, value.trim_start_matches([' ', '\t'])))
}

/// The quoted value at the beginning, and its length. Double quotes support the escape `\n`.
fn quoted(text: &str) -> Option<(String, usize)> {
    let quote = text.chars().next().filter(|c| "\"'`".contains(*c))?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => {
                let inner = &text[1..at];
                let value = if quote == '"' {
                    inner
                        .replace("\\n", "\n")
                        .replace("\\r", "\r")
                        .replace("\\\"", "\"")
                } else {
                    inner.to_owned()
                };
                return Some((value, at + 1));
            }
            _ => {}
        }
    }
    None
}

/// An unquoted value: up to a comment, trimmed.
fn unquoted(value: &str) -> String {
    value.split('#').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::find;

    #[test]
    fn values_are_found_in_every_usual_spelling() {
        for text in [
            "A=x y",
            "A = x y # comment",
            "export A='x y'",
            "\u{feff}A=\"x y\"\r\nB=2",
            "no assignment\n# A=z\n  A=`x y`  # c",
            "A=old\nB='two\nA=inner\n'\nA=x y",
            "B=\"never closed\nA=x y",
            "A: x y",
            "export A:\t'x y'",
        ] {
            assert_eq!(find(text, "A").as_deref(), Some("x y"), "{text:?}");
        }
        assert_eq!(find("A=", "A").as_deref(), Some(""));
        assert_eq!(find("A='a#b'", "A").as_deref(), Some("a#b"));
        assert_eq!(find("A=b: c", "A").as_deref(), Some("b: c"));
        assert_eq!(find("A:x\nA : y", "A"), None);
        assert_eq!(find("AB=1\nexport=2", "A"), None);
        assert_eq!(find("export=2", "export").as_deref(), Some("2"));
    }

    #[test]
    fn backticks_are_quotes_unless_the_raw_value_is_requested() {
        let text = "A=`cat /x`\nB='y z'";
        assert_eq!(find(text, "A").as_deref(), Some("cat /x"));
        let written = |name| super::find_as_written(text, name).unwrap().to_string();
        assert_eq!((written("A"), written("B")), ("`cat /x`".into(), "y z".into()));
    }

    #[test]
    fn a_file_in_utf_16_says_what_it_says_in_utf_8() {
        for (mark, is_little) in [(true, true), (true, false), (false, true), (false, false)] {
            let text = if mark {
                "\u{feff}# c\r\nA=x é\r\n"
            } else {
                "A=x\r\nB=y\r\nC=zé\r\n"
            };
            let units = text.encode_utf16();
            let bytes: Vec<u8> = units
                .flat_map(|unit| {
                    if is_little {
                        unit.to_le_bytes()
                    } else {
                        unit.to_be_bytes()
                    }
                })
                .collect();
            let text = super::decode(&bytes);
            assert_eq!(find(&text, "A").as_deref(), Some(if mark { "x é" } else { "x" }));
        }
        assert_eq!(&*super::decode(b"A=x"), "A=x");
        assert_eq!(&*super::decode(b""), "");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[A=\"'`\\\\\n\r# é${}x]{0,40}") {
            let _ = find(&text, "A");
        }
    }
}
