//! A position in a JSON5 document, with typed lookups. A value of the wrong type is reported with file, line,
//! column and key, and never shown.
//! Does not know the meaning of any key.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::{Document, Key};
use model_provider_host::{Error, ErrorKind, Result};

/// A position in a document. An absent or `null` value has a node too.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    document: &'a Document,
    value: Option<&'a Value>,
    keys: Vec<Key>,
}

impl<'a> Node<'a> {
    /// The root of a document.
    pub(super) fn of(document: &'a Document, value: &'a Value) -> Self {
        Self {
            document,
            value: Some(value),
            keys: Vec::new(),
        }
    }

    fn step(&self, key: Key, value: Option<&'a Value>) -> Self {
        let mut keys = self.keys.clone();
        keys.push(key);
        Self {
            document: self.document,
            value: value.filter(|value| !value.is_null()),
            keys,
        }
    }

    /// The value under a key.
    pub(crate) fn get(&self, name: &str) -> Result<Self> {
        let object = self.object()?;
        Ok(self.step(
            Key::Name(name.to_owned()),
            object.and_then(|object| object.get(name)),
        ))
    }

    /// The value at a path of keys.
    pub(crate) fn at(&self, names: &[&str]) -> Result<Self> {
        names.iter().try_fold(self.clone(), |node, name| node.get(name))
    }

    pub(crate) fn object(&self) -> Result<Option<&'a Map<String, Value>>> {
        match self.value {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.invalid("an object in braces")),
        }
    }

    /// The members of an object, in their order.
    pub(crate) fn entries(&self) -> Result<Vec<(&'a str, Self)>> {
        let members = self.object()?.into_iter().flatten();
        Ok(members
            .map(|(name, value)| (name.as_str(), self.step(Key::Name(name.clone()), Some(value))))
            .collect())
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Result<Vec<Self>> {
        match self.value {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, value)| self.step(Key::Index(index), Some(value)))
                .collect()),
            Some(_) => Err(self.invalid("a list in square brackets")),
        }
    }

    pub(crate) fn text(&self) -> Result<Option<&'a str>> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid("text in quotes")),
        }
    }

    /// Text that is not blank, trimmed.
    pub(crate) fn word(&self) -> Result<Option<&'a str>> {
        Ok(self.text()?.map(str::trim).filter(|text| !text.is_empty()))
    }

    /// The texts of a list.
    pub(crate) fn texts(&self) -> Result<Vec<String>> {
        let items = self.items()?;
        items
            .iter()
            .map(|item| {
                let text = item.text()?.ok_or_else(|| item.invalid("text in quotes"))?;
                Ok(text.trim().to_owned())
            })
            .collect()
    }

    pub(crate) fn flag(&self) -> Result<Option<bool>> {
        match self.value {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.invalid("true or false")),
        }
    }

    /// A whole number above 0.
    pub(crate) fn count(&self) -> Result<Option<u32>> {
        let Some(value) = self.value else {
            return Ok(None);
        };
        let whole = value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && *n >= 1.0 && *n <= f64::from(u32::MAX));
        match whole {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole and in range: checked above"
            )]
            Some(n) => Ok(Some(n as u32)),
            None => Err(self.invalid("a whole number above 0")),
        }
    }

    pub(crate) fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// A type error: expected `expected`, found the type of this value. Never shows the value: it may be a secret.
    pub(crate) fn invalid(&self, expected: &str) -> Error {
        let found = match self.value {
            None => "is missing",
            Some(Value::Null) => "is null",
            Some(Value::Bool(_)) => "is true or false",
            Some(Value::Number(_)) => "is a number",
            Some(Value::String(_)) => "is other text",
            Some(Value::Array(_)) => "is a list",
            Some(Value::Object(_)) => "is an object",
        };
        self.wrong(&format!("{found}, where {expected} is expected"))
            .with_hint(format!("write {expected}, or remove the key"))
    }

    /// An error about this value.
    pub(crate) fn wrong(&self, what: &str) -> Error {
        let mut message = self.document.where_is(&self.keys);
        let key = if self.keys.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{}`", self.key())
        };
        message += &format!(": {key} {what}");
        Error::new(ErrorKind::Configuration, message)
    }

    /// The path of this node: `models.providers.acme.models[0].id`.
    pub(crate) fn key(&self) -> String {
        Key::path(&self.keys)
    }

    /// Deserializes the value; `None` if there is none.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let Some(value) = self.value else {
            return Ok(None);
        };
        serde_path_to_error::deserialize(value)
            .map(Some)
            .map_err(|error| {
                let mut node = self.clone();
                for segment in error.path() {
                    let (key, value) = match segment {
                        Segment::Map { key } => (
                            Key::Name(key.clone()),
                            node.value.and_then(|value| value.get(key.as_str())),
                        ),
                        Segment::Seq { index } => {
                            (Key::Index(*index), node.value.and_then(|value| value.get(*index)))
                        }
                        _ => continue,
                    };
                    node = node.step(key, value);
                }
                // The rest of the message may hold the value.
                let text = error.inner().to_string();
                match text.rsplit_once("expected ") {
                    Some((_, expected)) => node.invalid(expected),
                    None => match text.strip_prefix("missing field ") {
                        Some(field) => node
                            .wrong(&format!("has no {field}"))
                            .with_hint("add it; it is text in quotes"),
                        None => node
                            .wrong("cannot be read")
                            .with_hint("check it against the documentation"),
                    },
                }
            })
    }
}
