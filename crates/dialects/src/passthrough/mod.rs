//! Passthrough of an upstream's extras: values are passed on as written, to the last digit of a number, and
//! fragments are merged at the end.

mod list;

use std::collections::{BTreeMap, btree_map::Entry};

use serde::Serialize;
use serde_json::value::RawValue;

pub(crate) use list::{List, each};

/// A value, from one event or several. To add a fragment takes time for the fragment, and not for what is there.
///
/// ```
/// use dialects::passthrough::{Passthrough, read};
///
/// let mut logprobs = Passthrough::new(read(r#"{"content":[{"token":"a"}]}"#).expect("JSON"));
/// logprobs.add(read(r#"{"content":[{"token":"b"}]}"#).expect("JSON"));
/// assert_eq!(
///     serde_json::to_string(&logprobs)?,
///     r#"{"content":[{"token":"a"},{"token":"b"}]}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Passthrough {
    value: Value,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Value {
    /// As written.
    Raw(Box<RawValue>),
    /// A text of several pieces.
    Text(String),
    /// Concatenated elements of several lists.
    List(List),
    /// Merged members of several objects.
    Object(BTreeMap<String, Self>),
}

/// The extra that arrives in text deltas, like the content.
const REFUSAL: &str = "refusal";
/// The most objects in one another that are merged. A deeper one is replaced.
const DEEPEST: usize = 16;

/// Parses an extra; `None` if it is not JSON.
#[must_use]
pub fn read(json: &str) -> Option<Box<RawValue>> {
    // A line end would end a line of the event stream; in JSON it occurs only between values.
    RawValue::from_string(json.replace(['\r', '\n'], " ")).ok()
}

impl Passthrough {
    /// A value as it is written.
    #[must_use]
    pub fn new(value: Box<RawValue>) -> Self {
        Self {
            value: Value::Raw(value),
        }
    }

    /// Merges a later fragment: lists are concatenated, objects merged by member, and anything else is replaced.
    /// Null adds nothing.
    pub fn add(&mut self, more: Box<RawValue>) {
        self.value.add(more, 0);
    }

    /// Its string, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Value::Raw(raw) => serde_json::from_str(raw.get()).ok(),
            Value::Text(text) => Some(text.clone()),
            Value::List(_) | Value::Object(_) => None,
        }
    }
}

impl Value {
    fn add(&mut self, more: Box<RawValue>, depth: usize) {
        match (self.opened(depth), more.get().as_bytes().first()) {
            (_, Some(b'n')) => {}
            (Self::List(list), Some(b'[')) => list.append(&more),
            (Self::Object(members), Some(b'{')) => {
                for (name, value) in object(&more) {
                    match members.entry(name) {
                        Entry::Vacant(entry) => {
                            entry.insert(Self::Raw(value));
                        }
                        Entry::Occupied(mut entry) if entry.key() == REFUSAL => {
                            entry.get_mut().join(value, depth + 1);
                        }
                        Entry::Occupied(mut entry) => entry.get_mut().add(value, depth + 1),
                    }
                }
            }
            (so_far, _) => *so_far = Self::Raw(more),
        }
    }

    /// Appends a string to a string; anything else is replaced.
    fn join(&mut self, more: Box<RawValue>, depth: usize) {
        let Some(piece) = string(&more) else {
            return self.add(more, depth);
        };
        if let Self::Raw(raw) = self
            && let Some(text) = string(raw)
        {
            *self = Self::Text(text);
        }
        match self {
            Self::Text(text) => text.push_str(&piece),
            Self::Raw(_) | Self::List(_) | Self::Object(_) => self.add(more, depth),
        }
    }

    /// Opens a list or an object, so that more can be added.
    fn opened(&mut self, depth: usize) -> &mut Self {
        if let Self::Raw(raw) = self {
            match raw.get().as_bytes().first() {
                Some(b'[') => {
                    let mut list = List::default();
                    list.append(raw);
                    *self = Self::List(list);
                }
                Some(b'{') if depth < DEEPEST => {
                    let members = object(raw).into_iter();
                    *self = Self::Object(members.map(|(name, value)| (name, Self::Raw(value))).collect());
                }
                _ => {}
            }
        }
        self
    }
}

/// Inserts a member, or merges it with the existing one.
pub fn put<K: Ord + AsRef<str>>(members: &mut BTreeMap<K, Passthrough>, name: K, value: Box<RawValue>) {
    match members.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(Passthrough::new(value));
        }
        Entry::Occupied(mut entry) if entry.key().as_ref() == REFUSAL => entry.get_mut().value.join(value, 0),
        Entry::Occupied(mut entry) => entry.get_mut().add(value),
    }
}

fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// The members of an object, which is known to be valid JSON. If a name is not valid Unicode, none is returned.
fn object(raw: &RawValue) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        read(json).expect("JSON")
    }

    fn merged(fragments: &[(&str, &str)]) -> String {
        let mut members = BTreeMap::new();
        for (name, json) in fragments {
            put(&mut members, *name, raw(json));
        }
        serde_json::to_string(&members).expect("JSON")
    }

    #[test]
    fn texts_are_joined_lists_concatenated_and_objects_merged_by_member() {
        let fragments = [
            ("refusal", "null"),
            ("refusal", r#""I can\u0027t""#),
            ("refusal", r#"" \"say\"""#),
            ("refusal", "null"),
            ("refusal", r#"".""#),
            ("notes", "[1.50]"),
            ("notes", "[]"),
            ("notes", "[[2], {}]"),
            ("audio", r#"{"id": "a", "x": {"refusal": "No", "n": 1}}"#),
            ("audio", r#"{"x": {"refusal": "!", "n": 2.0}, "y": [0]}"#),
            ("one", r#""as\u0020written""#),
            ("other", r#""first""#),
            ("other", r#""last""#),
        ];
        let expected = concat!(
            r#"{"audio":{"id":"a","x":{"n":2.0,"refusal":"No!"},"y":[0]},"notes":[1.50,[2], {}],"#,
            r#""one":"as\u0020written","other":"last","refusal":"I can't \"say\"."}"#
        );
        assert_eq!(merged(&fragments), expected);
        for (fragments, expected) in [
            ([r#""No""#, "7", r#"" more""#], r#"" more""#),
            ([r#""No""#, "[1]", "[2]"], "[1,2]"),
            (["[1]", r#""No""#, r#"".""#], r#""No.""#),
            (["{}", r#""No""#, "null"], r#""No""#),
        ] {
            let fragments = fragments.map(|json| ("refusal", json));
            assert_eq!(merged(&fragments), format!(r#"{{"refusal":{expected}}}"#));
        }
    }

    /// Work for each fragment that grew with the text would take hours here.
    #[test]
    fn very_many_fragments_take_work_for_each_fragment_alone() {
        const MANY: usize = 200_000;
        let mut members = BTreeMap::new();
        for _ in 0..MANY {
            put(&mut members, "refusal", raw(r#""0123456789""#));
            put(&mut members, "list", raw(r#"["0123456789"]"#));
            put(
                &mut members,
                "audio",
                raw(r#"{"x":{"refusal":"0123456789","list":[{}]}}"#),
            );
        }
        assert_eq!(members["refusal"].text().map(|text| text.len()), Some(10 * MANY));
        let written = serde_json::to_string(&members["list"]).expect("JSON");
        assert_eq!(written.len(), 13 * MANY + 1);
        let written = serde_json::to_string(&members["audio"]).expect("JSON");
        assert_eq!(
            written.len(),
            r#"{"x":{"list":[],"refusal":""}}"#.len() + 3 * MANY - 1 + 10 * MANY
        );
    }

    #[test]
    fn a_list_takes_the_space_of_its_text() {
        let mut list = List::default();
        for _ in 0..1_000 {
            list.append(&raw("[1,1,1,1]"));
        }
        assert_eq!(serde_json::to_string(&list).expect("JSON").len(), 8_001);
        assert_eq!(
            size_of::<List>(),
            size_of::<String>(),
            "there is no more of it than this text"
        );
    }

    #[test]
    fn objects_in_objects_without_end_are_merged_to_a_limit() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        let mut value = Passthrough::new(raw(&deep));
        for _ in 0..3 {
            value.add(raw(&deep));
        }
        assert_eq!(serde_json::to_string(&value).expect("JSON"), deep);
    }
}
