//! Looking for a text within another one. The standard library's search is quicker on long texts that nearly match
//! everywhere, and with its tables one of the larger pieces of the component.

pub(crate) use crate::wire::text::lossy;

/// Where a part begins, in bytes.
pub(crate) fn find(text: &str, part: &str) -> Option<usize> {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    match part.len() {
        0 => Some(0),
        length => text.windows(length).position(|window| window == part),
    }
}

/// Whether a part occurs.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    find(text, part).is_some()
}

/// What stands before and behind a part.
pub(crate) fn split_once<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let at = find(text, part)?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}
