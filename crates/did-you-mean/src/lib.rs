//! Did-you-mean: the known name that a misspelt one probably means, for error messages.
//!
//! It is a crate of its own, because the host, the mock router and a component of the gateway need it, and none of them
//! may depend on another. Knows no names.

/// The known name that was probably meant, whatever the case of ASCII letters: at edit distance one, or two in a name of
/// more than eight bytes.
///
/// ```
/// use did_you_mean::nearest;
///
/// assert_eq!(nearest("max-retrys", ["max-retries", "base-url"]), Some("max-retries"));
/// assert_eq!(nearest("colour", ["max-retries", "base-url"]), None);
/// ```
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_ascii_lowercase();
    known
        .into_iter()
        .map(|known| {
            (
                strsim::damerau_levenshtein(&name, &known.to_ascii_lowercase()),
                known,
            )
        })
        .filter(|(distance, known)| *distance <= if known.len() > 8 { 2 } else { 1 })
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_allowed_and_two_in_a_long_name() {
        assert_eq!(nearest("mdoel", ["model"]), Some("model"));
        assert_eq!(nearest("mdoell", ["model"]), None);
        assert_eq!(nearest("max-retry", ["max-retries"]), None);
        assert_eq!(nearest("max-retris", ["max-retries"]), Some("max-retries"));
        assert_eq!(nearest("mxa-retris", ["max-retries"]), Some("max-retries"));
    }

    #[test]
    fn case_does_not_count_and_the_nearest_name_wins() {
        assert_eq!(nearest("APIKEY", ["apiKeys", "apiKey"]), Some("apiKey"));
        assert_eq!(nearest("", ["a-long-name"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
