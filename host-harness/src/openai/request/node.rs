//! One value within a JSON document, with its path, for errors that say where.

use std::cell::OnceCell;

use super::document::{Document, Level, compact};
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

/// A value, as the text that it was written as, and the way to it. Looked into one level at a time and only where
/// somebody asks, so that what is passed on costs no more than its text, and its numbers keep every digit.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    document: &'a Document<'a>,
    raw: &'a str,
    level: OnceCell<Level<'a>>,
    path: String,
    key: &'a str,
}

impl<'a> Node<'a> {
    pub(super) fn root(document: &'a Document<'a>) -> Self {
        Self::new(document, document.text(), String::new(), "")
    }

    fn new(document: &'a Document<'a>, raw: &'a str, path: String, key: &'a str) -> Self {
        Self {
            document,
            raw,
            level: OnceCell::new(),
            path,
            key,
        }
    }

    fn level(&self) -> &Level<'a> {
        self.level.get_or_init(|| self.document.level(self.raw))
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
        self.raw == "null"
    }

    pub(super) fn is_text(&self) -> bool {
        self.raw.starts_with('"')
    }

    /// Whether nothing is said by it: null, or an empty list, object or text.
    pub(super) fn is_empty(&self) -> bool {
        let mut bytes = self.raw.bytes().filter(|byte| !byte.is_ascii_whitespace());
        match (bytes.next(), bytes.next()) {
            (Some(b'"'), _) => self.raw.len() == 2,
            (Some(b'['), Some(b']')) | (Some(b'{'), Some(b'}')) => true,
            _ => self.is_null(),
        }
    }

    /// The value as JSON text: numbers as they were written, no white space, plain characters in place of escapes.
    pub(super) fn json(&self) -> String {
        compact(self.raw)
    }

    /// It is not what it has to be.
    pub(super) fn wrong(&self, wants: &str) -> Error {
        let found = match self.level() {
            Level::Null => "null",
            Level::Bool(_) => "a boolean",
            Level::Number => "a number like this",
            Level::Text(_) => "a text like this",
            Level::List(Some(_)) => "a list",
            Level::List(None) => "a list of more than 65536 elements",
            Level::Object(Some(_)) => "an object",
            Level::Object(None) => "an object of more than 4096 members",
            Level::NotUnicode => "a text with half a surrogate pair in it",
        };
        invalid(&format!("`{}` has to be {wants}, not {found}", self.path()))
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn members(&self) -> Option<&[(&'a str, &'a str)]> {
        match self.level() {
            Level::Object(members) => members.as_deref(),
            _ => None,
        }
    }

    /// All of an object's fields.
    pub(super) fn fields(&self, wants: &str) -> Result<Vec<Self>> {
        let members = self.members().ok_or_else(|| self.wrong(wants))?;
        let child = |(key, raw): &(&'a str, &'a str)| Self::new(self.document, raw, self.path_of(key), key);
        Ok(members.iter().map(child).collect())
    }

    /// A field; null counts as left out.
    pub(super) fn field(&self, key: &'a str) -> Option<Self> {
        let (_, raw) = self.members()?.iter().find(|(name, _)| *name == key)?;
        (*raw != "null").then(|| Self::new(self.document, raw, self.path_of(key), key))
    }

    /// A field that has to be there.
    pub(super) fn need(&self, key: &'a str) -> Result<Self> {
        if self.members().is_none() {
            return Err(self.wrong("an object"));
        }
        self.field(key)
            .ok_or_else(|| invalid(&format!("`{}` is missing", self.path_of(key))))
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
        match self.level() {
            Level::Text(text) => Ok(text),
            _ => Err(self.wrong("text")),
        }
    }

    pub(super) fn optional_text(&self, key: &'a str) -> Result<Option<String>> {
        self.field(key)
            .map(|field| field.text().map(str::to_owned))
            .transpose()
    }

    pub(super) fn flag(&self) -> Result<bool> {
        match self.level() {
            Level::Bool(flag) => Ok(*flag),
            _ => Err(self.wrong("true or false")),
        }
    }

    pub(super) fn optional_flag(&self, key: &'a str) -> Result<Option<bool>> {
        self.field(key).map(|field| field.flag()).transpose()
    }

    pub(super) fn number(&self) -> Result<f64> {
        let number = self.digits().and_then(|digits| digits.parse::<f64>().ok());
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.wrong("a number"))
    }

    pub(super) fn integer(&self) -> Result<i64> {
        self.whole().ok_or_else(|| self.wrong("a whole number"))
    }

    /// A whole number from 1 up.
    pub(super) fn count(&self) -> Result<u32> {
        let number = self.whole().and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| *number > 0)
            .ok_or_else(|| self.wrong("a whole number above 0"))
    }

    fn digits(&self) -> Option<&'a str> {
        let is_number = self
            .raw
            .starts_with(|first: char| first == '-' || first.is_ascii_digit());
        is_number.then_some(self.raw)
    }

    /// A whole number, however it is written: JSON has one kind, and some clients write `100.0`.
    fn whole(&self) -> Option<i64> {
        /// All whole numbers up to here are floats.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let digits = self.digits()?;
        digits.parse().ok().or_else(|| {
            let number: f64 = digits.parse().ok()?;
            // Lossless: it has no fraction and is within the range.
            (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
        })
    }

    pub(super) fn items(&self) -> Result<Vec<Self>> {
        self.items_or("a list")
    }

    pub(super) fn items_or(&self, wants: &str) -> Result<Vec<Self>> {
        let Level::List(Some(items)) = self.level() else {
            return Err(self.wrong(wants));
        };
        let item = |(index, raw): (usize, &&'a str)| {
            Self::new(self.document, raw, format!("{}[{index}]", self.path), "")
        };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// An object, as JSON text.
    pub(super) fn object_json(&self) -> Result<String> {
        if self.raw.starts_with('{') {
            Ok(self.json())
        } else {
            Err(self.wrong("an object"))
        }
    }
}
