//! A JSON document of others as text that is looked into one level at a time: no tree is built of what nobody asks for.
//!
//! It must not know what a document means.

use std::{collections::HashMap, fmt};

use bumpalo::Bump;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Deeper documents are refused: what reads them later may go down by recursion.
const DEPTH: usize = 128;
/// Elements of a list, and members of an object, where they are looked at one by one.
const ITEMS: usize = 65_536;
const MEMBERS: usize = 4_096;

/// A document, and room for the texts in it that hold escapes.
#[derive(Debug)]
pub(super) struct Document<'a> {
    text: &'a str,
    unescaped: Bump,
}

/// One level of a value.
#[derive(Clone, Debug)]
pub(super) enum Level<'a> {
    Null,
    Bool(bool),
    Number,
    Text(&'a str),
    /// The elements; `None` if there are too many.
    List(Option<Vec<&'a str>>),
    /// The members, each name once, with the value that came last; `None` if there are too many.
    Object(Option<Vec<(&'a str, &'a str)>>),
    /// Half a surrogate pair in a text or a name.
    NotUnicode,
}

impl<'a> Document<'a> {
    /// Checks that it is one JSON value. Gives what is wrong, without the text itself.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if depth(raw.get()) > DEPTH {
            return Err(format!("it is nested more than {DEPTH} levels deep"));
        }
        Ok(Self {
            text: raw.get(),
            unescaped: Bump::new(),
        })
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Looks at a value of this document.
    pub(super) fn level(&'a self, raw: &'a str) -> Level<'a> {
        let mut reader = serde_json::Deserializer::from_str(raw);
        let level = match raw.as_bytes().first() {
            Some(b'"') => Text(self).deserialize(&mut reader).map(Level::Text),
            Some(b'[') => reader.deserialize_seq(Items).map(Level::List),
            Some(b'{') => reader.deserialize_map(Members(self)).map(Level::Object),
            Some(b't') => return Level::Bool(true),
            Some(b'f') => return Level::Bool(false),
            Some(b'n') | None => return Level::Null,
            Some(_) => return Level::Number,
        };
        // The grammar has been checked; the characters of escapes have not.
        level.unwrap_or(Level::NotUnicode)
    }
}

/// Takes a text, borrowed where it holds no escape.
struct Text<'a>(&'a Document<'a>);

impl<'a> DeserializeSeed<'a> for Text<'a> {
    type Value = &'a str;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<&'a str, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Text<'a> {
    type Value = &'a str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<&'a str, E> {
        Ok(text)
    }

    fn visit_str<E>(self, text: &str) -> Result<&'a str, E> {
        Ok(self.0.unescaped.alloc_str(text))
    }
}

struct Items;

impl<'a> Visitor<'a> for Items {
    type Value = Option<Vec<&'a str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element::<&'a RawValue>()? {
            if all.len() == ITEMS {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            all.push(item.get());
        }
        Ok(Some(all))
    }
}

struct Members<'a>(&'a Document<'a>);

impl<'a> Visitor<'a> for Members<'a> {
    type Value = Option<Vec<(&'a str, &'a str)>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut all: Vec<(&str, &str)> = Vec::new();
        let mut places = HashMap::new();
        while let Some(name) = members.next_key_seed(Text(self.0))? {
            let value = members.next_value::<&'a RawValue>()?.get();
            if let Some(place) = places.get(name).and_then(|place: &usize| all.get_mut(*place)) {
                place.1 = value;
                continue;
            }
            if all.len() == MEMBERS {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            places.insert(name, all.len());
            all.push((name, value));
        }
        Ok(Some(all))
    }
}

/// The parts of a JSON text: those of strings, quotes and all, and what lies between them.
fn parts(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        let end = match rest.strip_prefix('"') {
            Some(inner) => 1 + string_end(inner),
            None => rest.find('"').unwrap_or(rest.len()),
        };
        let (part, after) = rest.split_at_checked(end)?;
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// Where a string ends whose opening quote is left out: behind its closing one.
fn string_end(inner: &str) -> usize {
    let mut from = 0;
    while let Some(at) = inner.get(from..).and_then(|rest| rest.find(['"', '\\'])) {
        if inner.as_bytes().get(from + at) == Some(&b'"') {
            return from + at + 1;
        }
        // The backslash, and one byte behind it, which is ASCII in JSON.
        from += at + 2;
    }
    inner.len()
}

/// How deep lists and objects lie within each other.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in parts(json)
        .filter(|part| !part.starts_with('"'))
        .flat_map(str::bytes)
    {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A JSON text in which nothing is written in more than one way but numbers, which stay as they are.
pub(super) fn compact(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for part in parts(json) {
        if !part.starts_with('"') {
            text.extend(part.split_ascii_whitespace());
            continue;
        }
        let plain = part
            .contains('\\')
            .then(|| serde_json::from_str::<String>(part).ok());
        match plain
            .flatten()
            .and_then(|plain| serde_json::to_string(&plain).ok())
        {
            Some(plain) => text += &plain,
            None => text += part,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level<'a>(document: &'a Document<'a>) -> Level<'a> {
        document.level(document.text())
    }

    #[test]
    fn a_number_keeps_every_digit_and_a_text_is_written_in_one_way() {
        for (json, compacted) in [
            ("-0.11082194000482559", "-0.11082194000482559"),
            (
                "[1.0, 1e400,\n123456789012345678901 ]",
                "[1.0,1e400,123456789012345678901]",
            ),
            (r#"{ "a\u0062" : "\u00e9\/ \"x\" y" }"#, r#"{"ab":"é/ \"x\" y"}"#),
            (r#"["\\", "a b", "\ud800"]"#, r#"["\\","a b","\ud800"]"#),
        ] {
            let document = Document::new(json.as_bytes()).expect("JSON");
            assert_eq!(compact(document.text()), compacted);
        }
    }

    #[test]
    fn the_member_that_came_last_counts() {
        let document = Document::new(br#"{"a":1,"b":2,"\u0061":3}"#).expect("JSON");
        let Level::Object(Some(members)) = level(&document) else {
            panic!("an object");
        };
        assert_eq!(members, [("a", "3"), ("b", "2")]);
    }

    #[test]
    fn what_is_no_document_is_refused_and_half_a_character_is_found_where_it_is_read() {
        for bad in [&b"{"[..], b"", b"[1,]", b"{} x", b"\"\xff\"", b"[\x00]"] {
            assert!(Document::new(bad).is_err(), "{bad:?}");
        }
        for half in [r#""\ud800""#, r#"{"\udfff":1}"#] {
            let document = Document::new(half.as_bytes()).expect("JSON");
            assert!(matches!(level(&document), Level::NotUnicode));
        }
    }

    #[test]
    fn depth_and_number_of_parts_are_limited() {
        let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Document::new(deep(DEPTH).as_bytes()).is_ok());
        assert!(Document::new(deep(DEPTH + 1).as_bytes()).is_err());
        assert!(Document::new(deep(1_000_000).as_bytes()).is_err());
        let brackets = format!("\"{}\"", "[".repeat(1000));
        assert!(Document::new(brackets.as_bytes()).is_ok());
        let list = format!("[{}0]", "0,".repeat(ITEMS));
        let document = Document::new(list.as_bytes()).expect("JSON");
        assert!(matches!(level(&document), Level::List(None)));
        let names: Vec<_> = (0..=MEMBERS).map(|name| format!("\"{name}\":0")).collect();
        let object = format!("{{{}}}", names.join(","));
        let document = Document::new(object.as_bytes()).expect("JSON");
        assert!(matches!(level(&document), Level::Object(None)));
    }
}
