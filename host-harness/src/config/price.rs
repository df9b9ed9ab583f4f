//! Prices as decimal text, without what binary fractions add.

use serde_json::Value;

/// Digits that are kept: more than any price has, fewer than a binary fraction is exact to.
const DIGITS: i32 = 10;

/// A number, or text that is one, as decimal text: `0.06`. `None` if it is neither, or below 0.
pub(super) fn decimal(value: &Value) -> Option<String> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|_| text.trim().starts_with(|c: char| c.is_ascii_digit() || c == '.'))?,
        _ => return None,
    };
    if !(0.0..=1e12).contains(&number) {
        return None;
    }
    // `1.234000000e-3`: all digits, then how far the point has to move.
    let text = format!("{number:.*e}", usize::try_from(DIGITS - 1).ok()?);
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let length = i32::try_from(digits.len()).ok()?;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    Some(if exponent < 0 {
        format!("0.{}{digits}", zeros(-exponent - 1))
    } else if exponent + 1 >= length {
        format!("{digits}{}", zeros(exponent + 1 - length))
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(exponent + 1).ok()?);
        format!("{whole}.{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prices_become_plain_decimal_text() {
        for (value, text) in [
            (json!(0.06), "0.06"),
            (json!(0.060_000_000_000_000_005), "0.06"),
            (json!(3), "3"),
            (json!(120.0), "120"),
            (json!(1.5e-7), "0.00000015"),
            (json!(12.345), "12.345"),
            (json!(0), "0"),
            (json!(" .5 "), "0.5"),
        ] {
            assert_eq!(decimal(&value).as_deref(), Some(text), "{value}");
        }
        for value in [
            json!(-1),
            json!("inf"),
            json!("nan"),
            json!("+1"),
            json!(true),
            json!(1e300),
        ] {
            assert_eq!(decimal(&value), None, "{value}");
        }
    }
}
