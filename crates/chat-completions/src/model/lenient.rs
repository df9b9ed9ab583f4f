//! Lenient JSON parsing: values are raw text that is parsed one at a time, so that an invalid one is only unknown.
//!
//! A value is taken as raw text first, which accepts any well-formed JSON however deep or odd it is. This module must
//! not know models.

use alloc::string::String;

use crate::json::{exact, number};

/// A text, trimmed and at most `limit` bytes; `None` also if nothing is left, or control characters or half a surrogate
/// pair are in it.
#[must_use]
pub fn line(raw: &str, limit: usize) -> Option<String> {
    let decoded = exact(raw)?;
    // Nearly always there is nothing to trim or to look for.
    let is_plain = decoded.bytes().all(|byte| byte.is_ascii_graphic());
    let trimmed = if is_plain { &decoded } else { decoded.trim() };
    let is_sound =
        !trimmed.is_empty() && trimmed.len() <= limit && (is_plain || !trimmed.contains(char::is_control));
    is_sound.then(|| String::from(trimmed))
}

/// A true or false.
#[must_use]
pub fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number above zero, also as servers write it that know fractions only: `131072.0`.
#[must_use]
pub fn count(value: &str) -> Option<u32> {
    let whole = value.strip_suffix(".0").unwrap_or(value);
    whole.parse().ok().filter(|count| *count > 0)
}

/// A number that is finite and not negative.
#[must_use]
pub fn measure(value: &str) -> Option<f64> {
    number(value).filter(|number| number.is_finite() && *number >= 0.0)
}

/// Whether the value is neither null, array nor object, and a text in it can be decoded.
#[must_use]
pub fn is_scalar(value: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'"') => exact(value).is_some(),
        Some(b'{' | b'[' | b'n') | None => false,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use super::*;
    use crate::json::{items, members};

    #[test]
    fn members_survive_repeated_escaped_broken_and_deep_neighbours() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let json = format!(r#"{{"a":1,"\ud800":2,"\u0061":3,"deep":{deep},"n":1e999,"z":"\ud800"}}"#);
        let mut seen = Vec::new();
        assert!(members(&json, &mut |key, value| seen
            .push((String::from(key), value.len()))));
        let keys: Vec<_> = seen.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a", "a", "deep", "n", "z"]);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_unknown() {
        assert_eq!(line("5", 9), None);
        assert_eq!(line(r#""\ud800""#, 9), None);
        assert_eq!(line(r#"" a\u0062 ""#, 9).as_deref(), Some("ab"));
        assert_eq!(line(r#""a\u0007""#, 9), None);
        assert_eq!(line(r#""0123456789""#, 9), None);
        assert_eq!(boolean("\"true\""), None);
        for wrong in [
            "0",
            "0.0",
            "-5",
            "\"8\"",
            "1.5",
            "1e3",
            "4294967296",
            "null",
            "{}",
        ] {
            assert_eq!(count(wrong), None, "{wrong}");
        }
        assert_eq!(count("64000"), Some(64000));
        assert_eq!(count("131072.0"), Some(131_072));
        assert_eq!(measure("588.4"), Some(588.4));
        assert_eq!(measure("-1"), None);
        assert_eq!(measure("1e999"), None);
        assert!(!members("[]", &mut |_, _| ()));
        assert!(!items("{}", &mut |_| ()));
    }
}
