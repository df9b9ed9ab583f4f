//! Prices as decimal text: read from the digits of the wire, never through a float.

use alloc::string::{String, ToString};
use core::cmp::Ordering;

/// The number of significant digits of a price; more are floating-point noise.
const SIGNIFICANT_DIGITS: i32 = 10;
/// Powers of ten between which a price makes sense: from a ten-billionth of a dollar to below a million
/// dollars.
const POWERS: core::ops::Range<i32> = -10..6;

/// Of the longest of such prices, with its point.
const MOST_LETTERS: usize = 24;

/// A JSON number's text as a plain decimal: rounded to ten significant digits (half up), zeros at its end and
/// the exponent gone. `None` for what is no number, negative, or no sensible price.
#[must_use]
pub fn price_text(number: &str) -> Option<String> {
    // Digits in front of the point and behind it, zeros before the first that counts, and those that count.
    let (mut whole, mut fraction, mut zeros, mut count) = (0_i32, None, 0, 0);
    let (mut significand, mut exponent) = (0_u64, 0_i32);
    for (at, byte) in number.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                *fraction.as_mut().unwrap_or(&mut whole) += 1;
                let digit = u64::from(byte - b'0');
                if count == 0 && digit == 0 {
                    zeros += 1;
                } else {
                    match count {
                        0..SIGNIFICANT_DIGITS => significand = significand * 10 + digit,
                        SIGNIFICANT_DIGITS => significand += u64::from(digit >= 5),
                        _ => {}
                    }
                    count += 1;
                }
            }
            b'.' if whole > 0 && fraction.is_none() => fraction = Some(0),
            b'e' | b'E' if whole > 0 => {
                exponent = number.get(at + 1..)?.parse().ok()?;
                break;
            }
            _ => return None,
        }
    }
    if whole == 0 {
        return None;
    }
    if significand == 0 {
        return Some(String::from("0"));
    }
    // The power of ten of the first digit that is not zero.
    let power = (whole - 1 - zeros).checked_add(exponent)?;
    let significant = count.min(SIGNIFICANT_DIGITS);
    // 9.99… may have become 10, which has the same value with the same scale.
    POWERS
        .contains(&power)
        .then(|| plain(significand, power + 1 - significant))
}

/// `significand` × 10^`scale` without an exponent and without zeros behind the point.
fn plain(mut significand: u64, mut scale: i32) -> String {
    while scale < 0 && significand.is_multiple_of(10) {
        significand /= 10;
        scale += 1;
    }
    let digits = significand.to_string();
    // Where the point stands, counted from the first digit.
    let point = i32::try_from(digits.len()).unwrap_or(0) + scale;
    let mut text = String::with_capacity(MOST_LETTERS);
    let whole = usize::try_from(point).ok().filter(|whole| *whole > 0);
    match whole.and_then(|whole| digits.split_at_checked(whole)) {
        Some((whole, fraction)) if !fraction.is_empty() => {
            text.push_str(whole);
            text.push('.');
            text.push_str(fraction);
            return text;
        }
        _ => {}
    }
    if point <= 0 {
        text.push_str("0.");
    }
    for _ in point..0 {
        text.push('0');
    }
    text.push_str(&digits);
    for _ in 0..scale {
        text.push('0');
    }
    text
}

/// Which of two plain decimals is less.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    let split = |text| -> (&str, &str) {
        let (whole, fraction): (&str, &str) = str::split_once(text, '.').unwrap_or((text, ""));
        (whole.trim_start_matches('0'), fraction.trim_end_matches('0'))
    };
    let ((whole_a, fraction_a), (whole_b, fraction_b)) = (split(a), split(b));
    // Without zeros in front, the longer whole part is the greater one; fractions compare like words.
    (whole_a.len().cmp(&whole_b.len()))
        .then_with(|| whole_a.cmp(whole_b))
        .then_with(|| fraction_a.cmp(fraction_b))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn float_noise_is_rounded_away_and_exponents_are_written_out() {
        for (wire, price) in [
            ("0.060000000000000005", "0.06"),
            ("6e-2", "0.06"),
            ("6E-02", "0.06"),
            ("0", "0"),
            ("0.0", "0"),
            ("0e9", "0"),
            ("2", "2"),
            ("2.0", "2"),
            ("2.50", "2.5"),
            ("10", "10"),
            ("100", "100"),
            ("1e2", "100"),
            ("1.5e+3", "1500"),
            ("0.269", "0.269"),
            ("0.1234567890123", "0.123456789"),
            ("0.12345678905", "0.1234567891"),
            ("1234.56789012", "1234.56789"),
            ("9.99999999999", "10"),
            ("0.099999999999", "0.1"),
            ("999999.9999999", "1000000"),
            ("0.0000000001", "0.0000000001"),
        ] {
            assert_eq!(price_text(wire).as_deref(), Some(price), "{wire}");
        }
    }

    #[test]
    fn what_is_no_price_is_unknown() {
        for wire in [
            "-1",
            "-0.5",
            "1e6",
            "1e400",
            "1e-400",
            "1e99999999999",
            "true",
            "null",
            "\"1\"",
            "",
            ".",
            "1.x",
            "[]",
        ] {
            assert_eq!(price_text(wire), None, "{wire}");
        }
    }

    #[test]
    fn plain_decimals_compare_by_value() {
        assert_eq!(compare("0.9", "0.10"), Ordering::Greater);
        assert_eq!(compare("2", "10"), Ordering::Less);
        assert_eq!(compare("2.50", "2.5"), Ordering::Equal);
        assert_eq!(compare("0", "0.0"), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn any_text_ends_well(text in "[-+0-9.eE]{0,30}") {
            if let Some(price) = price_text(&text) {
                prop_assert!(price.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{}", price);
            }
        }

        #[test]
        fn a_price_of_ten_digits_or_less_keeps_its_value(units in 0_u64..1_000_000_000, scale in 0_usize..8) {
            let text = format!("{units}e-{scale}");
            if let Some(price) = price_text(&text) {
                let (whole, fraction) = price.split_once('.').unwrap_or((&price, ""));
                let padded = format!("{whole}{fraction:0<scale$}");
                prop_assert_eq!(padded.parse::<u64>().unwrap(), units, "{}", price);
                prop_assert_eq!(price_text(&price), Some(price.clone()));
                prop_assert!(!price.contains('.') || !price.ends_with('0'));
            } else {
                prop_assert!(units / 10_u64.pow(u32::try_from(scale).unwrap()) >= 1_000_000);
            }
        }

        #[test]
        fn rounding_and_order_agree_with_floats(a in 0.000_000_1_f64..900_000.0, b in 0.000_000_1_f64..900_000.0) {
            let (text_a, text_b) = (price_text(&a.to_string()).unwrap(), price_text(&b.to_string()).unwrap());
            let close: f64 = text_a.parse().unwrap();
            prop_assert!((close - a).abs() <= a * 1e-9);
            if (a - b).abs() > a.max(b) * 1e-8 {
                prop_assert_eq!(compare(&text_a, &text_b), a.partial_cmp(&b).unwrap());
            }
        }
    }
}
