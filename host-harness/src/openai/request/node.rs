//! One value within a JSON document, with its path, for errors that say where.

use serde_json::Value;

use crate::{
    contract::ErrorKind,
    error::{Error, Kind, Result},
};

/// A request that is malformed.
pub(crate) fn invalid(message: &str) -> Error {
    Error::new(Kind::Provider(ErrorKind::InvalidRequest), message)
}

/// A request for what cannot be done.
pub(super) fn unsupported(message: &str) -> Error {
    Error::new(Kind::Provider(ErrorKind::Unsupported), message)
}

/// A value and the way to it.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
    key: &'a str,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: String::new(),
            key: "",
        }
    }

    /// Its key in the object around it.
    pub(super) fn key(&self) -> &'a str {
        self.key
    }

    /// The way to it: `messages[0].content`.
    pub(super) fn path(&self) -> &str {
        if self.path.is_empty() {
            "the body"
        } else {
            &self.path
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.is_string()
    }

    /// Whether nothing is said by it: null, or an empty list, object or text.
    pub(super) fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(keys) => keys.is_empty(),
            Value::String(text) => text.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// The value as JSON text.
    pub(super) fn json(&self) -> String {
        self.value.to_string()
    }

    /// It is not what it has to be.
    pub(super) fn wrong(&self, wants: &str) -> Error {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number like this",
            Value::String(_) => "a text like this",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        invalid(&format!("`{}` has to be {wants}, not {found}", self.path()))
    }

    fn child(&self, key: &'a str, value: &'a Value) -> Self {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        Self { value, path, key }
    }

    /// All of an object's fields.
    pub(super) fn fields(&self, wants: &str) -> Result<Vec<Self>> {
        let keys = self.value.as_object().ok_or_else(|| self.wrong(wants))?;
        Ok(keys.iter().map(|(key, value)| self.child(key, value)).collect())
    }

    /// A field; null counts as left out.
    pub(super) fn field(&self, key: &'a str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(self.child(key, value))
    }

    /// A field that has to be there.
    pub(super) fn need(&self, key: &'a str) -> Result<Self> {
        if !self.value.is_object() {
            return Err(self.wrong("an object"));
        }
        self.field(key)
            .ok_or_else(|| invalid(&format!("`{}` is missing", self.child(key, &Value::Null).path())))
    }

    /// Refuses fields that say something and have no place in the contract.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        for field in self.fields("an object")? {
            if !known.contains(&field.key()) && !field.is_empty() {
                return Err(field.unsupported());
            }
        }
        Ok(())
    }

    /// It says something that the contract has no place for.
    pub(super) fn unsupported(&self) -> Error {
        unsupported(&format!("`{}` is not supported here", self.path()))
            .with_hint("leave it out; only keys of the body itself are passed on")
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.wrong("text"))
    }

    pub(super) fn optional_text(&self, key: &'a str) -> Result<Option<String>> {
        self.field(key)
            .map(|field| field.text().map(str::to_owned))
            .transpose()
    }

    pub(super) fn flag(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    pub(super) fn optional_flag(&self, key: &'a str) -> Result<Option<bool>> {
        self.field(key).map(|field| field.flag()).transpose()
    }

    pub(super) fn number(&self) -> Result<f64> {
        let number = self.value.as_f64().filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong("a number"))
    }

    pub(super) fn integer(&self) -> Result<i64> {
        self.value.as_i64().ok_or_else(|| self.wrong("a whole number"))
    }

    /// A whole number from 1 up.
    pub(super) fn count(&self) -> Result<u32> {
        let number = self.value.as_u64().and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| *number > 0)
            .ok_or_else(|| self.wrong("a whole number above 0"))
    }

    pub(super) fn items(&self) -> Result<Vec<Self>> {
        self.items_or("a list")
    }

    pub(super) fn items_or(&self, wants: &str) -> Result<Vec<Self>> {
        let items = self.value.as_array().ok_or_else(|| self.wrong(wants))?;
        let item = |(index, value)| Self {
            value,
            path: format!("{}[{index}]", self.path),
            key: "",
        };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// An object, as JSON text.
    pub(super) fn object_json(&self) -> Result<String> {
        if self.value.is_object() {
            Ok(self.json())
        } else {
            Err(self.wrong("an object"))
        }
    }
}
