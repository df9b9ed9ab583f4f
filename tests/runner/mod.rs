//! The shared runner of the case files: turns a case into values of the contract, and compares the outcome with what the
//! case expects.
//!
//! Compiled twice: over a guest's types in the unit tests of the core, over a host's types in the tests of the
//! component. Both are generated from the same WIT, so one source fits both; the including module has `types` and
//! `settings` of the contract in scope. Must not know how an outcome is obtained: that is up to the two drivers.

mod answers;
mod catalogs;
mod given;
mod references;
mod requests;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

pub(crate) use answers::{Served, check_failure, check_order, check_stream, joined, requested_model, served};
pub(crate) use catalogs::{check_catalog, check_name, list_body};
pub(crate) use given::{aliases, configured, listed_body};
pub(crate) use references::check_reference;
pub(crate) use requests::{chat_request, check_body, check_refusal, known_model, plugin_settings};

/// The cases of a file, or of all files of a folder, below `tests/cases`.
pub(crate) fn cases(name: &str) -> Vec<Value> {
    let roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut paths = roots.map(|root| root.join("tests/cases").join(name));
    let path = paths
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("there are no cases {name}"));
    let mut files: Vec<PathBuf> = if path.is_dir() {
        fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    } else {
        vec![path]
    };
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let content: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // Some files begin with a description.
        let list = content.as_array().or_else(|| content["cases"].as_array());
        let list = list.unwrap_or_else(|| panic!("{} holds no list of cases", file.display()));
        assert!(!list.is_empty(), "{} holds no case", file.display());
        cases.extend(list.iter().cloned());
    }
    cases
}

/// The failures, each with its case.
#[derive(Default)]
pub(crate) struct Report {
    wrong: Vec<String>,
}

impl Report {
    /// Records the failure of one case, if there is one.
    pub(crate) fn add(&mut self, case: &Value, wrong: Vec<String>) {
        let name = if case["name"].is_string() && case["row"].is_null() {
            &case["name"]
        } else {
            case
        };
        self.wrong
            .extend(wrong.into_iter().map(|wrong| format!("{name}: {wrong}")));
    }

    /// Fails with the list of all failures.
    pub(crate) fn finish(self) {
        assert!(
            self.wrong.is_empty(),
            "{} wrong:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
    }
}

/// An enumeration's name as the contract spells it: `ErrorKind::RateLimited` is `rate-limited`.
pub(crate) fn word(value: impl std::fmt::Debug) -> String {
    let debug = format!("{value:?}");
    let mut word = String::new();
    for letter in debug.rsplit("::").next().unwrap_or_default().chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

/// A body: a text, or a list of texts and of lists of bytes, joined; none is empty; other JSON is its text.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Array(pieces) => pieces.iter().flat_map(bytes).collect(),
        Value::Number(byte) => vec![u8::try_from(byte.as_u64().unwrap()).unwrap()],
        json => json.to_string().into_bytes(),
    }
}
