//! JSON from its front to its end in one pass: each call takes a value, or walks into it.
//!
//! Accepts what RFC 8259 does, however deep, and nothing else. Ours because a general deserializer brings its number
//! formatting, its messages and their tables into the component: 30 KB, of which nothing is ever said.

use alloc::vec::Vec;

use super::exact;

/// A text and how far it is read.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// The text is no JSON; the reader stands where it ceases to be.
#[derive(Debug)]
pub(crate) struct Malformed;

/// What a piece of reading gives.
pub(crate) type Read<T = ()> = Result<T, Malformed>;

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The line and column where it stands, from 1, in bytes.
    pub(crate) fn place(&self) -> (usize, usize) {
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        (
            before.iter().filter(|byte| **byte == b'\n').count() + 1,
            line.len() + 1,
        )
    }

    /// The first byte of what comes next, white space aside.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Makes sure that nothing comes any more.
    pub(crate) fn end(&mut self) -> Read {
        self.peek().map_or(Ok(()), |_| Err(Malformed))
    }

    /// Walks through an object. `member` gets each name and has to take its value, with any of these calls. A name
    /// that is no Unicode is passed over.
    pub(crate) fn object(&mut self, member: &mut dyn FnMut(&mut Self, &str) -> Read) -> Read {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            match exact(self.name()?) {
                Some(name) => member(self, &name)?,
                None => self.skip()?,
            }
            if self.take(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Walks through an array. `element` has to take each value.
    pub(crate) fn array(&mut self, element: &mut dyn FnMut(&mut Self) -> Read) -> Read {
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.take(b']') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Takes a value of any kind and gives its text.
    pub(crate) fn value(&mut self) -> Read<&'a str> {
        self.peek();
        let from = self.at;
        self.skip()?;
        self.text.get(from..self.at).ok_or(Malformed)
    }

    /// Takes a value of any kind. Keeps a list of what is open instead of calling itself, so that depth costs no stack.
    pub(crate) fn skip(&mut self) -> Read {
        let mut open: Vec<u8> = Vec::new();
        loop {
            let close = match self.peek() {
                Some(b'{') => b'}',
                Some(b'[') => b']',
                _ => 0,
            };
            if close == 0 {
                self.scalar()?;
            } else {
                self.at += 1;
                if !self.take(close) {
                    open.push(close);
                    if close == b'}' {
                        self.name()?;
                    }
                    continue;
                }
            }
            // A value has ended, and perhaps what it stands in.
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                if !self.take(close) {
                    self.expect(b',')?;
                    if close == b'}' {
                        self.name()?;
                    }
                    break;
                }
                open.pop();
            }
        }
    }

    /// Takes a member's name and its colon; gives the name in its quotes.
    fn name(&mut self) -> Read<&'a str> {
        self.peek();
        let from = self.at;
        self.string()?;
        let name = self.text.get(from..self.at).ok_or(Malformed)?;
        self.expect(b':')?;
        Ok(name)
    }

    fn scalar(&mut self) -> Read {
        match self.byte() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let rest = self.rest();
                let word = ["null", "true", "false"]
                    .iter()
                    .find(|word| rest.starts_with(**word));
                self.at += word.ok_or(Malformed)?.len();
                Ok(())
            }
        }
    }

    fn string(&mut self) -> Read {
        self.one(|byte| byte == b'"')?;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            self.at += plain.unwrap_or(rest.len());
            if self.next_is(b'"') {
                return Ok(());
            }
            self.one(|byte| byte == b'\\')?;
            if self.next_is(b'u') {
                for _ in 0..4 {
                    self.one(|byte| byte.is_ascii_hexdigit())?;
                }
            } else {
                self.one(|byte| matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'))?;
            }
        }
    }

    fn number(&mut self) -> Read {
        self.next_is(b'-');
        if !self.next_is(b'0') {
            self.digits()?;
        }
        if self.next_is(b'.') {
            self.digits()?;
        }
        if self.next_is(b'e') || self.next_is(b'E') {
            let _signed = self.next_is(b'+') || self.next_is(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Read {
        self.one(|byte| byte.is_ascii_digit())?;
        while self.one(|byte| byte.is_ascii_digit()).is_ok() {}
        Ok(())
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes the next byte if it fits.
    fn one(&mut self, fits: fn(u8) -> bool) -> Read {
        self.byte().filter(|byte| fits(*byte)).ok_or(Malformed)?;
        self.at += 1;
        Ok(())
    }

    /// Takes the next byte if it is this one.
    fn next_is(&mut self, byte: u8) -> bool {
        let is = self.byte() == Some(byte);
        self.at += usize::from(is);
        is
    }

    /// The same, white space aside.
    fn take(&mut self, byte: u8) -> bool {
        self.peek();
        self.next_is(byte)
    }

    fn expect(&mut self, byte: u8) -> Read {
        if self.take(byte) { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn value(text: &str) -> Option<&str> {
        let mut reader = Reader::new(text);
        let value = reader.value().ok()?;
        reader.end().ok()?;
        Some(value)
    }

    /// Texts that are JSON or nearly so.
    fn nearly_json() -> impl Strategy<Value = String> {
        let token = r#"[{}\[\],: \n]|"a"|"\\u00e9"|"\\ud800"|"\\x"|"\\u12"|"é"|"	"|-?(0|1|12|01)(\.5|\.)?(e[+-]?3|e)?|true|fals|null|a"#;
        let soup = proptest::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat());
        let scalar =
            r#" ?("[a"\\]{0,2}"|"(a|\\n|\\u00E9)*"|-?(0|[1-9][0-9]?)(\.[0-9])?(E-1)?|true|false|null) ?"#;
        let whole = scalar.prop_recursive(5, 24, 4, |inner| {
            let some = proptest::collection::vec(inner, 0..4);
            prop_oneof![
                some.clone().prop_map(|values| format!("[{}]", values.join(","))),
                some.prop_map(|values| {
                    let members: Vec<_> = values.iter().map(|value| format!("\"k\" :{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        });
        prop_oneof![
            soup,
            whole.clone(),
            (whole.clone(), ".?").prop_map(|(json, more)| json + &more),
            whole
        ]
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = "[{\"a\":".repeat(100_000) + "1" + &"}]".repeat(100_000);
        assert_eq!(value(&deep), Some(deep.as_str()));
        assert_eq!(value(&"[".repeat(100_000)), None);
    }

    #[test]
    fn a_reader_stands_where_its_text_ceases_to_be_json() {
        for (text, place) in [
            ("", (1, 1)),
            ("[1,\n 2 x", (2, 4)),
            ("{\"a\"1}", (1, 5)),
            ("[tru]", (1, 2)),
        ] {
            let mut reader = Reader::new(text);
            assert!(reader.value().is_err(), "{text}");
            assert_eq!(reader.place(), place, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn accepts_what_serde_json_does_and_gives_the_same_text(text in nearly_json()) {
            let expected = serde_json::from_str::<&RawValue>(&text).ok().map(RawValue::get);
            prop_assert_eq!(value(&text), expected);
        }

        #[test]
        fn any_text_ends_well(text in ".{0,40}") {
            let expected = serde_json::from_str::<&RawValue>(&text).ok().map(RawValue::get);
            prop_assert_eq!(value(&text), expected);
        }
    }
}
