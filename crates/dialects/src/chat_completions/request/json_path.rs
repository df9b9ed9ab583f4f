//! One value within a JSON document, with its path, for errors that say where.

use std::{borrow::Cow, cell::OnceCell};

use super::document::{Allowance, Document, Fault, Raw, Shape};
use model_provider_host::{contract::{ErrorKind, Extra}, Error, Kind, Result};

/// Below it a float holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A request that is malformed.
pub(crate) fn invalid(message: &str) -> Error {
    Error::new(Kind::Provider(ErrorKind::InvalidRequest), message)
}

/// A request for what cannot be done.
pub(super) fn unsupported(message: &str) -> Error {
    Error::new(Kind::Provider(ErrorKind::Unsupported), message)
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        invalid(&fault.to_string())
    }
}

/// A value and the way to it.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    value: Raw<'a>,
    allowance: &'a Allowance,
    path: String,
    key: Cow<'a, str>,
    /// Its members, read when they are first asked for.
    members: OnceCell<Vec<(Cow<'a, str>, Raw<'a>)>>,
}

impl<'a> Node<'a> {
    pub(super) fn root(document: &'a Document<'_>) -> Self {
        Self::new(
            document.root,
            &document.allowance,
            String::new(),
            Cow::Borrowed(""),
        )
    }

    fn new(value: Raw<'a>, allowance: &'a Allowance, path: String, key: Cow<'a, str>) -> Self {
        Self {
            value,
            allowance,
            path,
            key,
            members: OnceCell::new(),
        }
    }

    /// Its key in the object around it.
    pub(super) fn key(&self) -> &str {
        &self.key
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
        self.value.shape() == Shape::Null
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.shape() == Shape::Text
    }

    /// Whether nothing is said by it: null, or an empty list, object or text.
    pub(super) fn is_empty(&self) -> bool {
        self.is_null() || self.value.is_blank()
    }

    /// The value as JSON text.
    pub(super) fn json(&self) -> String {
        self.value.compact(self.allowance)
    }

    /// It is not what it has to be.
    pub(super) fn wrong(&self, wants: &str) -> Error {
        let found = match self.value.shape() {
            Shape::Null => "null",
            Shape::Flag => "a boolean",
            Shape::Number => "a number like this",
            Shape::Text => "a text like this",
            Shape::List => "a list",
            Shape::Object => "an object",
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

    fn child(&self, key: Cow<'a, str>, value: Raw<'a>) -> Self {
        Self::new(value, self.allowance, self.path_of(&key), key)
    }

    fn members(&self) -> &[(Cow<'a, str>, Raw<'a>)] {
        self.members.get_or_init(|| self.value.members(self.allowance))
    }

    /// All of an object's fields.
    pub(super) fn fields(&self, wants: &str) -> Result<Vec<Self>> {
        if self.value.shape() != Shape::Object {
            return Err(self.wrong(wants));
        }
        let members = self.members().iter();
        Ok(members
            .map(|(key, value)| self.child(key.clone(), *value))
            .collect())
    }

    /// A field; null counts as left out.
    pub(super) fn field(&self, key: &str) -> Option<Self> {
        let (name, value) = self.members().iter().find(|(name, _)| name == key)?;
        (value.shape() != Shape::Null).then(|| self.child(name.clone(), *value))
    }

    /// A field that has to be there.
    pub(super) fn need(&self, key: &str) -> Result<Self> {
        if self.value.shape() != Shape::Object {
            return Err(self.wrong("an object"));
        }
        self.field(key)
            .ok_or_else(|| invalid(&format!("`{}` is missing", self.path_of(key))))
    }

    /// Its members but these, as they are written; null says nothing.
    pub(super) fn others(&self, known: &[&str]) -> Vec<Extra> {
        let others = self
            .members()
            .iter()
            .filter(|(key, value)| !known.contains(&&**key) && value.shape() != Shape::Null);
        others
            .map(|(key, value)| Extra {
                key: key.clone().into_owned(),
                value_json: value.compact(self.allowance),
            })
            .collect()
    }

    pub(super) fn text(&self) -> Result<Cow<'a, str>> {
        self.value.text().ok_or_else(|| self.wrong("text"))
    }

    /// The text as one's own.
    pub(super) fn string(&self) -> Result<String> {
        self.text().map(Cow::into_owned)
    }

    pub(super) fn optional_text(&self, key: &str) -> Result<Option<String>> {
        self.field(key).map(|field| field.string()).transpose()
    }

    pub(super) fn flag(&self) -> Result<bool> {
        self.value.plain().ok_or_else(|| self.wrong("true or false"))
    }

    pub(super) fn optional_flag(&self, key: &str) -> Result<Option<bool>> {
        self.field(key).map(|field| field.flag()).transpose()
    }

    pub(super) fn number(&self) -> Result<f64> {
        let number = self.value.plain::<f64>().filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong("a number"))
    }

    pub(super) fn integer(&self) -> Result<i64> {
        let whole = self.value.plain().or_else(|| {
            // Some clients write every number with a point.
            let number = self.value.plain::<f64>()?;
            #[allow(
                clippy::cast_possible_truncation,
                reason = "it is whole and small enough to be exact"
            )]
            (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
        });
        whole.ok_or_else(|| self.wrong("a whole number"))
    }

    /// A whole number from 1 up.
    pub(super) fn count(&self) -> Result<u32> {
        let number = self.integer().ok().and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| *number > 0)
            .ok_or_else(|| self.wrong("a whole number above 0"))
    }

    /// A whole number from 0 up. Whether nothing at all can be asked for is the upstream's to say.
    pub(super) fn limit(&self) -> Result<u32> {
        let number = self.integer().ok().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.wrong("a whole number that is not below 0"))
    }

    pub(super) fn items(&self) -> Result<Vec<Self>> {
        self.items_or("a list")
    }

    pub(super) fn items_or(&self, wants: &str) -> Result<Vec<Self>> {
        if self.value.shape() != Shape::List {
            return Err(self.wrong(wants));
        }
        let item = |(index, value)| {
            let path = format!("{}[{index}]", self.path);
            Self::new(value, self.allowance, path, Cow::Borrowed(""))
        };
        let items = self.value.items(self.allowance).into_iter();
        Ok(items.enumerate().map(item).collect())
    }

    /// An object, as JSON text.
    pub(super) fn object_json(&self) -> Result<String> {
        if self.value.shape() == Shape::Object {
            Ok(self.json())
        } else {
            Err(self.wrong("an object"))
        }
    }
}
