//! JSON that strangers wrote: looked at member by member, of any type, and only as far as it is wanted.
//!
//! Values stay the text that came (`&str`), borrowed; what they mean is decided where they are used, so that
//! a wrong type is an absent value and a member that occurs twice is no error. This module must not know the
//! wire format.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::scan;

/// Takes a text: a member's name, or what [`Raw`] is handed. Borrowed where it holds no escape.
pub(crate) struct Text;

impl<'a> DeserializeSeed<'a> for Text {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Cow<'a, str>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Text {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(String::from(text)))
    }
}

/// The name under which serde_json hands out a value's own text.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Takes the text of a value of any type, as `serde_json::value::RawValue` does.
///
/// size: that type's own visitor can return an error about an unexpected type, a message whose numbers and quotes
/// bring 15 KB of formatting and tables into the component. This one requests the same from the deserializer and has
/// no such error.
pub(crate) struct Raw;

impl<'a> DeserializeSeed<'a> for Raw {
    type Value = &'a str;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<&'a str, D::Error> {
        reader.deserialize_newtype_struct(RAW_VALUE, self)
    }
}

impl<'a> Visitor<'a> for Raw {
    type Value = &'a str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<&'a str, A::Error> {
        map.next_key_seed(Text)?;
        Ok(match map.next_value_seed(Text)? {
            Cow::Borrowed(raw) => raw,
            // A reader of borrowed text lends its text; the tests of this module would see it if that changed.
            Cow::Owned(_) => "",
        })
    }

    fn visit_newtype_struct<D: Deserializer<'a>>(self, reader: D) -> Result<&'a str, D::Error> {
        // As above: the name is one that serde_json knows.
        IgnoredAny.visit_newtype_struct(reader).map(|_| "")
    }
}

/// The methods of a visitor for which a value that is no array or object means nothing.
///
/// size: together with `deserialize_any` they keep out serde's own error for an unexpected type, as [`Raw`] does.
macro_rules! ignore_scalars {
    () => {
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
    };
}

/// Gives the members of an object, or the elements of an array under no name.
struct Parts<'f, 'a>(&'f mut dyn FnMut(&str, &'a str));

impl<'a> Visitor<'a> for Parts<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Raw)? {
            let value = map.next_value_seed(Raw)?;
            if let Some(name) = exact(name) {
                (self.0)(&name, value);
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element_seed(Raw)? {
            (self.0)("", value);
        }
        Ok(())
    }

    ignore_scalars!();
}

/// Gives each member of an object, or each element of an array, to `each`; nothing of any other value. A name that is no
/// Unicode names nothing. What stands before the place of an error has been given then.
pub fn parts<'a>(json: &'a str, each: &mut dyn FnMut(&str, &'a str)) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_any(Parts(each))?;
    reader.end()
}

/// Gives each member of an object to `each`, name and raw value. False if the text is no object; members
/// before the place where it stops being one have been given then.
pub fn members<'a>(json: &'a str, each: &mut dyn FnMut(&str, &'a str)) -> bool {
    json.trim_ascii_start().starts_with('{') && parts(json, each).is_ok()
}

/// Gives each element of an array to `each`. False if the text is no array.
pub fn items<'a>(json: &'a str, each: &mut dyn FnMut(&'a str)) -> bool {
    json.trim_ascii_start().starts_with('[') && parts(json, &mut |_, value| each(value)).is_ok()
}

/// Whether the text is one JSON value and nothing else.
#[must_use]
pub fn is_value(json: &str) -> bool {
    scan::is_value(json) || serde_json::from_str::<IgnoredAny>(json).is_ok()
}

/// Whether the text is one JSON object and nothing else.
#[must_use]
pub fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{') && is_value(json)
}

/// Whether a raw value says nothing: `null`, `""`, `[]`, `{}`.
#[must_use]
pub fn is_blank(raw: &str) -> bool {
    match raw.as_bytes() {
        b"" | b"null" | b"\"\"" => true,
        [b'[', inner @ .., b']'] | [b'{', inner @ .., b'}'] => inner.trim_ascii().is_empty(),
        _ => false,
    }
}

/// The text of a raw string value; `None` if it is no string. Half a surrogate pair becomes U+FFFD.
#[must_use]
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    decode(raw).map(|(text, _)| text)
}

/// The same; `None` also if an escape in it gives U+FFFD.
#[must_use]
pub fn exact(raw: &str) -> Option<Cow<'_, str>> {
    decode(raw).and_then(|(text, is_exact)| is_exact.then_some(text))
}

/// The text of a raw string value, and whether no escape in it gives U+FFFD.
fn decode(raw: &str) -> Option<(Cow<'_, str>, bool)> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    match memchr::memchr(b'\\', inner.as_bytes()) {
        None => Some((Cow::Borrowed(inner), true)),
        Some(at) => decode_escapes(inner, at).map(|(text, is_exact)| (Cow::Owned(text), is_exact)),
    }
}

/// The same of what stands between the quotes, with its first escape at this place.
#[cold]
fn decode_escapes(inner: &str, first: usize) -> Option<(String, bool)> {
    let mut out = String::with_capacity(inner.len());
    let mut is_exact = true;
    let (mut rest, mut next) = (inner, Some(first));
    while let Some(at) = next {
        let (plain, escape) = rest.split_at_checked(at)?;
        out.push_str(plain);
        let (character, after) = unescape(escape);
        is_exact &= character != char::REPLACEMENT_CHARACTER;
        out.push(character);
        rest = after;
        next = memchr::memchr(b'\\', rest.as_bytes());
    }
    out.push_str(rest);
    Some((out, is_exact))
}

/// The character that an escape at the start of the text stands for, and what follows it.
fn unescape(escape: &str) -> (char, &str) {
    // In JSON that was read before, it is one byte.
    let (letter, rest) = escape.split_at_checked(2).unwrap_or_default();
    let character = match letter.as_bytes() {
        [_, b'n'] => '\n',
        [_, b't'] => '\t',
        [_, b'r'] => '\r',
        [_, b'b'] => '\u{8}',
        [_, b'f'] => '\u{c}',
        [_, b'u'] => return unescape_unit(rest),
        [_, other] => char::from(*other),
        _ => char::REPLACEMENT_CHARACTER,
    };
    (character, rest)
}

/// The same for the part behind `\u`, which may take a second escape for its pair.
fn unescape_unit(digits: &str) -> (char, &str) {
    let Some((unit, rest)) = unit(digits) else {
        return (char::REPLACEMENT_CHARACTER, digits.get(4..).unwrap_or(""));
    };
    let second = rest
        .strip_prefix("\\u")
        .filter(|_| unit & 0xFC00 == 0xD800)
        .and_then(self::unit);
    if let Some((low @ 0xDC00..=0xDFFF, after)) = second {
        let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), after);
    }
    (char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
}

/// Four hexadecimal digits and what follows them. size: called twice, and hardly ever.
#[inline(never)]
fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let digit = |unit: u32, byte: u8| Some(unit << 4 | char::from(byte).to_digit(16)?);
    Some((digits.bytes().try_fold(0, digit)?, rest))
}

/// A raw number of any form; `None` if it is none.
#[must_use]
pub fn number(raw: &str) -> Option<f64> {
    let mut reader = serde_json::Deserializer::from_str(raw);
    reader.deserialize_any(Number).ok().flatten()
}

/// Takes a number of any form; anything else is none. size: see [`ignore_scalars`](chat_completions_wire::json).
struct Number;

impl<'a> Visitor<'a> for Number {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }
    fn visit_i64<E>(self, number: i64) -> Result<Option<f64>, E> {
        Ok(Some(number as f64))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Option<f64>, E> {
        Ok(Some(number as f64))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Option<f64>, E> {
        Ok(Some(number))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Option<f64>, E> {
        Ok(None)
    }
    fn visit_str<E>(self, _: &str) -> Result<Option<f64>, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'a>>(self, _: A) -> Result<Option<f64>, A::Error> {
        Ok(None)
    }
    fn visit_map<A: MapAccess<'a>>(self, _: A) -> Result<Option<f64>, A::Error> {
        Ok(None)
    }
}

/// The whole part of a raw number; `None` if it is no number or too large to be meant.
#[must_use]
pub fn integer(raw: &str) -> Option<i64> {
    let mut end = raw.len();
    for (at, byte) in raw.bytes().enumerate() {
        match byte {
            b'.' => end = end.min(at),
            b'e' | b'E' => return None,
            _ => {}
        }
    }
    raw.get(..end)?.parse().ok()
}

/// The same, also of a text that holds it.
#[must_use]
pub fn integer_or_text(raw: &str) -> Option<i64> {
    integer(unquoted(raw))
}

/// A value without quotes around it.
#[must_use]
pub fn unquoted(raw: &str) -> &str {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    inner.unwrap_or(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn half_a_surrogate_pair_is_a_replacement_character() {
        assert_eq!(text(r#""a\ud83d""#).unwrap(), "a\u{fffd}");
        assert_eq!(text(r#""\ude00b""#).unwrap(), "\u{fffd}b");
        assert_eq!(text(r#""\ud83d\ude00""#).unwrap(), "😀");
        assert_eq!(text(r#""\ud83d\u0041""#).unwrap(), "\u{fffd}A");
        assert_eq!(text("12"), None);
    }

    #[test]
    fn a_member_that_occurs_twice_is_given_twice() {
        let mut seen = Vec::new();
        assert!(members(r#"{"a":1,"\u0061":[2, 3]}"#, &mut |key, raw| seen
            .push((key.len(), raw))));
        assert_eq!(seen, [(1, "1"), (1, "[2, 3]")]);
        assert!(!members("[1]", &mut |_, _| ()));
        assert!(!members(r#"{"a":1}x"#, &mut |_, _| ()));
    }

    #[test]
    fn blank_values_say_nothing() {
        for raw in ["null", "\"\"", "[]", "{ }", "[\n]"] {
            assert!(is_blank(raw), "{raw}");
        }
        for raw in ["0", "false", "\" \"", "[0]", "{\"a\":1}"] {
            assert!(!is_blank(raw), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn text_reads_what_serde_json_reads(json in r#""([a-zé]|\\[nrtbf"\\/]|\\u[0-9a-f]{4})*""#) {
            if let Ok(expected) = serde_json::from_str::<String>(&json) {
                prop_assert_eq!(text(&json).unwrap(), expected);
            } else {
                let has_mark = text(&json).unwrap().contains(char::REPLACEMENT_CHARACTER);
                prop_assert!(has_mark);
            }
        }
    }
}
