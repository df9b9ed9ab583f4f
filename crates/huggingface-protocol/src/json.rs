//! JSON values looked at by their text: what counts, and how a text is written as one. What reads whole
//! answers is in the wire crate; this is for the little that is looked at closer.

use alloc::string::String;

pub(crate) use crate::wire::{json::*, quote::quote};

/// A raw number as a count: from 0 up, held at the largest `u32`.
pub(crate) fn count(raw: &str) -> Option<u32> {
    let number = integer(raw)?;
    (number >= 0).then(|| u32::try_from(number).unwrap_or(u32::MAX))
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = alloc::vec::Vec::with_capacity(text.len() + 2);
    quote(text, &mut |piece| out.extend_from_slice(piece));
    String::from_utf8(out).unwrap_or_default()
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

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(original in ".*") {
            let json = quoted(&original);
            prop_assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), &original);
            prop_assert_eq!(text(&json).unwrap(), original);
        }
    }
}
