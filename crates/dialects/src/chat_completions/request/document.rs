//! A JSON document by its text: checked once, then read value by value where it stands.
//!
//! No tree is built: what a value takes is its own text, and what is not looked into is never taken apart. A body of
//! thirty megabytes may be an array of fifteen million zeros. Knows nothing of requests.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::HashSet,
    fmt,
};

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::escapes::{behind_text, unescaped};

/// Values within values.
const DEEPEST: usize = 128;
/// Members and elements that are looked at: so many in any document, and one more for so many of its bytes. Each costs
/// up to 250 bytes of memory, so that all together cost no more than about the document itself.
const PARTS: usize = 8 * 1024;
const BYTES_A_PART: usize = 256;

/// Why a document, or a part of it, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not JSON.
    Syntax(String),
    /// Too many values within each other.
    Deep,
    /// Too many members and elements.
    Many(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => write!(f, "it is not JSON: {what}"),
            Self::Deep => write!(f, "it nests deeper than {DEEPEST} values"),
            Self::Many(most) => write!(
                f,
                "it is of more than {most} members and elements, too many for its size"
            ),
        }
    }
}

/// How many members and elements of one document may still be looked at, and the first fault that was met. What is read
/// after it is incomplete, so whoever reads a document asks for it in the end.
#[derive(Debug)]
pub(super) struct Allowance {
    most: usize,
    left: Cell<usize>,
    fault: RefCell<Option<Fault>>,
}

impl Allowance {
    fn of(document: &str) -> Self {
        let most = PARTS + document.len() / BYTES_A_PART;
        Self {
            most,
            left: Cell::new(most),
            fault: RefCell::new(None),
        }
    }

    fn take(&self) -> Result<(), Fault> {
        let left = self.left.get().checked_sub(1).ok_or(Fault::Many(self.most))?;
        self.left.set(left);
        Ok(())
    }

    fn note(&self, fault: Fault) {
        self.fault.borrow_mut().get_or_insert(fault);
    }

    /// What went wrong first.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }
}

/// A document that is known to be one JSON value.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) root: Raw<'a>,
    pub(super) allowance: Allowance,
}

/// The text of one value in a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a>(&'a RawValue);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Null,
    Flag,
    Number,
    Text,
    List,
    Object,
}

impl<'a> Document<'a> {
    /// Checks a whole text. A byte order mark before it is none of its.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| Fault::Syntax(error.to_string()))?;
        if nests_too_deep(bytes) {
            return Err(Fault::Deep);
        }
        let root = serde_json::from_str(text).map_err(|error| Fault::Syntax(error.to_string()))?;
        Ok(Self {
            root: Raw(root),
            allowance: Allowance::of(text),
        })
    }
}

/// Before the text is known to be JSON, so that no reader of it has to go deep.
fn nests_too_deep(text: &[u8]) -> bool {
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'[' | b']' | b'{' | b'}');
    let (mut depth, mut rest) = (0_usize, text);
    while let Some(at) = rest.iter().position(is_mark) {
        let byte = rest[at];
        rest = &rest[at + 1..];
        match byte {
            b'"' => rest = behind_text(rest),
            b'[' | b'{' if depth == DEEPEST => return true,
            b'[' | b'{' => depth += 1,
            _ => depth = depth.saturating_sub(1),
        }
    }
    false
}

impl<'a> Raw<'a> {
    /// The value as it was written.
    fn get(self) -> &'a str {
        self.0.get()
    }

    pub(super) fn shape(self) -> Shape {
        match self.get().as_bytes().first() {
            Some(b'{') => Shape::Object,
            Some(b'[') => Shape::List,
            Some(b'"') => Shape::Text,
            Some(b't' | b'f') => Shape::Flag,
            Some(b'n') => Shape::Null,
            _ => Shape::Number,
        }
    }

    /// The text that it is; `None` if it is none, or not of Unicode's characters.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.get().strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            unescaped(inner).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// A number or a flag.
    pub(super) fn plain<T: serde::Deserialize<'a>>(self) -> Option<T> {
        serde_json::from_str(self.get()).ok()
    }

    /// Whether there is nothing between its brackets or quotes.
    pub(super) fn is_blank(self) -> bool {
        let text = self.get();
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        match self.shape() {
            Shape::Text => inner.is_empty(),
            Shape::List | Shape::Object => inner.trim().is_empty(),
            Shape::Null | Shape::Flag | Shape::Number => false,
        }
    }

    /// The elements of a list; none if it is no list.
    pub(super) fn items(self, allowance: &Allowance) -> Vec<Self> {
        let mut found = Found::new(allowance);
        if self.shape() == Shape::List {
            let read = serde_json::Deserializer::from_str(self.get()).deserialize_seq(Items(&mut found));
            found.check(read);
        }
        found.values
    }

    /// The members of an object in their order; of those of one name the last counts. None if it is no object.
    pub(super) fn members(self, allowance: &Allowance) -> Vec<(Cow<'a, str>, Self)> {
        let mut found = Found::new(allowance);
        if self.shape() == Shape::Object {
            let read = serde_json::Deserializer::from_str(self.get()).deserialize_map(Members(&mut found));
            found.check(read);
        }
        let mut members: Vec<(Cow<'a, str>, Self)> = found.values;
        let mut known = HashSet::with_capacity(members.len());
        let names = members.iter().rev();
        let is_last: Vec<bool> = names.map(|(name, _)| known.insert(&**name)).collect();
        if known.len() < members.len() {
            let mut is_last = is_last.into_iter().rev();
            members.retain(|_| is_last.next().unwrap_or(true));
        }
        members
    }

    /// The value as compact JSON: without blanks, every character that can stand for itself doing so, numbers as they were
    /// written. So a text is found in it however it was escaped.
    pub(super) fn compact(self, allowance: &Allowance) -> String {
        let compact = compact(self.get()).and_then(|bytes| String::from_utf8(bytes).ok());
        compact.unwrap_or_else(|| {
            allowance.note(Fault::Syntax("a text in it is not Unicode".to_owned()));
            String::new()
        })
    }
}

fn compact(mut rest: &str) -> Option<Vec<u8>> {
    // It can only become shorter.
    let mut out = Vec::with_capacity(rest.len());
    while let Some(at) = rest.find(['"', ' ', '\t', '\r', '\n']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        if !rest.starts_with('"') {
            rest = &rest[1..];
            continue;
        }
        let behind = behind_text(&rest.as_bytes()[1..]).len();
        let (quoted, after) = rest.split_at(rest.len() - behind);
        rest = after;
        match quoted.contains('\\') {
            true => serde_json::to_writer(&mut out, &unescaped(&quoted[1..quoted.len() - 1])?).ok()?,
            false => out.extend_from_slice(quoted.as_bytes()),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}

/// What has been found of a list or an object.
struct Found<'r, T> {
    allowance: &'r Allowance,
    values: Vec<T>,
}

impl<'r, T> Found<'r, T> {
    fn new(allowance: &'r Allowance) -> Self {
        Self {
            allowance,
            values: Vec::new(),
        }
    }

    fn add<E: serde::de::Error>(&mut self, value: T) -> Result<(), E> {
        if let Err(fault) = self.allowance.take() {
            self.allowance.note(fault);
            return Err(E::custom("too many"));
        }
        self.values.push(value);
        Ok(())
    }

    fn check(&self, read: serde_json::Result<()>) {
        if let Err(error) = read {
            self.allowance.note(Fault::Syntax(error.to_string()));
        }
    }
}

struct Items<'f, 'r, T>(&'f mut Found<'r, T>);

impl<'de> Visitor<'de> for Items<'_, '_, Raw<'de>> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            self.0.add(Raw(item))?;
        }
        Ok(())
    }
}

struct Members<'f, 'r, T>(&'f mut Found<'r, T>);

impl<'de> Visitor<'de> for Members<'_, '_, (Cow<'de, str>, Raw<'de>)> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = members.next_key()? {
            let value: &'de RawValue = members.next_value()?;
            self.0.add((name, Raw(value)))?;
        }
        Ok(())
    }
}

/// A member's name, copied only if it is written with escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document<'_> {
        Document::new(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn members_stand_in_their_order_and_of_one_name_the_last_counts() {
        let document = document(r#" {"a":1,"b":[ ],"\u0061":{"x":2}} "#);
        let members = document.root.members(&document.allowance);
        let shown: Vec<(&str, &str)> = members
            .iter()
            .map(|(name, value)| (&**name, value.get()))
            .collect();
        assert_eq!(shown, [("b", "[ ]"), ("a", r#"{"x":2}"#)]);
        assert!(members[0].1.is_blank() && !members[1].1.is_blank());
    }

    #[test]
    fn what_is_passed_on_keeps_its_digits_and_hides_nothing_behind_escapes() {
        let text = r#"{ "n" : 1.000000000000000000001e-9, "\u0068f":["a b\/\n\u00e9", -0 ] }"#;
        let whole = document(text);
        let compact = whole.root.compact(&whole.allowance);
        assert_eq!(
            compact,
            "{\"n\":1.000000000000000000001e-9,\"hf\":[\"a b/\\n\u{e9}\",-0]}"
        );
        assert_eq!(whole.allowance.fault(), None);
        let half = document(r#"{"a":"\ud800"}"#);
        half.root.compact(&half.allowance);
        assert!(matches!(half.allowance.fault(), Some(Fault::Syntax(_))));
    }

    #[test]
    fn what_is_no_json_or_nests_too_deep_is_refused_before_anything_is_read() {
        for wrong in ["", "{", r#"{"a":}"#, "[1] 2", r#""\x""#, r#"{"a":"\"#] {
            let read = Document::new(wrong.as_bytes());
            assert!(matches!(read, Err(Fault::Syntax(_))), "{wrong}");
        }
        assert!(matches!(Document::new(b"\"\xff\""), Err(Fault::Syntax(_))));
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Document::new(nested(DEEPEST).as_bytes()).is_ok());
        assert_eq!(
            Document::new(nested(DEEPEST + 1).as_bytes()).err(),
            Some(Fault::Deep)
        );
        let quoted = format!(r#"["{}\"{}"]"#, "[".repeat(500), "[".repeat(500));
        assert!(
            Document::new(quoted.as_bytes()).is_ok(),
            "brackets in a text are text"
        );
    }

    #[test]
    fn only_so_many_members_and_elements_are_looked_at() {
        for (items, fits) in [(PARTS, true), (2 * PARTS, false)] {
            let text = format!("[{}]", vec!["0"; items].join(","));
            let document = document(&text);
            let read = document.root.items(&document.allowance);
            assert_eq!(read.len() == items, fits, "{items}");
            let fault = document.allowance.fault();
            assert_eq!(matches!(fault, Some(Fault::Many(most)) if most >= PARTS), !fits);
        }
    }
}
