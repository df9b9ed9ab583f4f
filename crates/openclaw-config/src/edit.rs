//! Editing of a user's JSON5 file: comments, order and all other keys survive.
//!
//! Does not know the meaning of any key. Each edit is applied twice, to the text and to the parsed value; the two
//! are compared before anything is written.

mod list;

use std::path::{Path, PathBuf};

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstNewlineKind, CstObject, CstObjectProp, CstRootNode},
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::document::{Document, Roots};
use model_provider_host::{Error, ErrorKind, Result, files};

/// A byte order mark.
const MARK: &str = "\u{feff}";

/// One file that is being edited.
pub(super) struct Edit {
    path: PathBuf,
    /// The byte order mark before the text, which some Windows editors need.
    mark: &'static str,
    text: CstRootNode,
    value: Value,
    /// The folders of included files, if includes are allowed. Included files are read and never written.
    roots: Option<Roots>,
}

/// The suffix of the lock files for files that OpenClaw writes too. OpenClaw locks `FILE` with `FILE.lock` and
/// waits as long as that exists, and our lock files are not removed.
const SHARED_LOCK: &str = ".host-harness.lock";

/// What happens to the previous content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Backup {
    /// It is saved beside the new one, as `<file>.bak`.
    Keep,
    /// It is saved if this holds of its value: then users have written in it too.
    KeepIf(fn(&Value) -> bool),
    /// It is deleted: it held only the replaced value, which is secret.
    None,
}

/// Edits a file under a lock and replaces it atomically if the edit changes anything; returns whether it did. A
/// missing file counts as an empty object. The result is readable by the user only.
///
/// # Errors
/// The file is not valid JSON5, `change` fails, or the result cannot be written. Then nothing has changed.
pub(super) fn file(
    path: &Path,
    backup: Backup,
    change: impl FnOnce(&mut Edit) -> Result<()>,
) -> Result<bool> {
    file_with_includes(path, None, backup, change)
}

/// Like [`file`], for a file that may include files from allowed folders.
///
/// # Errors
/// As of [`file`], or the change would have to be made in an included file.
pub(super) fn file_with_includes(
    path: &Path,
    roots: Option<Roots>,
    backup: Backup,
    change: impl FnOnce(&mut Edit) -> Result<()>,
) -> Result<bool> {
    // Through a link, so that the link is preserved.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _lock = match backup {
        // This program is the only writer of what discovery writes.
        Backup::KeepIf(_) => files::lock(path)?,
        Backup::Keep | Backup::None => files::lock_as(path, SHARED_LOCK)?,
    };
    let document = Document::read(path)?;
    let old = document.as_ref().map_or("", Document::text);
    let mut edit = Edit::new(path, old, roots)?;
    change(&mut edit)?;
    let new = edit.finish()?;
    if document.is_some() && *new == old {
        return Ok(false);
    }
    let is_kept = document.as_ref().is_some_and(|document| match backup {
        Backup::Keep => true,
        Backup::KeepIf(holds) => holds(document.own()),
        Backup::None => false,
    });
    if is_kept {
        files::write_private(with_ending(path, ".bak"), old.as_bytes())?;
    }
    files::write_private(path, new.as_bytes())?;
    Ok(true)
}

/// Applies an edit without writing it: whether [`file`] would succeed up to that point.
///
/// # Errors
/// The file is not valid JSON5, or `change` fails.
pub(super) fn try_out(path: &Path, change: impl FnOnce(&mut Edit) -> Result<()>) -> Result<()> {
    let document = Document::read(path)?;
    let mut edit = Edit::new(path, document.as_ref().map_or("", Document::text), None)?;
    change(&mut edit)?;
    edit.finish().map(drop)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

impl Edit {
    fn new(path: &Path, text: &str, roots: Option<Roots>) -> Result<Self> {
        let value = Document::parse(path, text.to_owned())?.own().clone();
        let blank = text
            .trim_matches(|c: char| c.is_whitespace() || MARK.contains(c))
            .is_empty();
        let (mark, text) = match text.strip_prefix(MARK) {
            _ if blank => ("", "{}\n"),
            Some(text) => (MARK, text),
            None => ("", text),
        };
        let text = CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| {
            let message = format!("{} cannot be edited: {error}", path.display());
            Error::new(ErrorKind::Configuration, message).with_hint(
                "the file is good, but uses a form of JSON5 that cannot be edited here; write that place as plain \
                 JSON, or make the change by hand",
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            mark,
            text,
            value,
            roots,
        })
    }

    /// The value at a path of keys; `null` counts as absent.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&Value> {
        let found = keys.iter().try_fold(&self.value, |value, key| value.get(key));
        found.filter(|value| !value.is_null())
    }

    /// The same in the merged document, includes resolved.
    pub(super) fn seen(&self, keys: &[&str]) -> Option<Value> {
        let Some(roots) = &self.roots else {
            return self.get(keys).cloned();
        };
        let whole = Document::of_value(&self.path, self.value.clone()).with_includes(roots);
        let whole = whole.ok()?;
        let found = keys.iter().try_fold(whole.value(), |value, key| value.get(key));
        found.filter(|value| !value.is_null()).cloned()
    }

    /// The spelling of the first key of the object under `keys` that satisfies `is_meant`.
    pub(super) fn key(&self, keys: &[&str], is_meant: impl Fn(&str) -> bool) -> Option<String> {
        let object = self.seen(keys)?;
        object.as_object()?.keys().find(|key| is_meant(key)).cloned()
    }

    /// Verifies that the merged document has this value at the path.
    ///
    /// # Errors
    /// An included file overrides the change.
    pub(super) fn check(&self, keys: &[&str], wanted: &Value) -> Result<()> {
        self.check_effect(keys, Some(wanted))
    }

    /// Refuses a change that an included file overrides.
    fn check_effect(&self, keys: &[&str], wanted: Option<&Value>) -> Result<()> {
        if self.roots.is_none() || self.seen(keys).as_ref() == wanted {
            return Ok(());
        }
        Err(self.stands_elsewhere(keys))
    }

    /// Why the value at a path cannot be written.
    fn stands_elsewhere(&self, keys: &[&str]) -> Error {
        let whole = self.roots.as_ref().and_then(|roots| {
            let whole = Document::of_value(&self.path, self.value.clone());
            whole.with_includes(roots).ok()
        });
        let file = whole.as_ref().and_then(|whole| whole.included_at(keys));
        let file = file.map_or_else(
            || "an included file".to_owned(),
            |file| file.display().to_string(),
        );
        let message = format!(
            "`{}` is defined in {file}, and included files are not written",
            keys.join(".")
        );
        Error::new(ErrorKind::Configuration, message)
            .with_hint(format!("make the change in {file}; nothing was changed"))
    }

    /// Sets the value at a path of keys; creates missing objects on the way.
    ///
    /// # Errors
    /// A value on the way is not an object.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers make the value for this call"
    )]
    pub(super) fn set(&mut self, keys: &[&str], value: Value) -> Result<()> {
        let Some((last, way)) = keys.split_last() else {
            return Ok(());
        };
        if self.seen(keys).as_ref() == Some(&value) {
            return Ok(());
        }
        let mut object = self
            .text
            .object_value()
            .ok_or_else(|| self.invalid(&[], "the file"))?;
        let mut map = self.value.as_object_mut();
        for (depth, key) in way.iter().enumerate() {
            let inner = match member(&object, key) {
                None => object
                    .append(key, CstInputValue::Object(Vec::new()))
                    .object_value(),
                Some(member)
                    if member
                        .value()
                        .is_some_and(|value| value.as_null_keyword().is_some()) =>
                {
                    Some(member.object_value_or_set())
                }
                Some(member) => member.object_value(),
            };
            let inner_map = map.and_then(|map| {
                let entry = map.entry(*key).or_insert(Value::Null);
                if entry.is_null() {
                    *entry = Value::Object(Map::new());
                }
                entry.as_object_mut()
            });
            let (Some(inner), Some(inner_map)) = (inner, inner_map) else {
                let key = keys.get(..=depth).unwrap_or(keys).join(".");
                return Err(self.invalid(keys, &format!("`{key}`")));
            };
            (object, map) = (inner, Some(inner_map));
        }
        match member(&object, last) {
            Some(member) => member.set_value(input(&value)),
            None => {
                object.append(last, input(&value));
            }
        }
        if let Some(map) = map {
            map.insert((*last).to_owned(), value.clone());
        }
        self.check_effect(keys, Some(&value))
    }

    /// Removes some items of the list at a path and appends others; creates a missing list. The remaining items
    /// stay as written, comments included.
    ///
    /// # Errors
    /// The value is not a list, or a value on the way is not an object.
    pub(super) fn renew(
        &mut self,
        keys: &[&str],
        is_stale: impl Fn(&Value) -> bool,
        new: &[Value],
    ) -> Result<()> {
        if self.get(keys).is_none() {
            self.set(keys, Value::Array(Vec::new()))?;
        }
        let no_list = || {
            // The list may be defined in an included file.
            if self.roots.is_some() && self.seen(keys).is_some_and(|seen| seen.is_array()) {
                return self.stands_elsewhere(keys);
            }
            let message = format!("{}: `{}` is not a list", self.path.display(), keys.join("."));
            Error::new(ErrorKind::Configuration, message).with_hint("correct the file; nothing was changed")
        };
        let old = self.get(keys).and_then(Value::as_array).ok_or_else(no_list)?;
        let stale: Vec<bool> = old.iter().map(is_stale).collect();
        let stay = old.iter().zip(&stale).filter(|(_, is_stale)| !**is_stale);
        let all: Vec<Value> = stay.map(|(item, _)| item).chain(new).cloned().collect();
        if *old == all {
            return Ok(());
        }
        let place = self.place(keys).ok_or_else(no_list)?;
        let layout = list::Layout {
            indent: place.indent_text().unwrap_or_default(),
            step: self.text.single_indent_text().unwrap_or_else(|| "  ".to_owned()),
            line_end: match self.text.newline_kind() {
                CstNewlineKind::CarriageReturnLineFeed => "\r\n",
                CstNewlineKind::CarriageReturn => "\r",
                CstNewlineKind::LineFeed => "\n",
            },
        };
        let list = place.array_value().ok_or_else(no_list)?;
        let mut text = self.text.to_string();
        let start = list::offset(&list.clone().into());
        text.replace_range(
            start..start + list.to_string().len(),
            &list::renewed(&list, &layout, &stale, new),
        );
        self.text = CstRootNode::parse(&text, &ParseOptions::default()).map_err(|_| no_list())?;
        let place = keys
            .iter()
            .try_fold(&mut self.value, |value, key| value.get_mut(*key));
        if let Some(place) = place {
            *place = all.into();
        }
        Ok(())
    }

    /// Removes a key, if it exists.
    ///
    /// # Errors
    /// It is defined in an included file.
    pub(super) fn remove(&mut self, keys: &[&str]) -> Result<()> {
        let Some((last, way)) = keys.split_last() else {
            return Ok(());
        };
        if let Some(member) = self.place(keys) {
            member.remove();
        }
        let map = way
            .iter()
            .try_fold(&mut self.value, |value, key| value.get_mut(*key));
        if let Some(map) = map.and_then(Value::as_object_mut) {
            map.shift_remove(*last);
        }
        self.check_effect(keys, None)
    }

    /// The position of a key in the text.
    fn place(&self, keys: &[&str]) -> Option<CstObjectProp> {
        let (last, way) = keys.split_last()?;
        let object = way.iter().try_fold(self.text.object_value(), |object, key| {
            Some(member(&object?, key)?.object_value())
        });
        member(&object??, last)
    }

    /// The edited text, after a check that it parses to the expected value.
    fn finish(self) -> Result<Zeroizing<String>> {
        let text = Zeroizing::new(format!("{}{}", self.mark, self.text));
        let says = Document::parse(&self.path, text.to_string());
        if says.is_ok_and(|document| *document.own() == self.value) {
            return Ok(text);
        }
        let message = format!(
            "{} cannot be edited safely; nothing was changed",
            self.path.display()
        );
        Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("a duplicate key is the usual reason; leave one, or make the change by hand"))
    }

    fn invalid(&self, keys: &[&str], what: &str) -> Error {
        let message = format!(
            "{}: {what} is not an object in braces, so that `{}` cannot be set",
            self.path.display(),
            keys.join(".")
        );
        Error::new(ErrorKind::Configuration, message).with_hint("correct the file; nothing was changed")
    }
}

/// A member of an object in the text. Of duplicate keys the last one wins.
fn member(object: &CstObject, name: &str) -> Option<CstObjectProp> {
    let mut members = object.properties().into_iter().rev();
    members.find(|member| member.decoded_name().as_deref() == Some(name))
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(members) => CstInputValue::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), input(value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests;
