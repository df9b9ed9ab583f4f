//! Prices as decimal text: read from the digits of the wire, never through a float.

use alloc::string::{String, ToString};
use core::cmp::Ordering;

/// How many digits of a price carry meaning; what follows is the noise of somebody's float.
const SIGNIFICANT_DIGITS: i32 = 10;
/// Powers of ten between which a price makes sense: from a ten-billionth of a dollar to below a million
/// dollars.
const POWERS: core::ops::Range<i32> = -10..6;

/// A JSON number's text as a plain decimal: rounded to ten significant digits (half up), zeros at its end and
/// the exponent gone. `None` for what is no number, negative, or no sensible price.
pub(super) fn price_text(number: &str) -> Option<String> {
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
    let kept = count.min(SIGNIFICANT_DIGITS);
    // 9.99… may have become 10, which has the same value with the same scale.
    POWERS
        .contains(&power)
        .then(|| plain(significand, power + 1 - kept))
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
    let mut text = String::new();
    if point <= 0 {
        text.push_str("0.");
    }
    for _ in point..0 {
        text.push('0');
    }
    for (at, digit) in (0_i32..).zip(digits.chars()) {
        if at == point && at > 0 {
            text.push('.');
        }
        text.push(digit);
    }
    for _ in 0..scale {
        text.push('0');
    }
    text
}

/// Which of two plain decimals is less.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
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
