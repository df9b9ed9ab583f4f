//! Editing a person's file: only what has to change does; comments, order and all other keys survive.
//!
//! Knows JSON5 and files, not what the keys mean. Each edit is made twice, in the text and in the value that the text
//! stands for, and the two are compared before anything is written.

use std::path::{Path, PathBuf};

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode},
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::tree::Document;
use crate::{
    error::{Error, Kind, Result},
    files,
};

/// One file while it is edited.
pub(super) struct Edit {
    path: PathBuf,
    text: CstRootNode,
    value: Value,
}

/// What becomes of the text that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backup {
    /// It stays beside the new one, as `<file>.bak`.
    Keep,
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
    // Through a link, so that the link stays one.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _lock = files::lock(path)?;
    let document = Document::read(path)?;
    let old = document.as_ref().map_or("", Document::text);
    let mut edit = Edit::new(path, old)?;
    change(&mut edit)?;
    let new = edit.finish()?;
    if document.is_some() && *new == old {
        return Ok(false);
    }
    if backup == Backup::Keep && document.is_some() {
        files::write_private(&with_ending(path, ".bak"), old.as_bytes())?;
    }
    files::write_private(path, new.as_bytes())?;
    Ok(true)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

impl Edit {
    fn new(path: &Path, text: &str) -> Result<Self> {
        let value = Document::parse(path, text.to_owned())?.value().clone();
        let blank = text
            .trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
            .is_empty();
        let text = if blank { "{}\n" } else { text };
        let text = CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| {
            let message = format!("{} cannot be edited: {error}", path.display());
            Error::new(Kind::Configuration, message).with_hint(
                "the file is good, but uses a form of JSON5 that cannot be edited here; write that place as plain \
                 JSON, or make the change by hand",
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            text,
            value,
        })
    }

    /// The value under several keys, one in the other; `null` counts as absent.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&Value> {
        let found = keys.iter().try_fold(&self.value, |value, key| value.get(key));
        found.filter(|value| !value.is_null())
    }

    /// The spelling of a key of the object under `keys` for which `is_meant` holds; the first.
    pub(super) fn key(&self, keys: &[&str], is_meant: impl Fn(&str) -> bool) -> Option<String> {
        let object = self.get(keys)?.as_object()?;
        object.keys().find(|key| is_meant(key)).cloned()
    }

    /// Puts a value under several keys, one in the other; objects that are missing on the way are made.
    ///
    /// # Errors
    /// What is on the way is no object.
    pub(super) fn set(&mut self, keys: &[&str], value: Value) -> Result<()> {
        let Some((last, way)) = keys.split_last() else {
            return Ok(());
        };
        if self.get(keys) == Some(&value) {
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
            map.insert((*last).to_owned(), value);
        }
        Ok(())
    }

    /// Takes a key out, if it is there.
    pub(super) fn remove(&mut self, keys: &[&str]) {
        let Some((last, way)) = keys.split_last() else {
            return;
        };
        let object = way.iter().try_fold(self.text.object_value(), |object, key| {
            Some(member(&object?, key)?.object_value())
        });
        if let Some(member) = object.flatten().and_then(|object| member(&object, last)) {
            member.remove();
        }
        let map = way
            .iter()
            .try_fold(&mut self.value, |value, key| value.get_mut(*key));
        if let Some(map) = map.and_then(Value::as_object_mut) {
            map.shift_remove(*last);
        }
    }

    /// The edited text, after a last look at whether it says what it should and nothing else.
    fn finish(self) -> Result<Zeroizing<String>> {
        let text = Zeroizing::new(self.text.to_string());
        let says = Document::parse(&self.path, text.to_string());
        if says.is_ok_and(|document| *document.value() == self.value) {
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
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn edited(text: &str, change: impl FnOnce(&mut Edit) -> Result<()>) -> Result<String> {
        let mut edit = Edit::new(Path::new("c.json5"), text)?;
        change(&mut edit)?;
        Ok(edit.finish()?.to_string())
    }

    #[test]
    fn only_what_has_to_change_does() {
        let text = "// mine\n{\n  b: 'x', /* why */\n  'a': { n: .5, h: 0xFF, i: +Infinity }, // end\n  l: ['q\\\n',],\n}\n";
        let new = edited(text, |edit| {
            edit.set(&["a", "x y"], json!({"on": true}))?;
            edit.set(&["b"], json!("z"))
        })
        .unwrap();
        for kept in [
            "// mine\n",
            "/* why */",
            "n: .5, h: 0xFF, i: +Infinity",
            "// end",
            "l: ['q\\\n',],",
        ] {
            let kept = kept.replace(", ", ",");
            assert!(
                new.replace(", ", ",").replace("\n    ", "").contains(&kept) || new.contains(&kept),
                "{kept}: {new}"
            );
        }
        assert!(new.find("b:").unwrap() < new.find("'a'").unwrap(), "{new}");
        let value: Value = json5::from_str(&new).unwrap();
        assert_eq!(
            (&value["a"]["x y"]["on"], &value["b"]),
            (&json!(true), &json!("z"))
        );
    }

    #[test]
    fn what_is_set_already_leaves_the_text_as_it_is() {
        let text = "{a:{b:null,c:1e0}}";
        assert_eq!(
            edited(text, |edit| edit.set(&["a", "c"], json!(1.0))).unwrap(),
            text
        );
        let new = edited(text, |edit| edit.set(&["a", "b", "d"], json!(1))).unwrap();
        assert_eq!(json5::from_str::<Value>(&new).unwrap()["a"]["b"]["d"], 1);
        assert_eq!(
            edited("{ a: 1, b: 2 }", |edit| {
                edit.remove(&["b"]);
                edit.remove(&["no", "such"]);
                Ok(())
            })
            .map(|text| json5::from_str::<Value>(&text).unwrap())
            .unwrap(),
            json!({"a": 1})
        );
    }

    #[test]
    fn an_empty_file_becomes_an_object() {
        for text in ["", " \n", "\u{feff}"] {
            let new = edited(text, |edit| edit.set(&["a"], json!(1))).unwrap();
            assert_eq!(new, "{\n  \"a\": 1\n}\n");
        }
    }

    #[test]
    fn what_cannot_be_edited_is_said_and_stays() {
        let error = edited("{ a: 1 }", |edit| edit.set(&["a", "b"], json!(1))).unwrap_err();
        assert!(error.message().contains("`a` is no object in braces"), "{error}");
        // The last of two keys counts, and it is the one that is edited.
        let new = edited("{ a: {x: 1}, a: {y: 2} }", |edit| edit.set(&["a", "z"], json!(3))).unwrap();
        assert_eq!(
            json5::from_str::<Value>(&new).unwrap(),
            json!({"a": {"y": 2, "z": 3}})
        );
        assert!(edited("{ a: ", |_| Ok(())).is_err());
    }

    #[test]
    fn a_link_stays_a_link_and_what_was_there_is_kept_beside() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real.json"), dir.path().join("link.json"));
        std::fs::write(&real, "{ a: 1 } // old").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&real, &link).unwrap();
        #[cfg(not(unix))]
        std::fs::copy(&real, &link).unwrap();
        let set = |edit: &mut Edit| edit.set(&["a"], json!(2));
        assert!(file(&link, Backup::Keep, set).unwrap());
        assert!(!file(&link, Backup::Keep, set).unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(
                (mode(&real), mode(&dir.path().join("real.json.bak"))),
                (0o600, 0o600)
            );
            assert_eq!(std::fs::read_to_string(&real).unwrap(), "{ a: 2 } // old");
            assert_eq!(
                std::fs::read_to_string(dir.path().join("real.json.bak")).unwrap(),
                "{ a: 1 } // old"
            );
            std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o400)).unwrap();
            file(&link, Backup::None, |edit| edit.set(&["a"], json!(3))).unwrap();
            assert_eq!(mode(&real), 0o400, "a stricter mode stays");
        }
    }

    #[test]
    fn two_writers_do_not_lose_each_others_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    file(path, Backup::None, |edit| {
                        edit.set(&["all", &format!("k{n}")], json!(n))
                    })
                    .unwrap();
                });
            }
        });
        let value: Value = json5::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(value["all"].as_object().unwrap().len(), 8);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[{}\\[\\]a:,'\"/*\n 1.x+-]{0,30}", key in "[a-c\"' é]{1,3}") {
            let _ = edited(&text, |edit| edit.set(&[&key, "a"], json!([{ "b": 1 }])));
        }
    }
}
