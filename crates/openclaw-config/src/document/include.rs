//! `$include`: files whose content replaces an object. Knows how they are found and merged, not what they mean;
//! never writes one.
//!
//! The rules are OpenClaw's. Paths are relative to the including file and stay within allowed folders. In a list of
//! files, a later one overrides an earlier one. Keys beside `$include` override included ones. Objects are merged,
//! lists are concatenated.

use std::{
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{Document, Key, place};
use model_provider_host::{Error, ErrorKind, Result};

/// The key that names the files.
pub(crate) const INCLUDE: &str = "$include";
/// The limit of include nesting.
const DEEPEST: usize = 10;
/// The largest included file.
const LARGEST: u64 = 2 * 1024 * 1024;

/// The folders that may hold included files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots(Vec<PathBuf>);

impl Roots {
    /// The configuration's folder, and additional ones.
    pub(crate) fn new(file: &Path, others: impl IntoIterator<Item = PathBuf>) -> Self {
        let folder = normal(&absolute(file));
        let folder = folder.parent().map(Path::to_owned).unwrap_or_default();
        let others = others.into_iter().filter(|path| path.is_absolute());
        Self(
            std::iter::once(folder)
                .chain(others.map(|path| normal(&path)))
                .collect(),
        )
    }

    /// Whether a path is within one of the folders, both as written and with links resolved.
    fn allow(&self, path: &Path) -> bool {
        let is_within = |path: &Path, real: bool| {
            self.0.iter().any(|root| {
                let real_root = if real {
                    std::fs::canonicalize(root).ok()
                } else {
                    None
                };
                path.starts_with(real_root.as_deref().unwrap_or(root))
            })
        };
        is_within(path, false) && std::fs::canonicalize(path).map_or(true, |path| is_within(&path, true))
    }
}

/// One included file.
#[derive(Clone)]
pub(super) struct Included {
    pub(super) path: PathBuf,
    text: String,
    /// The path of its content in the merged document.
    at: Vec<Key>,
}

impl Included {
    /// The line and column of a value of the merged document, if this file holds it.
    pub(super) fn place(&self, keys: &[Key]) -> Option<(usize, usize)> {
        let rest = keys.strip_prefix(self.at.as_slice())?;
        place::find(&self.text, rest)
    }
}

/// Whether the document includes anything.
pub(super) fn is_any(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key(INCLUDE) || members.values().any(is_any),
        Value::Array(items) => items.iter().any(is_any),
        _ => false,
    }
}

/// The merged document and its files, highest precedence first.
pub(super) fn resolve(document: &Document, roots: &Roots) -> Result<(Value, Vec<Included>)> {
    let mut files = Vec::new();
    let start = File {
        document,
        path: normal(&absolute(&document.path)),
        at: Vec::new(),
        chain: &[],
    };
    let value = start.process(&document.own, &mut Vec::new(), roots, &mut files)?;
    Ok((value, files))
}

/// A file whose includes are being resolved.
struct File<'d> {
    document: &'d Document,
    path: PathBuf,
    at: Vec<Key>,
    /// The chain of including files.
    chain: &'d [PathBuf],
}

impl File<'_> {
    fn process(
        &self,
        value: &Value,
        way: &mut Vec<Key>,
        roots: &Roots,
        files: &mut Vec<Included>,
    ) -> Result<Value> {
        match value {
            Value::Array(items) => {
                let mut processed = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    way.push(Key::Index(index));
                    processed.push(self.process(item, way, roots, files)?);
                    way.pop();
                }
                Ok(Value::Array(processed))
            }
            Value::Object(members) => {
                let mut own = Map::new();
                for (name, value) in members.iter().filter(|(name, _)| *name != INCLUDE) {
                    way.push(Key::Name(name.clone()));
                    own.insert(name.clone(), self.process(value, way, roots, files)?);
                    way.pop();
                }
                let Some(names) = members.get(INCLUDE) else {
                    return Ok(Value::Object(own));
                };
                let included = self.included(names, way, roots, files)?;
                if own.is_empty() {
                    return Ok(included);
                }
                if !included.is_object() {
                    let what = "has other keys beside it, but what it includes is not an object";
                    return Err(self.invalid(way, what));
                }
                Ok(merge(included, Value::Object(own)))
            }
            other => Ok(other.clone()),
        }
    }

    fn included(
        &self,
        names: &Value,
        way: &[Key],
        roots: &Roots,
        files: &mut Vec<Included>,
    ) -> Result<Value> {
        let wrong = || self.invalid(way, "names no file: write a path in quotes, or a list of them");
        match names {
            Value::String(name) => self.load(name, way, roots, files),
            Value::Array(list) => {
                // A later file has precedence, so it is searched first.
                let mut loaded = Vec::with_capacity(list.len());
                for name in list.iter().rev() {
                    loaded.push(self.load(name.as_str().ok_or_else(wrong)?, way, roots, files)?);
                }
                Ok(loaded.into_iter().rev().fold(Value::Object(Map::new()), merge))
            }
            _ => Err(wrong()),
        }
    }

    fn load(&self, name: &str, way: &[Key], roots: &Roots, files: &mut Vec<Included>) -> Result<Value> {
        let invalid = |what: &str| self.invalid(way, &format!("names \"{name}\", which {what}"));
        if name.contains('\0') || name.len() >= 4096 {
            return Err(self.invalid(way, "names no path"));
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let path = normal(&folder.join(name));
        if !roots.allow(&path) {
            let what = "is outside the folder of the configuration";
            return Err(
                invalid(what).with_hint("move it there, or name its folder in OPENCLAW_INCLUDE_ROOTS")
            );
        }
        if path == self.path || self.chain.contains(&path) {
            return Err(invalid("includes this file again"));
        }
        if self.chain.len() >= DEEPEST {
            return Err(invalid(&format!("is included more than {DEEPEST} levels deep")));
        }
        let text = read(&path).map_err(|why| invalid(&why))?;
        let document = Document::parse_any(&path, text)?;
        let mut at = self.at.clone();
        at.extend_from_slice(way);
        files.push(Included {
            path: path.clone(),
            text: document.text.clone(),
            at: at.clone(),
        });
        let mut chain = self.chain.to_vec();
        chain.push(self.path.clone());
        let file = File {
            document: &document,
            path,
            at,
            chain: &chain,
        };
        file.process(&document.own, &mut Vec::new(), roots, files)
    }

    fn invalid(&self, way: &[Key], what: &str) -> Error {
        let mut keys = way.to_vec();
        keys.push(Key::Name(INCLUDE.to_owned()));
        let place = self.document.where_is(&keys);
        Error::new(
            ErrorKind::Configuration,
            format!("{place}: `{}` {what}", Key::path(&keys)),
        )
        .with_hint("correct the path; it is relative to the file that names it")
    }
}

/// Reads a regular file within the size limit; else says why it cannot be read.
fn read(path: &Path) -> Result<String, String> {
    let open = || -> std::io::Result<Option<String>> {
        let meta = std::fs::metadata(path)?;
        if !meta.is_file() {
            return Ok(None);
        }
        let mut text = String::new();
        let mut file = std::fs::File::open(path)?.take(LARGEST + 1);
        file.read_to_string(&mut text)?;
        Ok(Some(text))
    };
    match open() {
        Ok(Some(text)) if text.len() as u64 > LARGEST => Err("is larger than 2 MiB".to_owned()),
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err("is not a regular file".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("is not there ({})", path.display()))
        }
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

/// Merges member by member for objects, concatenates lists; for anything else the second value wins.
fn merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Array(mut base), Value::Array(over)) => {
            base.extend(over);
            Value::Array(base)
        }
        (Value::Object(mut base), Value::Object(over)) => {
            for (name, value) in over {
                let merged = match base.get_mut(&name) {
                    Some(old) => merge(old.take(), value),
                    None => value,
                };
                base.insert(name, merged);
            }
            Value::Object(base)
        }
        (_, over) => over,
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A path without `.` and `..`; links are not resolved.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
