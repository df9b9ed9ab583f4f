//! Lenient reading of JSON: pieces of text that are looked at one at a time, so that a wrong one is only
//! unknown.
//!
//! A value is taken as its raw text first, which any well-formed JSON passes however deep or odd it is. Knows
//! nothing of models.

use alloc::string::String;

use crate::json::{exact, number};

/// A text, trimmed and at most `limit` bytes; `None` also if nothing is left, or control characters or half a surrogate
/// pair are in it.
pub(super) fn line(raw: &str, limit: usize) -> Option<String> {
    let decoded = exact(raw)?;
    // Nearly always there is nothing to trim or to look for.
    let is_plain = decoded.bytes().all(|byte| byte.is_ascii_graphic());
    let trimmed = if is_plain { &decoded } else { decoded.trim() };
    let is_sound =
        !trimmed.is_empty() && trimmed.len() <= limit && (is_plain || !trimmed.contains(char::is_control));
    is_sound.then(|| String::from(trimmed))
}

/// A true or false.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number above zero, also as servers write it that know fractions only: `131072.0`.
pub(super) fn count(value: &str) -> Option<u32> {
    let whole = value.strip_suffix(".0").unwrap_or(value);
    whole.parse().ok().filter(|count| *count > 0)
}

/// A number that is finite and not negative.
pub(super) fn measure(value: &str) -> Option<f64> {
    number(value).filter(|number| number.is_finite() && *number >= 0.0)
}

/// Whether the value is neither null, array nor object, and a text in it can be decoded.
pub(super) fn is_scalar(value: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'"') => exact(value).is_some(),
        Some(b'{' | b'[' | b'n') | None => false,
        Some(_) => true,
    }
}
