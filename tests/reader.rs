//! An independent reader's view of recorded responses, and the comparison of the plugin with it.
//!
//! The reader is `reader.py`, which shares nothing with the plugin. Where the two differ because of a design decision,
//! `cases/reader-differences.json` names the rule. The core's tests and those of the built component both include this
//! file; it must not know where either gets its responses.

use std::{collections::BTreeMap, env, path::Path, process::Command};

use serde_json::Value;

/// The fields that are compared, as JSON pointers.
const FIELDS: [&str; 10] = [
    "/text",
    "/reasoning",
    "/toolCalls",
    "/usage",
    "/finish",
    "/rawFinish",
    "/error/kind",
    "/error/status",
    "/error/code",
    "/error/message",
];

/// The reader's results for one folder of a corpus, and the comparison so far.
pub(crate) struct Reader {
    /// By file; the files that are not compared yet.
    readings: BTreeMap<String, Value>,
    /// The rules that may be needed, and whether each was.
    rules: Vec<(Value, bool)>,
    faults: Vec<String>,
}

impl Reader {
    /// Reads the folder `sse`, `chat` or `errors` of a corpus. `None` without Python, which CI has to have.
    pub(crate) fn of(corpus: &Path, folder: &str) -> Option<Self> {
        let mut python = Command::new("python3");
        let output = match python
            .args(["-c", include_str!("reader.py")])
            .arg(corpus)
            .output()
        {
            Ok(output) => output,
            Err(error) => {
                assert!(env::var_os("CI").is_none(), "python3 does not run: {error}");
                eprintln!("skipped: python3 does not run: {error}");
                return None;
            }
        };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the reader failed: {errors}");
        let is_here = |file: &str| file.split('/').next() == Some(folder);
        let lines = String::from_utf8(output.stdout).expect("the reader writes UTF-8");
        let readings: BTreeMap<String, Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("the reader writes JSON"))
            .map(|reading: Value| (text(&reading, "file").to_owned(), reading))
            .filter(|(file, _)| is_here(file))
            .collect();
        assert!(!readings.is_empty(), "the reader found nothing in {folder}");
        let rules: Vec<Value> =
            serde_json::from_str(include_str!("cases/reader-differences.json")).expect("a list of rules");
        let rules = rules
            .into_iter()
            .filter(|rule| is_here(text(rule, "files")))
            .map(|rule| (rule, false))
            .collect();
        Some(Self {
            readings,
            rules,
            faults: Vec::new(),
        })
    }

    /// Compares the plugin's result for a file, in the reader's form. Calls before an error are not
    /// compared, nor is a message that the reader leaves to the plugin.
    pub(crate) fn compare(&mut self, file: &str, plugin: &Value) {
        let reading = self.readings.remove(file);
        let reading = reading.unwrap_or_else(|| panic!("the reader has not read {file}, or not once"));
        for field in FIELDS {
            let (theirs, ours) = (reading.pointer(field), plugin.pointer(field));
            let is_open = match field {
                "/toolCalls" => !reading["error"].is_null(),
                "/error/message" => theirs.is_some_and(Value::is_null),
                _ => false,
            };
            if theirs == ours || is_open {
                continue;
            }
            let field = field.trim_start_matches('/').replace('/', ".");
            let rule = self
                .rules
                .iter_mut()
                .find(|(rule, _)| text(rule, "field") == field && is_like(text(rule, "files"), file));
            match rule {
                Some((_, is_used)) => *is_used = true,
                None => self.faults.push(format!(
                    "{file}: {field}\n  reader: {reading}\n  plugin: {plugin}"
                )),
            }
        }
    }

    /// Fails if the two differed anywhere without a rule, a file was left out, or a rule is not needed any more.
    pub(crate) fn finish(self) {
        assert!(self.faults.is_empty(), "{}", self.faults.join("\n"));
        assert!(
            self.readings.is_empty(),
            "not compared: {:?}",
            self.readings.keys()
        );
        for (rule, is_used) in self.rules {
            assert!(is_used, "the two differ no more: {rule}");
        }
    }
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member]
        .as_str()
        .unwrap_or_else(|| panic!("no {member}: {object}"))
}

/// Whether a name is of a pattern, whose `*` stands for any text.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    name.strip_prefix(start).is_some_and(|name| {
        name.char_indices().any(|(at, _)| is_like(rest, &name[at..])) || is_like(rest, "")
    })
}
