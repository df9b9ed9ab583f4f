//! Lenient reading of JSON: pieces of text that are looked at one at a time, so that a wrong one is only
//! unknown.
//!
//! A value is taken as its raw text first, which any well-formed JSON passes however deep or odd it is. Knows
//! nothing of models.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Gives every member of an object, repeated ones too, in their order. False if the value is no object.
pub(super) fn members<'a>(value: &'a RawValue, on_member: &mut dyn FnMut(&str, &'a RawValue)) -> bool {
    serde_json::Deserializer::from_str(value.get())
        .deserialize_map(Members { on_member })
        .is_ok()
}

/// Gives every element of an array in its order. False if the value is no array.
pub(super) fn elements<'a>(value: &'a RawValue, on_element: &mut dyn FnMut(&'a RawValue)) -> bool {
    serde_json::Deserializer::from_str(value.get())
        .deserialize_seq(Elements { on_element })
        .is_ok()
}

/// A text of at most `limit` bytes, trimmed; none if nothing is left or control characters are in it.
pub(super) fn text(value: &RawValue, limit: usize) -> Option<String> {
    let decoded = decode(value.get())?;
    let trimmed = decoded.trim();
    let sound = !trimmed.is_empty() && trimmed.len() <= limit && !trimmed.contains(char::is_control);
    sound.then(|| String::from(trimmed))
}

/// A true or false.
pub(super) fn boolean(value: &RawValue) -> Option<bool> {
    match value.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number above zero.
pub(super) fn count(value: &RawValue) -> Option<u32> {
    value.get().parse().ok().filter(|count| *count > 0)
}

/// A number that is finite and not negative.
pub(super) fn measure(value: &RawValue) -> Option<f64> {
    serde_json::from_str::<f64>(value.get())
        .ok()
        .filter(|number| number.is_finite() && *number >= 0.0)
}

/// Whether the value is neither null, array nor object, and a text in it can be decoded.
pub(super) fn is_scalar(value: &RawValue) -> bool {
    match value.get().as_bytes().first() {
        Some(b'"') => decode(value.get()).is_some(),
        Some(b'{' | b'[' | b'n') | None => false,
        Some(_) => true,
    }
}

/// The text of a JSON string, without a copy where it has no escapes.
fn decode(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

struct Members<'f, 'a> {
    on_member: &'f mut dyn FnMut(&str, &'a RawValue),
}

impl<'a> Visitor<'a> for Members<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        // A key that cannot be decoded names nothing that is wanted.
        while let Some((key, value)) = map.next_entry::<&'a RawValue, &'a RawValue>()? {
            if let Some(key) = decode(key.get()) {
                (self.on_member)(&key, value);
            }
        }
        Ok(())
    }
}

struct Elements<'f, 'a> {
    on_element: &'f mut dyn FnMut(&'a RawValue),
}

impl<'a> Visitor<'a> for Elements<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&'a RawValue>()? {
            (self.on_element)(element);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec::Vec};

    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn members_survive_repeated_escaped_broken_and_deep_neighbours() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let json = format!(r#"{{"a":1,"\ud800":2,"\u0061":3,"deep":{deep},"n":1e999,"z":"\ud800"}}"#);
        let mut seen = Vec::new();
        assert!(members(raw(&json), &mut |key, value| seen
            .push((String::from(key), value.get().len()))));
        let keys: Vec<_> = seen.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a", "a", "deep", "n", "z"]);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_unknown() {
        assert_eq!(text(raw("5"), 9), None);
        assert_eq!(text(raw(r#""\ud800""#), 9), None);
        assert_eq!(text(raw(r#"" a\u0062 ""#), 9).as_deref(), Some("ab"));
        assert_eq!(text(raw(r#""a\u0007""#), 9), None);
        assert_eq!(text(raw(r#""0123456789""#), 9), None);
        assert_eq!(boolean(raw("\"true\"")), None);
        for wrong in ["0", "-5", "\"8\"", "1.5", "1e3", "4294967296", "null", "{}"] {
            assert_eq!(count(raw(wrong)), None, "{wrong}");
        }
        assert_eq!(count(raw("64000")), Some(64000));
        assert_eq!(measure(raw("588.4")), Some(588.4));
        assert_eq!(measure(raw("-1")), None);
        assert_eq!(measure(raw("1e999")), None);
        assert!(!members(raw("[]"), &mut |_, _| ()));
        assert!(!elements(raw("{}"), &mut |_| ()));
    }
}
