//! Prices as decimal text, without the rounding artefacts of binary fractions.

use serde_json::Value;

/// Significant digits: more than any price has, fewer than an `f64` represents exactly.
const DIGITS: usize = 10;

/// A number, or text that is one, as decimal text: `0.06`. `None` if it is neither, or negative.
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
    // The shortest text of this number without an exponent, rounded to the digits of a price.
    let rounded: f64 = format!("{:.*e}", DIGITS - 1, number.abs()).parse().ok()?;
    Some(rounded.to_string())
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
