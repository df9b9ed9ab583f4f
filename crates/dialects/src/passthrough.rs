//! Passthrough of an upstream's extras: values are passed on as written, to the last digit of a number, and
//! fragments are merged at the end.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::Serialize;
use serde_json::value::RawValue;

/// A value, from one event or several.
///
/// ```
/// use dialects::passthrough::{Passthrough, read};
///
/// let mut logprobs = Passthrough::Raw(read(r#"{"content":[{"token":"a"}]}"#).expect("JSON"));
/// logprobs.add(read(r#"{"content":[{"token":"b"}]}"#).expect("JSON"));
/// assert_eq!(
///     serde_json::to_string(&logprobs)?,
///     r#"{"content":[{"token":"a"},{"token":"b"}]}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Passthrough {
    /// As written.
    Raw(Box<RawValue>),
    /// Concatenated elements of several lists.
    List(Vec<Box<RawValue>>),
    /// Merged members of several objects.
    Object(BTreeMap<String, Self>),
}

/// The extra that arrives in text deltas, like the content.
const REFUSAL: &str = "refusal";

/// Parses an extra; `None` if it is not JSON.
#[must_use]
pub fn read(json: &str) -> Option<Box<RawValue>> {
    // A line end would end a line of the event stream; in JSON it occurs only between values.
    RawValue::from_string(json.replace(['\r', '\n'], " ")).ok()
}

impl Passthrough {
    /// Merges a later fragment: lists are concatenated, objects merged by member, and anything else is replaced.
    /// Null adds nothing.
    pub fn add(&mut self, more: Box<RawValue>) {
        match (self.opened(), more.get().as_bytes().first()) {
            (_, Some(b'n')) => {}
            (Self::List(items), Some(b'[')) => items.extend(list(&more)),
            (Self::Object(members), Some(b'{')) => {
                for (name, value) in object(&more) {
                    put(members, name, value);
                }
            }
            (so_far, _) => *so_far = Self::Raw(more),
        }
    }

    /// Its string, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Raw(raw) => serde_json::from_str(raw.get()).ok(),
            Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Appends a string to a string; anything else is replaced.
    fn join(&mut self, more: Box<RawValue>) {
        let both = self.text().zip(serde_json::from_str::<String>(more.get()).ok());
        let joined = both.and_then(|(text, more)| serde_json::value::to_raw_value(&(text + &more)).ok());
        match joined {
            Some(joined) => *self = Self::Raw(joined),
            None => self.add(more),
        }
    }

    /// Parses a list or an object, so that more can be added.
    fn opened(&mut self) -> &mut Self {
        if let Self::Raw(raw) = self {
            match raw.get().as_bytes().first() {
                Some(b'[') => *self = Self::List(list(raw)),
                Some(b'{') => {
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
            entry.insert(Passthrough::Raw(value));
        }
        Entry::Occupied(mut entry) if entry.key().as_ref() == REFUSAL => entry.get_mut().join(value),
        Entry::Occupied(mut entry) => entry.get_mut().add(value),
    }
}

/// The elements of a list, which is known to be valid JSON.
fn list(raw: &RawValue) -> Vec<Box<RawValue>> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// The members of an object, likewise. If a name is not valid Unicode, none is returned.
fn object(raw: &RawValue) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}
