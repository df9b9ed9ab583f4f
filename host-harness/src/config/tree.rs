//! A JSON5 file as a tree with typed look-ups: a value of the wrong kind is named with file, line, column and key.
//! Knows nothing of what the keys mean.

use std::{
    fmt::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::files;

/// Deeper nesting than this is no configuration; the parser would follow it until its stack is used up.
const DEEPEST: usize = 128;

/// One file, parsed, with its text for finding places again.
pub(super) struct Document {
    path: PathBuf,
    text: String,
    root: Value,
}

impl Document {
    /// Reads JSON5; blank text counts as an empty object.
    pub(super) fn parse(path: &Path, text: String) -> Result<Self> {
        let mut document = Self {
            path: path.to_owned(),
            text,
            root: Value::Object(Map::new()),
        };
        let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
        if document.text.chars().all(blank) {
            return Ok(document);
        }
        if deepest(&document.text) > DEEPEST {
            let message = format!("{}: nested deeper than {DEEPEST} levels", path.display());
            return Err(Error::new(Kind::Configuration, message));
        }
        document.root = json5::from_str(&document.text).map_err(|error| {
            let what = error
                .code()
                .map_or_else(|| "this is no JSON5".to_owned(), |code| code.to_string());
            // Where a text ends too early is at its end, not at the bracket that was left open.
            let (what, place) = match error.position() {
                Some(place) if !what.starts_with("EOF") => (what, place),
                _ => {
                    let end = json5::Position::from_offset(document.text.len(), &document.text);
                    (format!("the file ends too early ({what})"), end)
                }
            };
            let (line, column) = (place.line + 1, place.column + 1);
            Error::new(
                Kind::Configuration,
                format!("{}: line {line}, column {column}: {what}", path.display()),
            )
            .with_hint("the file is JSON5: braces, quotes and commas have to match up; comments are allowed")
        })?;
        document.root().entries()?;
        Ok(document)
    }

    /// A file that is not there.
    pub(super) fn empty(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            text: String::new(),
            root: Value::Object(Map::new()),
        }
    }

    /// Reads the file; `None` if it is not there.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        match files::read_input_text(path, files::LARGEST) {
            Ok(text) => Self::parse(path, text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                let fault = Error::new(Kind::Configuration, message);
                Err(if error.kind() == std::io::ErrorKind::InvalidData {
                    fault.with_hint("save the file as UTF-8; some editors of Windows write UTF-16")
                } else {
                    fault
                })
            }
        }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node {
            document: self,
            value: Some(&self.root),
            keys: Vec::new(),
        }
    }

    pub(super) fn value(&self) -> &Value {
        &self.root
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn place(&self, keys: &[Key]) -> Option<json5::Position> {
        let mut deserializer = json5::Deserializer::from_str(&self.text);
        Locate(keys).deserialize(&mut deserializer).err()?.position()
    }
}

/// A step from a value to one inside it.
#[derive(Clone, Debug)]
enum Key {
    Name(String),
    Index(usize),
}

/// One place in a document. What is absent, or `null`, is a node too.
#[derive(Clone)]
pub(super) struct Node<'a> {
    document: &'a Document,
    value: Option<&'a Value>,
    keys: Vec<Key>,
}

impl<'a> Node<'a> {
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
    pub(super) fn get(&self, name: &str) -> Result<Self> {
        let object = self.object()?;
        Ok(self.step(
            Key::Name(name.to_owned()),
            object.and_then(|object| object.get(name)),
        ))
    }

    /// The value under several keys, one in the other.
    pub(super) fn at(&self, names: &[&str]) -> Result<Self> {
        names.iter().try_fold(self.clone(), |node, name| node.get(name))
    }

    pub(super) fn object(&self) -> Result<Option<&'a Map<String, Value>>> {
        match self.value {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.fault("an object in braces")),
        }
    }

    /// The members of an object, in their order.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, Self)>> {
        let members = self.object()?.into_iter().flatten();
        Ok(members
            .map(|(name, value)| (name.as_str(), self.step(Key::Name(name.clone()), Some(value))))
            .collect())
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Result<Vec<Self>> {
        match self.value {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, value)| self.step(Key::Index(index), Some(value)))
                .collect()),
            Some(_) => Err(self.fault("a list in square brackets")),
        }
    }

    pub(super) fn text(&self) -> Result<Option<&'a str>> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault("text in quotes")),
        }
    }

    /// Text that is not blank, trimmed.
    pub(super) fn word(&self) -> Result<Option<&'a str>> {
        Ok(self.text()?.map(str::trim).filter(|text| !text.is_empty()))
    }

    /// The texts of a list.
    pub(super) fn texts(&self) -> Result<Vec<String>> {
        let items = self.items()?;
        items
            .iter()
            .map(|item| {
                let text = item.text()?.ok_or_else(|| item.fault("text in quotes"))?;
                Ok(text.trim().to_owned())
            })
            .collect()
    }

    pub(super) fn flag(&self) -> Result<Option<bool>> {
        match self.value {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.fault("true or false")),
        }
    }

    /// A whole number above 0.
    pub(super) fn count(&self) -> Result<Option<u32>> {
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
            None => Err(self.fault("a whole number above 0")),
        }
    }

    pub(super) fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// What is here is not what is expected. Names the kind of what is here, never the value: it may be a secret.
    pub(super) fn fault(&self, expected: &str) -> Error {
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

    /// Something is wrong with what is here.
    pub(super) fn wrong(&self, what: &str) -> Error {
        let mut message = self.document.path.display().to_string();
        if let Some(place) = self.document.place(&self.keys) {
            let (line, column) = (place.line + 1, place.column + 1);
            let _ = write!(message, ": line {line}, column {column}");
        }
        let key = if self.keys.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{}`", self.key())
        };
        Error::new(Kind::Configuration, format!("{message}: {key} {what}"))
    }

    /// The way here: `models.providers.acme.models[0].id`.
    pub(super) fn key(&self) -> String {
        let mut path = String::new();
        for key in &self.keys {
            let _ = match key {
                Key::Index(index) => write!(path, "[{index}]"),
                Key::Name(name) if !is_plain(name) => write!(path, "[\"{name}\"]"),
                Key::Name(name) if path.is_empty() => write!(path, "{name}"),
                Key::Name(name) => write!(path, ".{name}"),
            };
        }
        path
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-$".contains(c))
}

/// How deep brackets nest, those in texts and comments included: an upper bound that needs no parser.
fn deepest(text: &str) -> usize {
    let mut depth = 0usize;
    let mut most = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// Follows keys through a text and fails where they end, so that the parser says where that is: it gives positions
/// for errors alone.
struct Locate<'k>(&'k [Key]);

impl<'de> DeserializeSeed<'de> for Locate<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Locate<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Key::Name(wanted), rest)) = self.0.split_first() else {
            return Err(A::Error::custom("here"));
        };
        while let Some(name) = map.next_key::<String>()? {
            if name == *wanted {
                map.next_value_seed(Locate(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Key::Index(wanted), rest)) = self.0.split_first() else {
            return Err(A::Error::custom("here"));
        };
        for _ in 0..*wanted {
            seq.next_element::<IgnoredAny>()?;
        }
        seq.next_element_seed(Locate(rest))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(Path::new("c.json5"), text.to_owned()).unwrap()
    }

    #[test]
    fn a_wrong_value_is_named_with_file_line_column_and_key_but_not_shown() {
        let document = document("// c\n{ a: {\n  'x/y': [ {}, { b: 'secret' } ] } }");
        let node = document.root().at(&["a", "x/y"]).unwrap();
        let item = node.items().unwrap().remove(1).get("b").unwrap();
        let error = item.flag().unwrap_err();
        assert_eq!(
            error.message(),
            "c.json5: line 3, column 21: `a[\"x/y\"][1].b` is other text, where true or false is expected"
        );
        let whole = document.root().get("a").unwrap().text().unwrap_err();
        assert!(
            whole.message().contains("line 2, column 6: `a` is an object"),
            "{whole}"
        );
    }

    #[test]
    fn a_broken_file_is_named_with_its_place() {
        let error = Document::parse(Path::new("c.json5"), "{\n a: 1\n b: 2 }".into())
            .err()
            .unwrap();
        assert!(
            error.message().starts_with("c.json5: line 3, column 2: "),
            "{error}"
        );
        let error = Document::parse(Path::new("c.json5"), "{ a: ".into())
            .err()
            .unwrap();
        assert!(error.message().contains("line 1, column 6"), "{error}");
        let error = Document::parse(Path::new("c.json5"), "[1]".into()).err().unwrap();
        assert!(error.message().contains("the file is a list"), "{error}");
    }

    #[test]
    fn nesting_without_end_is_refused_before_it_is_parsed() {
        assert!(Document::parse(Path::new("c"), "[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn null_and_blank_are_absent() {
        let document = document("\u{feff}{ a: null, b: ' ' }");
        assert_eq!(document.root().at(&["a", "deep"]).unwrap().text().unwrap(), None);
        assert_eq!(document.root().get("b").unwrap().word().unwrap(), None);
        assert!(self::document(" \n").value().as_object().unwrap().is_empty());
    }
}
