//! The strings of a value in the upstream's own form that clients join with those of the values before: the value
//! itself, and members at any depth, such as the transcript of an audio. Strings in lists are not among them: clients
//! join lists by their elements. Nor are those of a whole part, which says its key as its `type`.
//!
//! Knows no names and no secret.

use std::{
    hash::{BuildHasher as _, RandomState},
    ops::Range,
};

use serde::de::IgnoredAny;

use crate::contract::Extra;

/// The most strings of one value; one that is spoken piece by piece has few. The rest are searched by themselves.
const MOST: usize = 64;
/// The most objects in one another.
const DEEPEST: usize = 32;

/// The member that says what a part is.
const TYPE: &str = "type";

/// Names the paths to strings: the key and the members. By a hash, since a plugin may choose long ones.
#[derive(Debug, Default)]
pub(super) struct Paths(RandomState);

/// The path to a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Path(u64);

/// A string of a value.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: Path,
    pub(super) place: Place,
    /// As clients read it.
    pub(super) text: String,
}

/// Where a string is in its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    range: Range<usize>,
    /// Whether it is escaped, as opposed to written as it is.
    is_escaped: bool,
}

impl Paths {
    /// The strings of a value that are not empty, in their order. A value that is not JSON is a string as a whole.
    pub(super) fn strings(
        &self,
        Extra {
            key,
            value_json: json,
        }: &Extra,
    ) -> Vec<Found> {
        let root = Path(self.0.hash_one(key));
        let mut found = Vec::new();
        if json.trim_ascii_start().starts_with('[') {
            return found;
        }
        if serde_json::from_str::<IgnoredAny>(json).is_err() {
            found.extend(Found::new(root, json, 0..json.len(), false));
            return found;
        }
        let kind = self.member(root, TYPE);
        let mut objects = Vec::new();
        let (mut path, mut is_name) = (root, false);
        // Brackets within a list.
        let mut in_list = 0_usize;
        let mut at = 0;
        while let Some(byte) = json.as_bytes().get(at) {
            let begin = at;
            at += 1;
            match byte {
                b'"' => {
                    at = end_of_string(json.as_bytes(), at);
                    let inner = begin + 1..at.saturating_sub(1);
                    match objects.last() {
                        _ if in_list > 0 => {}
                        Some(object) if is_name => {
                            path = self.member(*object, &read(json, &inner).0);
                            is_name = false;
                        }
                        _ => match Found::new(path, json, inner, true) {
                            Some(Found { path, text, .. }) if path == kind && text == *key => {
                                return Vec::new();
                            }
                            string => found.extend(string),
                        },
                    }
                    if found.len() >= MOST {
                        break;
                    }
                }
                b'[' => in_list += 1,
                b']' => in_list = in_list.saturating_sub(1),
                b'{' if in_list > 0 || objects.len() >= DEEPEST => in_list += 1,
                b'{' => {
                    objects.push(path);
                    is_name = true;
                }
                b'}' if in_list > 0 => in_list -= 1,
                b'}' => {
                    objects.pop();
                    is_name = false;
                }
                b',' => is_name = in_list == 0,
                _ => {}
            }
        }
        found
    }

    fn member(&self, object: Path, name: &str) -> Path {
        Path(self.0.hash_one((object, name)))
    }
}

impl Found {
    /// The string there; none if it is empty.
    fn new(path: Path, json: &str, range: Range<usize>, is_json: bool) -> Option<Self> {
        let (text, is_escaped) = if is_json {
            read(json, &range)
        } else {
            (json.to_owned(), false)
        };
        let place = Place { range, is_escaped };
        (!text.is_empty()).then_some(Self { path, place, text })
    }
}

/// Replaces strings of a value.
pub(super) fn replace(json: &mut String, mut strings: Vec<(Place, String)>) {
    strings.sort_unstable_by_key(|(place, _)| place.range.start);
    for (Place { range, is_escaped }, text) in strings.into_iter().rev() {
        if json.get(range.clone()).is_none() {
            continue;
        }
        if is_escaped {
            let quoted = serde_json::Value::from(text).to_string();
            let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
            json.replace_range(range, inner);
        } else {
            json.replace_range(range, &text);
        }
    }
}

/// The content of a string, and whether it was escaped. One that is not Unicode is left as it is written.
fn read(json: &str, inner: &Range<usize>) -> (String, bool) {
    let written = json.get(inner.clone()).unwrap_or_default();
    if memchr::memchr(b'\\', written.as_bytes()).is_none() {
        return (written.to_owned(), true);
    }
    let quoted = json.get(inner.start - 1..inner.end + 1).unwrap_or_default();
    serde_json::from_str(quoted).map_or_else(|_| (written.to_owned(), false), |text| (text, true))
}

/// The end of a string whose content begins here, behind its quote.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if json.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(key: &str, json: &str) -> Extra {
        Extra {
            key: key.to_owned(),
            value_json: json.to_owned(),
        }
    }

    #[test]
    fn strings_of_a_value_and_of_its_members_are_found_and_those_of_lists_are_not() {
        let paths = Paths::default();
        let texts = |json: &str| -> Vec<String> {
            let found = paths.strings(&extra("audio", json)).into_iter();
            found.map(|found| found.text).collect()
        };
        for (json, expected) in [
            (r#""plain""#, &["plain"][..]),
            (r#"  "with \"\u0041\n" "#, &["with \"A\n"]),
            (r#""""#, &[]),
            (r"7", &[]),
            (r"null", &[]),
            (r#"["a", "b"]"#, &[]),
            (
                r#"{"a": "1", "b": {"c": "2", "d": {}, "e": "3"}, "f": 4, "g": "5"}"#,
                &["1", "2", "3", "5"],
            ),
            (r#"{"a": [{"b": "1"}, "2", "]"], "c": "3"}"#, &["3"]),
            (
                r#"{"a": [[{}], {"x": [","]}], "b": "1", "c": ["2"], "d": "3"}"#,
                &["1", "3"],
            ),
            (r#"{"a": "\\", "b": "\\\"", "c": "}"}"#, &["\\", "\\\"", "}"]),
            (r#"{"a": "\ud83d\u0041"}"#, &[r"\ud83d\u0041"]),
            ("not JSON", &["not JSON"]),
            (r#"{"a": "1""#, &[r#"{"a": "1""#]),
            ("", &[]),
        ] {
            assert_eq!(texts(json), expected, "{json}");
        }
        let deep = format!("{}\"x\"{}", r#"{"a":"#.repeat(100), "}".repeat(100));
        assert_eq!(texts(&deep), Vec::<String>::new());
        let many = format!("{{{}\"z\":\"x\"}}", r#""a":"x","#.repeat(1000));
        assert_eq!(texts(&many).len(), MOST);
    }

    #[test]
    fn a_whole_part_has_no_strings_that_are_joined() {
        let paths = Paths::default();
        let count = |json: &str| paths.strings(&extra("server_tool_use", json)).len();
        assert_eq!(
            count(r#"{"id": "a", "type": "server_tool_use", "input": {"query": "b"}}"#),
            0
        );
        assert_eq!(
            count(r#"{"id": "a", "type": "another", "input": {"type": "server_tool_use"}}"#),
            3
        );
        assert_eq!(count(r#""server_tool_use""#), 1);
    }

    #[test]
    fn equal_members_of_equal_keys_have_equal_paths_and_others_have_others() {
        let paths = Paths::default();
        let of = |key: &str, json: &str| -> Vec<Path> {
            let found = paths.strings(&extra(key, json)).into_iter();
            found.map(|found| found.path).collect()
        };
        let [id, said, inner] = of("audio", r#"{"id": "1", "text": "a", "x": {"text": "b"}}"#)[..] else {
            panic!("three strings");
        };
        assert!(id != said && said != inner);
        assert_eq!(
            of("audio", r#"{"x": {"t\u0065xt": "c"}, "text": "d"}"#),
            [inner, said]
        );
        assert_ne!(of("video", r#"{"text": "d"}"#), [said]);
        assert_eq!(of("text", r#""a""#), of("text", r#""b""#));
    }

    #[test]
    fn replaced_strings_leave_the_rest_as_it_was_written() {
        let paths = Paths::default();
        let mut audio = extra(
            "audio",
            r#"{"id": "a\u0062c", "n": 1.50e2, "x": {"y": "\ud83d!"}, "z": ["z"]}"#,
        );
        let found = paths.strings(&audio);
        let marked = found
            .into_iter()
            .map(|found| (found.place, format!("{}\"*", found.text)));
        let marked: Vec<_> = marked.collect();
        replace(&mut audio.value_json, marked[..1].to_vec());
        assert_eq!(
            audio.value_json,
            r#"{"id": "abc\"*", "n": 1.50e2, "x": {"y": "\ud83d!"}, "z": ["z"]}"#
        );
        let mut broken = extra("x", "{");
        let found = paths.strings(&broken);
        let marked = found.into_iter().map(|found| (found.place, "*".to_owned()));
        replace(&mut broken.value_json, marked.collect());
        assert_eq!(broken.value_json, "*");
    }
}
