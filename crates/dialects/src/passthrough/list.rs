//! A list that is joined from several, as JSON text: each element takes the space of its text, and no more.

use std::fmt;

use serde::{
    Deserializer as _, Serialize, Serializer,
    de::{SeqAccess, Visitor},
    ser::Error as _,
};
use serde_json::value::RawValue;

/// The elements of several lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    /// Valid JSON values with commas in between.
    elements: String,
}

impl List {
    /// Adds an element.
    pub(crate) fn push(&mut self, element: &RawValue) {
        self.extend(element.get());
    }

    /// Adds the elements of a list; of anything else none.
    pub(crate) fn append(&mut self, list: &RawValue) {
        let inner = list
            .get()
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        self.extend(inner.unwrap_or_default().trim_ascii());
    }

    /// Adds the elements of another one.
    pub(crate) fn join(&mut self, more: &Self) {
        self.extend(&more.elements);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    fn extend(&mut self, elements: &str) {
        if !self.elements.is_empty() && !elements.is_empty() {
            self.elements.push(',');
        }
        self.elements.push_str(elements);
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = RawValue::from_string(format!("[{}]", self.elements));
        list.map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// Calls a function with each element of a list; of anything else with none.
pub(crate) fn each<'l>(list: &'l RawValue, call: impl FnMut(&'l RawValue)) {
    struct Elements<F>(F);

    impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Elements<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
            while let Some(element) = list.next_element()? {
                (self.0)(element);
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_str(list.get());
    // It is valid JSON: the only error is that it is no list.
    let _ = json.deserialize_seq(Elements(call));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passthrough::read;

    #[test]
    fn elements_are_joined_as_they_are_written() {
        let mut list = List::default();
        for json in ["[]", " [ 1.50, \"]\" ] ", "7", "[ ]", "[[2], {\"a\" : 3}]"] {
            list.append(&read(json).expect("JSON"));
        }
        list.push(&read("4").expect("JSON"));
        let mut both = List::default();
        both.join(&list);
        both.join(&List::default());
        both.join(&list);
        let expected = r#"1.50, "]",[2], {"a" : 3},4"#;
        assert_eq!(
            serde_json::to_string(&list).expect("JSON"),
            format!("[{expected}]")
        );
        assert_eq!(
            serde_json::to_string(&both).expect("JSON"),
            format!("[{expected},{expected}]")
        );
        assert_eq!(serde_json::to_string(&List::default()).expect("JSON"), "[]");
    }

    #[test]
    fn each_element_of_a_list_is_seen_and_nothing_of_anything_else() {
        let seen = |json: &str| {
            let list = read(json).expect("JSON");
            let mut seen = Vec::new();
            each(&list, |element| seen.push(element.get().to_owned()));
            seen
        };
        assert_eq!(seen(r#"[1, {"a": []} , "x"]"#), ["1", r#"{"a": []}"#, r#""x""#]);
        assert_eq!(seen("[]"), Vec::<String>::new());
        assert_eq!(seen(r#"{"a": 1}"#), Vec::<String>::new());
    }
}
