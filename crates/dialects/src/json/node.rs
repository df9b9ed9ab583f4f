//! A value within a JSON document, with its path for errors.

use std::{borrow::Cow, cell::OnceCell, rc::Rc};

use super::{
    allowance::{Allowance, ParseError},
    document::{Document, Members, Raw, Shape},
};
use provider_contract::{
    Error, ErrorKind, Result,
    contract::{self, Extra, ProviderErrorKind},
};

/// An `f64` is exact for integers below this.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The error of a malformed request.
#[must_use]
pub fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Provider(ProviderErrorKind::InvalidRequest), message)
}

/// The key of an error's extras with the path of the invalid member, as plugins name it too.
pub(crate) const PARAM: &str = "param";
/// The path of the whole body, which is no parameter.
pub(crate) const WHOLE: &str = "the body";
/// The error code of a document with too many small values.
pub(crate) const TOO_DENSE: &str = "request-structure";

/// An error about the value at a path.
pub(crate) fn refused(kind: ProviderErrorKind, path: &str, message: &str) -> Error {
    let error = Error::new(ErrorKind::Provider(kind), message);
    if path == WHOLE {
        return error;
    }
    let param = Extra {
        key: PARAM.to_owned(),
        value_json: serde_json::Value::from(path).to_string(),
    };
    Error::from(contract::Error {
        extras: vec![param],
        ..error.details().clone()
    })
}

/// An error about the value at this path.
pub(crate) fn invalid_at(path: &str, what: &str) -> Error {
    refused(
        ProviderErrorKind::InvalidRequest,
        path,
        &format!("`{path}` {what}"),
    )
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        match &error {
            ParseError::Dense(_) => Self::new(ErrorKind::Limit, error.to_string()).with_code(TOO_DENSE),
            ParseError::Surrogate(path) => {
                refused(ProviderErrorKind::InvalidRequest, path, &error.to_string())
            }
            ParseError::Syntax(_) | ParseError::Deep => invalid(&error.to_string()),
        }
    }
}

/// A value and its path.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    value: Raw<'a>,
    allowance: &'a Allowance,
    path: String,
    key: Cow<'a, str>,
    /// Its members, read on first use.
    members: OnceCell<Rc<Members<'a>>>,
}

impl<'a> Node<'a> {
    pub(crate) fn root(document: &'a Document<'a>) -> Self {
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

    /// Its key in the enclosing object.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Its path: `messages[0].content`.
    pub(crate) fn path(&self) -> &str {
        if self.path.is_empty() { WHOLE } else { &self.path }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.value.shape() == Shape::Null
    }

    pub(crate) fn is_object(&self) -> bool {
        self.value.shape() == Shape::Object
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.shape() == Shape::Text
    }

    /// Whether it has no content: null, or an empty list, object or string.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_null() || self.value.is_blank()
    }

    /// The value as JSON text.
    pub(crate) fn json(&self) -> String {
        self.compact(self.value, self.path())
    }

    fn compact(&self, value: Raw<'a>, path: &str) -> String {
        value.compact().unwrap_or_else(|| {
            self.allowance.note(ParseError::Surrogate(path.to_owned()));
            String::new()
        })
    }

    /// An error about it: `what` follows its path.
    pub(crate) fn invalid(&self, what: &str) -> Error {
        invalid_at(self.path(), what)
    }

    /// An `unsupported` error about it.
    pub(crate) fn unsupported(&self, what: &str) -> Error {
        let message = format!("`{}` {what}", self.path());
        refused(ProviderErrorKind::Unsupported, self.path(), &message)
    }

    /// A type error.
    pub(crate) fn wrong(&self, wants: &str) -> Error {
        let found = match self.value.shape() {
            Shape::Null => "null",
            Shape::Flag => "a boolean",
            Shape::Number => "this number",
            Shape::Text => "a text like this",
            Shape::List => "a list",
            Shape::Object => "an object",
        };
        self.invalid(&format!("has to be {wants}, not {found}"))
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
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
        let members = || Rc::new(self.value.members(self.allowance));
        &self.members.get_or_init(members).list
    }

    /// All of an object's fields.
    pub(crate) fn fields(&self, wants: &str) -> Result<Vec<Self>> {
        if self.value.shape() != Shape::Object {
            return Err(self.wrong(wants));
        }
        let members = self.members().iter();
        Ok(members
            .map(|(key, value)| self.child(key.clone(), *value))
            .collect())
    }

    /// A field; null counts as absent.
    pub(crate) fn field(&self, key: &str) -> Option<Self> {
        let (name, value) = self.members().iter().find(|(name, _)| name == key)?;
        (value.shape() != Shape::Null).then(|| self.child(name.clone(), *value))
    }

    /// A required field.
    pub(crate) fn need(&self, key: &str) -> Result<Self> {
        if self.value.shape() != Shape::Object {
            return Err(self.wrong("an object"));
        }
        self.field(key).ok_or_else(|| {
            let path = self.path_of(key);
            refused(
                ProviderErrorKind::InvalidRequest,
                &path,
                &format!("`{path}` is missing"),
            )
        })
    }

    /// Its members except these, as written; null members are dropped.
    pub(crate) fn unknown_fields(&self, known: &[&str]) -> Vec<Extra> {
        let mut unknown_fields = Vec::new();
        for (key, value) in self.members() {
            let is_other = !known.contains(&&**key) && value.shape() != Shape::Null;
            if is_other && self.allowance.pass_on() {
                unknown_fields.push(Extra {
                    key: key.clone().into_owned(),
                    value_json: self.compact(*value, &self.path_of(key)),
                });
            }
        }
        unknown_fields
    }

    /// The paths of its members except these.
    pub(crate) fn unknown_paths(&self, known: &[&str]) -> Vec<String> {
        let unknown_fields = self.unknown_fields(known).into_iter();
        unknown_fields.map(|extra| self.path_of(&extra.key)).collect()
    }

    pub(crate) fn text(&self) -> Result<Cow<'a, str>> {
        match self.value.shape() {
            Shape::Text => self
                .value
                .text()
                .ok_or_else(|| ParseError::Surrogate(self.path().to_owned()).into()),
            _ => Err(self.wrong("text")),
        }
    }

    /// The string, owned.
    pub(crate) fn string(&self) -> Result<String> {
        self.text().map(Cow::into_owned)
    }

    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<String>> {
        self.field(key).map(|field| field.string()).transpose()
    }

    pub(crate) fn flag(&self) -> Result<bool> {
        self.value.plain().ok_or_else(|| self.wrong("true or false"))
    }

    pub(crate) fn optional_flag(&self, key: &str) -> Result<Option<bool>> {
        self.field(key).map(|field| field.flag()).transpose()
    }

    pub(crate) fn number(&self) -> Result<f64> {
        let number = self.value.plain::<f64>().filter(|number| number.is_finite());
        number.ok_or_else(|| match self.value.shape() {
            Shape::Number => self.wrong("a number between -1.8e308 and 1.8e308"),
            _ => self.wrong("a number"),
        })
    }

    pub(crate) fn integer(&self) -> Result<i64> {
        let whole = self.value.plain().or_else(|| {
            // Some clients write every number with a decimal point.
            let number = self.value.plain::<f64>()?;
            #[allow(
                clippy::cast_possible_truncation,
                reason = "it is whole and small enough to be exact"
            )]
            (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
        });
        whole.ok_or_else(|| self.wrong("a whole number between -9223372036854775808 and 9223372036854775807"))
    }

    /// An integer from 1.
    pub(crate) fn count(&self) -> Result<u32> {
        let number = self.integer().ok().and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| *number > 0)
            .ok_or_else(|| self.wrong("a whole number from 1 to 4294967295"))
    }

    /// An integer from 0. Whether 0 is valid is the upstream's decision.
    pub(crate) fn limit(&self) -> Result<u32> {
        let number = self.integer().ok().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.wrong("a whole number from 0 to 4294967295"))
    }

    pub(crate) fn items(&self) -> Result<impl Iterator<Item = Self> + use<'a>> {
        self.items_or("a list")
    }

    /// Iterates over the elements: each uses memory while it is read.
    pub(crate) fn items_or(&self, wants: &str) -> Result<impl Iterator<Item = Self> + use<'a>> {
        if self.value.shape() != Shape::List {
            return Err(self.wrong(wants));
        }
        let (allowance, path) = (self.allowance, self.path.clone());
        let item = move |(index, value)| {
            let path = format!("{path}[{index}]");
            Self::new(value, allowance, path, Cow::Borrowed(""))
        };
        Ok(self.value.items(allowance).enumerate().map(item))
    }

    /// An object, as JSON text.
    pub(crate) fn object_json(&self) -> Result<String> {
        if self.value.shape() == Shape::Object {
            Ok(self.json())
        } else {
            Err(self.wrong("an object"))
        }
    }
}
