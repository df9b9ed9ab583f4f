//! Substring search. The standard library's is quicker on long texts that nearly match everywhere, but its tables
//! take much space in the component.

pub use crate::wire::text::lossy;

/// The byte offset of a part.
#[must_use]
pub fn find(text: &str, part: &str) -> Option<usize> {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    match part.len() {
        0 => Some(0),
        length => text.windows(length).position(|window| window == part),
    }
}

/// Whether a part occurs.
#[must_use]
pub fn contains(text: &str, part: &str) -> bool {
    find(text, part).is_some()
}

/// The texts before and after a part.
#[must_use]
pub fn split_once<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let at = find(text, part)?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_and_splits_as_the_standard_library_does(text in "[abé]{0,12}", part in "[abé]{0,3}") {
            prop_assert_eq!(find(&text, &part), text.find(&part));
            prop_assert_eq!(contains(&text, &part), text.contains(&part));
            prop_assert_eq!(split_once(&text, &part), text.split_once(part.as_str()));
        }
    }
}
