//! A JSON5 file as a tree: its values, its includes, and the position of each value.
//! Does not know the meaning of any key.

mod include;
mod node;
mod place;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use include::Included;
pub(super) use include::Roots;
use model_provider_host::{Error, ErrorKind, Result, files};
pub(super) use node::Node;

/// The nesting limit. The parser recurses and would overflow its stack on deeper documents.
const DEEPEST: usize = 128;

/// One parsed file, with its text for finding positions again.
#[derive(Clone)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
    /// The content of the file itself.
    own: Value,
    /// The content merged with its includes; `None` if it includes nothing.
    merged: Option<Value>,
    /// The included files, highest precedence first.
    included: Vec<Included>,
}

impl Document {
    /// Reads JSON5; blank text counts as an empty object.
    pub(super) fn parse(path: &Path, text: String) -> Result<Self> {
        let document = Self::parse_any(path, text)?;
        document.root().entries()?;
        Ok(document)
    }

    /// Like [`parse`](Self::parse), but the file need not be an object.
    fn parse_any(path: &Path, text: String) -> Result<Self> {
        let mut document = Self {
            text,
            ..Self::empty(path)
        };
        let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
        if document.text.chars().all(blank) {
            return Ok(document);
        }
        if deepest(&document.text) > DEEPEST {
            let message = format!("{}: nested deeper than {DEEPEST} levels", path.display());
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        document.own = json5::from_str(&document.text).map_err(|error| {
            let what = error
                .code()
                .map_or_else(|| "invalid JSON5".to_owned(), |code| code.to_string());
            // The position of a premature end is the end of the text, not the open bracket.
            let (what, place) = match error.position() {
                Some(place) if !what.starts_with("EOF") => (what, place),
                _ => {
                    let end = json5::Position::from_offset(document.text.len(), &document.text);
                    (format!("the file ends too early ({what})"), end)
                }
            };
            let (line, column) = (place.line + 1, place.column + 1);
            Error::new(
                ErrorKind::Configuration,
                format!("{}: line {line}, column {column}: {what}", path.display()),
            )
            .with_hint("the file is JSON5: braces, quotes and commas have to match up; comments are allowed")
        })?;
        Ok(document)
    }

    /// A file that does not exist.
    pub(super) fn empty(path: &Path) -> Self {
        Self::of_value(path, Value::Object(Map::new()))
    }

    /// A document of this value, as if it were written to the file.
    pub(super) fn of_value(path: &Path, own: Value) -> Self {
        Self {
            path: path.to_owned(),
            text: String::new(),
            own,
            merged: None,
            included: Vec::new(),
        }
    }

    /// Reads the file; `None` if it does not exist.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        match files::read_input_text(path, files::MAX_BYTES) {
            Ok(text) => Self::parse(path, text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                let invalid = Error::new(ErrorKind::Configuration, message);
                Err(if error.kind() == std::io::ErrorKind::InvalidData {
                    invalid.with_hint("save the file as UTF-8; some editors of Windows write UTF-16")
                } else {
                    invalid
                })
            }
        }
    }

    /// Resolves the file's includes, from allowed folders. The file itself has the highest precedence.
    pub(super) fn with_includes(mut self, roots: &Roots) -> Result<Self> {
        if include::is_any(&self.own) {
            let (merged, included) = include::resolve(&self, roots)?;
            self.merged = Some(merged);
            self.included = included;
            self.root().entries()?;
        }
        Ok(self)
    }

    /// Replaces strings in the whole tree, included files too.
    pub(super) fn map_texts(&mut self, mut change: impl FnMut(&[&str], &str) -> Option<String>) {
        let mut tree = self.merged.take().unwrap_or_else(|| self.own.clone());
        map_texts(&mut tree, &mut Vec::new(), &mut change);
        self.merged = Some(tree);
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node::of(self, self.value())
    }

    /// The content merged with the includes.
    pub(super) fn value(&self) -> &Value {
        self.merged.as_ref().unwrap_or(&self.own)
    }

    /// The content of the file itself.
    pub(super) fn own(&self) -> &Value {
        &self.own
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The included file that defines the value under these keys, if one does.
    pub(super) fn included_at(&self, keys: &[&str]) -> Option<&Path> {
        let keys: Vec<Key> = keys.iter().map(|key| Key::Name((*key).to_owned())).collect();
        let file = self.included.iter().find(|file| file.place(&keys).is_some())?;
        Some(&file.path)
    }

    /// The files that it includes.
    pub(super) fn included(&self) -> impl Iterator<Item = &Path> {
        self.included.iter().map(|file| file.path.as_path())
    }

    /// The file, line and column of a value.
    fn where_is(&self, keys: &[Key]) -> String {
        let own = place::find(&self.text, keys).map(|place| (self.path.as_path(), place));
        let found = own.or_else(|| {
            let mut files = self.included.iter();
            files.find_map(|file| Some((file.path.as_path(), file.place(keys)?)))
        });
        let mut message = String::new();
        let _ = match found {
            Some((path, (line, column))) => {
                write!(message, "{}: line {line}, column {column}", path.display())
            }
            None => write!(message, "{}", self.path.display()),
        };
        message
    }
}

fn map_texts<'v>(
    value: &'v mut Value,
    way: &mut Vec<&'v str>,
    change: &mut impl FnMut(&[&str], &str) -> Option<String>,
) {
    match value {
        Value::String(text) => {
            if let Some(new) = change(way, text) {
                *text = new;
            }
        }
        Value::Array(items) => {
            for item in items {
                map_texts(item, way, change);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                way.push(name);
                map_texts(value, way, change);
                way.pop();
            }
        }
        _ => {}
    }
}

/// A step from a value to one of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Name(String),
    Index(usize),
}

impl Key {
    /// `models.providers.acme.models[0].id`.
    fn path(keys: &[Self]) -> String {
        let mut path = String::new();
        for key in keys {
            let _ = match key {
                Self::Index(index) => write!(path, "[{index}]"),
                Self::Name(name) if !is_plain(name) => write!(path, "[\"{name}\"]"),
                Self::Name(name) if path.is_empty() => write!(path, "{name}"),
                Self::Name(name) => write!(path, ".{name}"),
            };
        }
        path
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-$".contains(c))
}

/// An upper bound of the bracket depth that needs no parser: brackets in strings and comments count too.
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
