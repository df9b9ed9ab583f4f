//! Lenient reading of JSON: pieces of text that are looked at one at a time, so that a wrong one is only
//! unknown.
//!
//! A value is taken as its raw text first, which any well-formed JSON passes however deep or odd it is. Knows
//! nothing of models.

use alloc::string::String;

use crate::protocol::json::exact;

/// A text of at most `limit` bytes, trimmed; none if nothing is left or control characters are in it.
pub(super) fn text(value: &str, limit: usize) -> Option<String> {
    let decoded = exact(value)?;
    let trimmed = decoded.trim();
    let sound = !trimmed.is_empty() && trimmed.len() <= limit && !trimmed.contains(char::is_control);
    sound.then(|| String::from(trimmed))
}

/// A true or false.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number above zero.
pub(super) fn count(value: &str) -> Option<u32> {
    value.parse().ok().filter(|count| *count > 0)
}

/// A number that is finite and not negative. Exact up to 2^53 with 22 places, as the figures of a list are; the standard
/// library's reading, which is exact always, would be 12 KB of the component.
pub(super) fn measure(value: &str) -> Option<f64> {
    const MOST_DIGITS: u64 = u64::MAX / 10 - 1;
    if !value.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (mantissa, exponent) = value.split_once(['e', 'E']).unwrap_or((value, "0"));
    let mut exponent: i32 = exponent.parse().ok()?;
    let (mut digits, mut is_fraction) = (0_u64, false);
    for byte in mantissa.bytes() {
        if byte == b'.' {
            is_fraction = true;
        } else if digits < MOST_DIGITS {
            digits = digits * 10 + u64::from(byte.wrapping_sub(b'0'));
            exponent = exponent.checked_sub(i32::from(is_fraction))?;
        } else {
            exponent = exponent.checked_add(i32::from(!is_fraction))?;
        }
    }
    let mut power = 1.0;
    for _ in 0..exponent.unsigned_abs().min(400) {
        power *= 10.0;
    }
    let digits = digits as f64;
    let number = if exponent < 0 {
        digits / power
    } else {
        digits * power
    };
    number.is_finite().then_some(number)
}

/// Whether the value is neither null, array nor object, and a text in it can be decoded.
pub(super) fn is_scalar(value: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'"') => exact(value).is_some(),
        Some(b'{' | b'[' | b'n') | None => false,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{
        format,
        string::{String, ToString},
        vec::Vec,
    };

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::json::{items, members};

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
        assert_eq!(text("5", 9), None);
        assert_eq!(text(r#""\ud800""#, 9), None);
        assert_eq!(text(r#"" a\u0062 ""#, 9).as_deref(), Some("ab"));
        assert_eq!(text(r#""a\u0007""#, 9), None);
        assert_eq!(text(r#""0123456789""#, 9), None);
        assert_eq!(boolean("\"true\""), None);
        for wrong in ["0", "-5", "\"8\"", "1.5", "1e3", "4294967296", "null", "{}"] {
            assert_eq!(count(wrong), None, "{wrong}");
        }
        assert_eq!(count("64000"), Some(64000));
        assert_eq!(measure("588.4"), Some(588.4));
        assert_eq!(measure("-1"), None);
        assert_eq!(measure("1e999"), None);
        assert!(!members("[]", &mut |_, _| ()));
        assert!(!items("{}", &mut |_| ()));
    }

    proptest! {
        #[test]
        fn a_measure_reads_as_the_standard_library_does(number in 0.0_f64..1e9, places in 0_usize..6, power in -9..9) {
            let plain = format!("{number:.places$}");
            prop_assert_eq!(measure(&plain), plain.parse().ok(), "{}", plain);
            let with_exponent = format!("{}e{power}", number as u32);
            prop_assert_eq!(measure(&with_exponent), with_exponent.parse().ok(), "{}", with_exponent);
            let shortest = number.to_string();
            let close = (measure(&shortest).unwrap() - number).abs() <= number * 1e-15;
            prop_assert!(close, "{}", shortest);
        }
    }
}
