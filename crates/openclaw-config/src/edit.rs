//! Editing a person's file: only what has to change does; comments, order and all other keys survive.
//!
//! Knows JSON5 and files, not what the keys mean. Each edit is made twice, in the text and in the value that the text
//! stands for, and the two are compared before anything is written.

mod list;

use std::path::{Path, PathBuf};

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstNewlineKind, CstObject, CstObjectProp, CstRootNode},
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::document::{Document, Roots};
use model_provider_host::{Error, Kind, Result, files};

/// A byte order mark.
const MARK: &str = "\u{feff}";

/// One file while it is edited.
pub(super) struct Edit {
    path: PathBuf,
    /// The mark before the text, which some editors of Windows want.
    mark: &'static str,
    text: CstRootNode,
    value: Value,
    /// The folders of included files, if any may be included. They are read and never written.
    roots: Option<Roots>,
}

/// The ending of the lock files of what OpenClaw writes too. It has a way of its own to lock `FILE`: as long as there is
/// a `FILE.lock`, it waits, and our lock files stay.
const SHARED_LOCK: &str = ".host-harness.lock";

/// What becomes of the text that was there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Backup {
    /// It stays beside the new one, as `<file>.bak`.
    Keep,
    /// It stays if this holds of its value: then it is not ours alone.
    KeepIf(fn(&Value) -> bool),
    /// It goes: it holds nothing but what was replaced, and that is secret.
    None,
}

/// Edits a file under a lock and replaces it in one step, if the edit changes anything; says whether it did. A file
/// that is not there is an empty object. Only the user may read what is written.
///
/// # Errors
/// The file is no JSON5, `change` fails, or the result cannot be written. Then nothing has changed.
pub(super) fn file(
    path: &Path,
    backup: Backup,
    change: impl FnOnce(&mut Edit) -> Result<()>,
) -> Result<bool> {
    file_with_includes(path, None, backup, change)
}

/// The same for a file that may include others, from folders that are allowed.
///
/// # Errors
/// As of [`file`], or a change would need one in an included file.
pub(super) fn file_with_includes(
    path: &Path,
    roots: Option<Roots>,
    backup: Backup,
    change: impl FnOnce(&mut Edit) -> Result<()>,
) -> Result<bool> {
    // Through a link, so that the link stays one.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _lock = match backup {
        // Of what discovery writes this program is the only writer.
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
        files::write_private(&with_ending(path, ".bak"), old.as_bytes())?;
    }
    files::write_private(path, new.as_bytes())?;
    Ok(true)
}

/// Makes an edit without writing it: whether [`file`] would get that far.
///
/// # Errors
/// The file is no JSON5, or `change` fails.
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
            Error::new(Kind::Configuration, message).with_hint(
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

    /// The value under several keys, one in the other; `null` counts as absent.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&Value> {
        let found = keys.iter().try_fold(&self.value, |value, key| value.get(key));
        found.filter(|value| !value.is_null())
    }

    /// The same with all that is included.
    pub(super) fn seen(&self, keys: &[&str]) -> Option<Value> {
        let Some(roots) = &self.roots else {
            return self.get(keys).cloned();
        };
        let whole = Document::of_value(&self.path, self.value.clone()).with_includes(roots);
        let whole = whole.ok()?;
        let found = keys.iter().try_fold(whole.value(), |value, key| value.get(key));
        found.filter(|value| !value.is_null()).cloned()
    }

    /// The spelling of a key of the object under `keys` for which `is_meant` holds; the first.
    pub(super) fn key(&self, keys: &[&str], is_meant: impl Fn(&str) -> bool) -> Option<String> {
        let object = self.seen(keys)?;
        object.as_object()?.keys().find(|key| is_meant(key)).cloned()
    }

    /// Refuses to go on if something else than this stands under several keys, all that is included counted in.
    ///
    /// # Errors
    /// An included file keeps the change from having its effect.
    pub(super) fn check(&self, keys: &[&str], wanted: &Value) -> Result<()> {
        self.check_effect(keys, Some(wanted))
    }

    /// Refuses a change that an included file keeps from having its effect.
    fn check_effect(&self, keys: &[&str], wanted: Option<&Value>) -> Result<()> {
        if self.roots.is_none() || self.seen(keys).as_ref() == wanted {
            return Ok(());
        }
        Err(self.stands_elsewhere(keys))
    }

    /// Why what is under several keys cannot be written.
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
            "`{}` stands in {file}, and included files are not written",
            keys.join(".")
        );
        Error::new(Kind::Configuration, message)
            .with_hint(format!("make the change in {file}; nothing was changed"))
    }

    /// Puts a value under several keys, one in the other; objects that are missing on the way are made.
    ///
    /// # Errors
    /// What is on the way is no object.
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
            .ok_or_else(|| self.fault(&[], "the file"))?;
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
                return Err(self.fault(keys, &format!("`{key}`")));
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

    /// Takes some items out of the list under several keys and puts others at its end; a list that is missing is made.
    /// What stays is what was written, comments included.
    ///
    /// # Errors
    /// What is there is no list, or what is on the way no object.
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
            // The list itself may be what another file says.
            if self.roots.is_some() && self.seen(keys).is_some_and(|seen| seen.is_array()) {
                return self.stands_elsewhere(keys);
            }
            let message = format!("{}: `{}` is no list", self.path.display(), keys.join("."));
            Error::new(Kind::Configuration, message).with_hint("correct the file; nothing was changed")
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

    /// Takes a key out, if it is there.
    ///
    /// # Errors
    /// It stands in an included file.
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

    /// Where a key stands in the text.
    fn place(&self, keys: &[&str]) -> Option<CstObjectProp> {
        let (last, way) = keys.split_last()?;
        let object = way.iter().try_fold(self.text.object_value(), |object, key| {
            Some(member(&object?, key)?.object_value())
        });
        member(&object??, last)
    }

    /// The edited text, after a last look at whether it says what it should and nothing else.
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
        Err(Error::new(Kind::Configuration, message).with_hint(
            "a key that stands there twice is the usual reason; leave one, or make the change by hand",
        ))
    }

    fn fault(&self, keys: &[&str], what: &str) -> Error {
        let message = format!(
            "{}: {what} is no object in braces, so that `{}` cannot be set",
            self.path.display(),
            keys.join(".")
        );
        Error::new(Kind::Configuration, message).with_hint("correct the file; nothing was changed")
    }
}

/// A member of an object in the text; of several of the same name the last, which is the one that counts.
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
