//! Helpers for raw JSON values: small parsers, and a string as JSON. Whole responses are parsed in the wire crate;
//! this is for the few values that need a closer look.

use alloc::string::String;

pub use crate::wire::{json::*, quote::quote};

/// A raw number as a count: from 0 up, held at the largest `u32`.
#[must_use]
pub fn count(raw: &str) -> Option<u32> {
    let number = integer(raw)?;
    (number >= 0).then(|| u32::try_from(number).unwrap_or(u32::MAX))
}

/// A text as a JSON string.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = alloc::vec::Vec::with_capacity(text.len() + 2);
    quote(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The same text with `null` in place of numbers that are not JSON, as Python writes them: `NaN`, `Infinity`. `None`
/// if there are none.
pub(crate) fn without_nan(raw: &str) -> Option<String> {
    let (mut mended, mut rest, mut in_text, mut any) = (String::new(), raw, false, false);
    while let Some(first) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"]
            .into_iter()
            .find(|word| !in_text && rest.starts_with(word));
        let taken = if let Some(word) = word {
            any = true;
            mended.push_str("null");
            word.len()
        } else {
            in_text ^= first == '"';
            // An escape includes the character after it.
            let length = match rest.chars().nth(1) {
                Some(next) if in_text && first == '\\' => 1 + next.len_utf8(),
                _ => first.len_utf8(),
            };
            mended.push_str(rest.get(..length)?);
            length
        };
        rest = rest.get(taken..)?;
    }
    any.then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_are_whole_and_never_negative() {
        assert_eq!(count("12"), Some(12));
        assert_eq!(count("12.0"), Some(12));
        assert_eq!(count("-1"), None);
        assert_eq!(count("99999999999"), Some(u32::MAX));
        assert_eq!(count("\"12\""), None);
        assert_eq!(count("null"), None);
    }

    #[test]
    fn numbers_that_json_has_not_become_null_outside_of_texts() {
        assert_eq!(
            without_nan(r#"{"a":NaN,"b":[-Infinity,1,Infinity],"c":"NaN \" NaN"}"#).as_deref(),
            Some(r#"{"a":null,"b":[null,1,null],"c":"NaN \" NaN"}"#)
        );
        assert_eq!(without_nan(r#"{"a":"NaN"}"#), None);
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(original in ".*") {
            let json = quoted(&original);
            prop_assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), &original);
            prop_assert_eq!(text(&json).unwrap(), original);
        }
    }
}
