//! JSON scanner: skips values many bytes at a time, and returns where they end.
//!
//! It accepts common, well-formed JSON. The rest ([`Odd`]) is left to serde_json: an error, a name with an escape,
//! deeply nested values. So serde_json must accept everything that is accepted here, but not the reverse. This module
//! must not know any name of the wire format.

use crate::quote::unescaped;

/// Input that is left to serde_json.
#[derive(Debug)]
pub(crate) struct Odd;

/// The nesting limit of values that are skipped.
const DEPTH: u8 = 32;

/// A text, and the offset up to which it was scanned.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is no white space, without consuming it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, Odd> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Odd),
            }
        }
    }

    /// Consumes this byte, after white space.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Odd> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(Odd)
        }
    }

    /// Consumes the byte that [`peek`](Self::peek) returned.
    #[inline]
    pub(crate) fn take(&mut self) {
        self.at += 1;
    }

    /// Consumes a comma and returns true, or consumes the closing byte.
    #[inline]
    pub(crate) fn more(&mut self, close: u8) -> Result<bool, Odd> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Ok(true),
            byte if byte == close => Ok(false),
            _ => Err(Odd),
        }
    }

    /// Consumes a member's name and the colon after it.
    #[inline]
    pub(crate) fn name(&mut self) -> Result<&'a str, Odd> {
        self.expect(b'"')?;
        let from = self.at;
        self.at += unescaped(self.rest());
        let name = self.text.get(from..self.at).ok_or(Odd)?;
        if self.rest().first() != Some(&b'"') {
            return Err(Odd);
        }
        self.at += 1;
        self.expect(b':')?;
        Ok(name)
    }

    /// Consumes a value of any type, and returns its text.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<&'a str, Odd> {
        self.peek()?;
        let from = self.at;
        self.pass(DEPTH)?;
        self.text.get(from..self.at).ok_or(Odd)
    }

    /// Skips a value of any type.
    pub(crate) fn skip(&mut self) -> Result<(), Odd> {
        self.pass(DEPTH)
    }

    /// Consumes white space up to the end of the text.
    pub(crate) fn end(&mut self) -> Result<(), Odd> {
        match self.peek() {
            Ok(_) => Err(Odd),
            Err(Odd) => Ok(()),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn pass(&mut self, depth: u8) -> Result<(), Odd> {
        match self.peek()? {
            b'"' => {
                self.at += string(self.rest()).ok_or(Odd)?;
                Ok(())
            }
            b'{' => self.pass_within(true, depth),
            b'[' => self.pass_within(false, depth),
            b'n' => self.word(b"null"),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            _ => self.number(),
        }
    }

    fn pass_within(&mut self, is_object: bool, depth: u8) -> Result<(), Odd> {
        let depth = depth.checked_sub(1).ok_or(Odd)?;
        let close = if is_object { b'}' } else { b']' };
        self.at += 1;
        if self.peek()? == close {
            self.at += 1;
            return Ok(());
        }
        loop {
            if is_object {
                self.peek()?;
                self.at += string(self.rest()).ok_or(Odd)?;
                self.expect(b':')?;
            }
            self.pass(depth)?;
            if !self.more(close)? {
                return Ok(());
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Odd> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Odd)
        }
    }

    fn number(&mut self) -> Result<(), Odd> {
        self.next_if(|byte| byte == b'-');
        if !self.next_if(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.next_if(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.next_if(|byte| matches!(byte, b'e' | b'E')) {
            self.next_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    /// Consumes one or more digits.
    fn digits(&mut self) -> Result<(), Odd> {
        let digits = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += digits;
        if digits > 0 { Ok(()) } else { Err(Odd) }
    }

    /// Consumes a byte if it is accepted, and returns whether it was.
    fn next_if(&mut self, is_wanted: impl Fn(u8) -> bool) -> bool {
        let found = self.rest().first().is_some_and(|byte| is_wanted(*byte));
        self.at += usize::from(found);
        found
    }
}

/// Whether the text is one common value and nothing else. False leaves it open.
pub(crate) fn is_value(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.skip().and_then(|()| scanner.end()).is_ok()
}

/// The length of the JSON string at the beginning of these bytes, quotes included; `None` if there is none.
pub(crate) fn string(bytes: &[u8]) -> Option<usize> {
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        at += unescaped(bytes.get(at..)?);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += escape(bytes.get(at + 1..)?)?,
            _ => return None,
        }
    }
}

/// The length of an escape with this letter, including its backslash.
fn escape(letter: &[u8]) -> Option<usize> {
    match letter {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        [b'u', unit @ ..] if unit.get(..4)?.iter().all(u8::is_ascii_hexdigit) => Some(6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec::Vec};

    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    #[test]
    fn what_is_no_json_is_never_taken() {
        for text in [
            "",
            " ",
            "nul",
            "tru",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "[1}",
            "{\"a\":1]",
            "1 2",
            "\u{a0}1",
            "NaN",
            "'a'",
        ] {
            assert!(!is_value(text), "{text}");
        }
    }

    #[test]
    fn a_value_that_is_nested_deep_is_left_to_serde_json() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_value(&nested(usize::from(DEPTH))));
        assert!(!is_value(&nested(usize::from(DEPTH) + 1)));
    }

    #[test]
    fn values_are_given_as_they_stand() {
        let mut scanner = Scanner::new(" {\"a\" : [1, \"]\\\"\"] ,\n\"é\":-1.5e+7}");
        scanner.expect(b'{').unwrap();
        assert_eq!(scanner.name().unwrap(), "a");
        assert_eq!(scanner.value().unwrap(), "[1, \"]\\\"\"]");
        assert!(scanner.more(b'}').unwrap());
        assert_eq!(scanner.name().unwrap(), "é");
        assert_eq!(scanner.value().unwrap(), "-1.5e+7");
        assert!(!scanner.more(b'}').unwrap());
        scanner.end().unwrap();
    }

    proptest! {
        #[test]
        fn only_what_serde_json_takes_is_value(
            text in r#"(\{|\}|\[|\]|"a":|"[ab]{0,20}"|"|,|:|null|true|-|0|12|\.5|e\+?9|\\u00e9|\\|é| |\n){0,16}"#,
        ) {
            if is_value(&text) {
                prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
            }
        }

        #[test]
        fn what_serde_json_writes_is_value(texts in prop::collection::vec(".*", 0..4), number: f64, is_set: bool) {
            let value = serde_json::json!({"a": texts, "b": [{}, [], number, {"c": is_set, "d": null}]});
            prop_assert!(is_value(&value.to_string()));
            let strings: Vec<_> = texts.iter().map(|text| serde_json::json!(text).to_string()).collect();
            for json in strings {
                prop_assert_eq!(string(json.as_bytes()), Some(json.len()));
            }
        }
    }
}
