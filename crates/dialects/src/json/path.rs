//! Paths of values, as errors name them: `messages[0].content`.

/// Splits a path that begins with a list into its name, the index, and the rest.
pub(crate) fn indexed(path: &str) -> Option<(&str, usize, &str)> {
    let (list, rest) = path.split_once('[')?;
    let (at, rest) = rest.split_once(']')?;
    Some((list, at.parse().ok()?, rest))
}
