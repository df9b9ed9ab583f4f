//! What an upstream adds to a response in its own form: passed on as it was written, to the last digit of a number, and
//! whole again at the end where it came in pieces.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::Serialize;
use serde_json::value::RawValue;

/// A value that came at once or in pieces.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Added {
    /// As it was written.
    Raw(Box<RawValue>),
    /// Elements of several lists.
    List(Vec<Box<RawValue>>),
    /// Members of several objects.
    Object(BTreeMap<String, Added>),
}

/// What comes in pieces of text, as the content does.
const REFUSAL: &str = "refusal";

/// Reads an addition; none if it is no JSON.
pub fn read(json: &str) -> Option<Box<RawValue>> {
    // A line end stands between two values and never within one, and would end a line of an event stream.
    RawValue::from_string(json.replace(['\r', '\n'], " ")).ok()
}

impl Added {
    /// Adds a later piece: lists follow each other, objects are one by their members, and of anything else the last
    /// holds. Null adds nothing.
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

    /// The text that it is, if it is one.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Raw(raw) => serde_json::from_str(raw.get()).ok(),
            Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Adds text to text; anything else takes its place.
    fn join(&mut self, more: Box<RawValue>) {
        let both = self.text().zip(serde_json::from_str::<String>(more.get()).ok());
        let joined = both.and_then(|(text, more)| serde_json::value::to_raw_value(&(text + &more)).ok());
        match joined {
            Some(joined) => *self = Self::Raw(joined),
            None => self.add(more),
        }
    }

    /// Takes a list or an object apart, so that more can be added to it.
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

/// Puts a member in, or adds it to what there is of it.
pub fn put<K: Ord + AsRef<str>>(members: &mut BTreeMap<K, Added>, name: K, value: Box<RawValue>) {
    match members.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(Added::Raw(value));
        }
        Entry::Occupied(mut entry) if entry.key().as_ref() == REFUSAL => entry.get_mut().join(value),
        Entry::Occupied(mut entry) => entry.get_mut().add(value),
    }
}

/// The elements of a list; it has been read as JSON before.
fn list(raw: &RawValue) -> Vec<Box<RawValue>> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// The members of an object; the same. A name that is no Unicode leaves none of them.
fn object(raw: &RawValue) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}
