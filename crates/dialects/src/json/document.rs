//! Lazy JSON document: validated once, then read value by value in place.
//!
//! No tree is built: a value uses no memory beyond its own text, and unread values are never parsed. A body of
//! thirty megabytes may be an array of fifteen million zeros: lists are iterated, and their elements are bounded by
//! memory, not by number. Knows nothing of requests.

use std::{borrow::Cow, collections::HashSet};

use serde_json::value::RawValue;

use super::{
    allowance::{Allowance, DEEPEST, ELEMENT, MEMBER, ParseError},
    escapes::{behind_text, unescaped},
};

/// A document that is known to be valid JSON.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) root: Raw<'a>,
    pub(crate) allowance: Allowance,
}

/// The text of one value in a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(&'a str);

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Null,
    Flag,
    Number,
    Text,
    List,
    Object,
}

impl<'a> Document<'a> {
    /// Validates a whole text, without its byte order mark.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| ParseError::Syntax(error.to_string()))?;
        if nests_too_deep(bytes) {
            return Err(ParseError::Deep);
        }
        let root: &RawValue =
            serde_json::from_str(text).map_err(|error| ParseError::Syntax(error.to_string()))?;
        Ok(Self {
            root: Raw(root.get()),
            allowance: Allowance::of(text),
        })
    }
}

/// Checked before the text is known to be JSON, so that no parser has to recurse deeply.
fn nests_too_deep(text: &[u8]) -> bool {
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'[' | b']' | b'{' | b'}');
    let (mut depth, mut rest) = (0_usize, text);
    while let Some(at) = rest.iter().position(is_mark) {
        let byte = rest[at];
        rest = &rest[at + 1..];
        match byte {
            b'"' => rest = behind_text(rest),
            b'[' | b'{' if depth == DEEPEST => return true,
            b'[' | b'{' => depth += 1,
            _ => depth = depth.saturating_sub(1),
        }
    }
    false
}

impl<'a> Raw<'a> {
    /// The value's source text.
    fn get(self) -> &'a str {
        self.0
    }

    pub(crate) fn shape(self) -> Shape {
        match self.get().as_bytes().first() {
            Some(b'{') => Shape::Object,
            Some(b'[') => Shape::List,
            Some(b'"') => Shape::Text,
            Some(b't' | b'f') => Shape::Flag,
            Some(b'n') => Shape::Null,
            _ => Shape::Number,
        }
    }

    /// The string; `None` for another type, or invalid Unicode.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.get().strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            unescaped(inner).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// A number or boolean, whose JSON forms are valid in Rust. Not by serde_json, which rounds numbers of many
    /// digits.
    pub(crate) fn plain<T: std::str::FromStr>(self) -> Option<T> {
        match self.shape() {
            Shape::Number | Shape::Flag => self.get().parse().ok(),
            _ => None,
        }
    }

    /// Whether its brackets or quotes are empty.
    pub(crate) fn is_blank(self) -> bool {
        let text = self.get();
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        match self.shape() {
            Shape::Text => inner.is_empty(),
            Shape::List | Shape::Object => inner.trim().is_empty(),
            Shape::Null | Shape::Flag | Shape::Number => false,
        }
    }

    /// Iterates over the elements of a list; empty for another type.
    pub(crate) fn items(self, allowance: &'a Allowance) -> impl Iterator<Item = Self> + use<'a> {
        let elements = Elements::of(self, Shape::List);
        elements.take_while(|_| allowance.take(ELEMENT)).map(Raw)
    }

    /// The members of an object in order; of duplicate keys the last wins. Empty for another type.
    pub(crate) fn members(self, allowance: &'a Allowance) -> Members<'a> {
        let mut list: Vec<(Cow<'a, str>, Self)> = Vec::new();
        for element in Elements::of(self, Shape::Object) {
            if !allowance.take(MEMBER) {
                break;
            }
            list.extend(member(element, allowance));
        }
        let taken = list.len() * MEMBER;
        let mut known = HashSet::with_capacity(list.len());
        let names = list.iter().rev();
        let is_last: Vec<bool> = names.map(|(name, _)| known.insert(&**name)).collect();
        if known.len() < list.len() {
            let mut is_last = is_last.into_iter().rev();
            list.retain(|_| is_last.next().unwrap_or(true));
        }
        Members {
            list,
            taken,
            allowance,
        }
    }

    /// The value as compact JSON: without white space and needless escapes, numbers as written. So a text is found
    /// in it however it was escaped. `None` if a string in it is not valid Unicode.
    pub(crate) fn compact(self) -> Option<String> {
        compact(self.get()).and_then(|bytes| String::from_utf8(bytes).ok())
    }
}

/// The members of an object. Their memory is returned on drop.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    pub(crate) list: Vec<(Cow<'a, str>, Raw<'a>)>,
    taken: usize,
    allowance: &'a Allowance,
}

impl Drop for Members<'_> {
    fn drop(&mut self) {
        self.allowance.give_back(self.taken);
    }
}

/// A member by its text.
fn member<'a>(text: &'a str, allowance: &Allowance) -> Option<(Cow<'a, str>, Raw<'a>)> {
    let behind = behind_text(text.as_bytes().get(1..)?).len();
    let (name, value) = text.split_at_checked(text.len() - behind)?;
    let value = value.trim_start().strip_prefix(':')?.trim_start();
    let Some(name) = Raw(name).text() else {
        allowance.note(ParseError::Surrogate("the name of a member".to_owned()));
        return None;
    };
    Some((name, Raw(value)))
}

/// Iterates over the texts between the commas of a list or an object.
struct Elements<'a>(&'a str);

impl<'a> Elements<'a> {
    fn of(value: Raw<'a>, shape: Shape) -> Self {
        let is_one = value.shape() == shape;
        Self(if is_one {
            value.get().get(1..).unwrap_or_default()
        } else {
            ""
        })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start();
        if rest.is_empty() || rest.starts_with([']', '}']) {
            return None;
        }
        let (element, behind) = rest.split_at(element_end(rest.as_bytes()));
        self.0 = behind.strip_prefix(',').unwrap_or_default();
        Some(element.trim_end())
    }
}

/// The length of the first element: up to a comma or the closing bracket.
fn element_end(text: &[u8]) -> usize {
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'[' | b']' | b'{' | b'}' | b',');
    let (mut depth, mut rest) = (0_usize, text);
    while let Some(at) = rest.iter().position(is_mark) {
        let behind = &rest[at + 1..];
        match rest[at] {
            b'"' => rest = behind_text(behind),
            b'[' | b'{' => (depth, rest) = (depth + 1, behind),
            _ if depth == 0 => return text.len() - rest.len() + at,
            b',' => rest = behind,
            _ => (depth, rest) = (depth - 1, behind),
        }
    }
    text.len()
}

fn compact(mut rest: &str) -> Option<Vec<u8>> {
    // The text can only become shorter.
    let mut out = Vec::with_capacity(rest.len());
    while let Some(at) = rest.find(['"', ' ', '\t', '\r', '\n']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        if !rest.starts_with('"') {
            rest = &rest[1..];
            continue;
        }
        let behind = behind_text(&rest.as_bytes()[1..]).len();
        let (quoted, after) = rest.split_at(rest.len() - behind);
        rest = after;
        match quoted.contains('\\') {
            true => serde_json::to_writer(&mut out, &unescaped(&quoted[1..quoted.len() - 1])?).ok()?,
            false => out.extend_from_slice(quoted.as_bytes()),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::allowance::LEAST;

    fn document(text: &str) -> Document<'_> {
        Document::new(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn members_are_in_their_order_and_of_one_name_the_last_counts() {
        let document = document(r#" {"a":1,"b":[ ],"\u0061":{"x":2}} "#);
        let members = document.root.members(&document.allowance).list.clone();
        let shown: Vec<(&str, &str)> = members
            .iter()
            .map(|(name, value)| (&**name, value.get()))
            .collect();
        assert_eq!(shown, [("b", "[ ]"), ("a", r#"{"x":2}"#)]);
        assert!(members[0].1.is_blank() && !members[1].1.is_blank());
    }

    #[test]
    fn what_is_passed_on_keeps_its_digits_and_hides_nothing_behind_escapes() {
        let text = r#"{ "n" : 1.000000000000000000001e-9, "\u0068f":["a b\/\n\u00e9", -0 ] }"#;
        let whole = document(text);
        assert_eq!(
            whole.root.compact().expect("Unicode"),
            "{\"n\":1.000000000000000000001e-9,\"hf\":[\"a b/\\n\u{e9}\",-0]}"
        );
        assert_eq!(document(r#"{"a":"\ud800"}"#).root.compact(), None);
    }

    #[test]
    fn what_is_no_json_or_nests_too_deep_is_refused_before_anything_is_read() {
        for wrong in ["", "{", r#"{"a":}"#, "[1] 2", r#""\x""#, r#"{"a":"\"#] {
            let read = Document::new(wrong.as_bytes());
            assert!(matches!(read, Err(ParseError::Syntax(_))), "{wrong}");
        }
        assert!(matches!(Document::new(b"\"\xff\""), Err(ParseError::Syntax(_))));
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Document::new(nested(DEEPEST).as_bytes()).is_ok());
        assert_eq!(
            Document::new(nested(DEEPEST + 1).as_bytes()).err(),
            Some(ParseError::Deep)
        );
        let quoted = format!(r#"["{}\"{}"]"#, "[".repeat(500), "[".repeat(500));
        assert!(
            Document::new(quoted.as_bytes()).is_ok(),
            "brackets in a text are text"
        );
    }

    #[test]
    fn elements_are_what_serde_json_finds() {
        for text in [
            "[]",
            "[ ]",
            "[1]",
            r#"[ "a,]" , [1,[2]], {"x":[1,2]} ,null ]"#,
            r#"["\"",{"a":"}"},-1.5e3]"#,
        ] {
            let document = document(text);
            let items: Vec<&str> = document.root.items(&document.allowance).map(Raw::get).collect();
            let expected: Vec<&RawValue> = serde_json::from_str(text).expect("a list");
            assert!(
                items.into_iter().eq(expected.into_iter().map(RawValue::get)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_number_is_the_nearest_one_whatever_its_digits() {
        for text in [
            "0.1234567890123456789",
            "0.30000000000000004",
            "0.9999999999999999",
            "1e-300",
            "-0",
        ] {
            let read: Option<f64> = document(text).root.plain();
            assert_eq!(read, text.parse().ok(), "{text}");
        }
        assert_eq!(document("\"1\"").root.plain::<f64>(), None);
        assert_eq!(document("true").root.plain::<bool>(), Some(true));
    }

    #[test]
    fn many_elements_fit_and_their_memory_is_bounded_by_the_size_of_the_document() {
        let long = format!("\"{}\"", "x".repeat(ELEMENT));
        for (element, count, fits) in [
            ("0", 20_000, true),
            ("0", 1_000_000, false),
            (&long, 200_000, true),
        ] {
            let text = format!("[{}]", vec![element; count].join(","));
            let document = document(&text);
            let read = document.root.items(&document.allowance).count();
            assert_eq!(read == count, fits, "{count}");
            assert_eq!(
                matches!(document.allowance.error(), Some(ParseError::Dense(_))),
                !fits
            );
            assert!(read * ELEMENT <= LEAST + text.len());
        }
    }

    #[test]
    fn what_members_take_is_given_back_with_them() {
        let text = format!("{{{}\"a\":1}}", "\"b\":0,".repeat(10_000));
        let document = document(&text);
        for _ in 0..100 {
            let members = document.root.members(&document.allowance);
            assert_eq!(members.list.len(), 2);
        }
        assert_eq!(document.allowance.left(), LEAST + text.len());
        assert_eq!(document.allowance.error(), None);
    }
}
