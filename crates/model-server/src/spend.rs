//! Amounts of money, exact to a billionth of a dollar. Knows no prices.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// US dollars, in billionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(u64);

const BILLION: u64 = 1_000_000_000;
const DIGITS: usize = 9;

impl Usd {
    /// Parses digits with at most one point. Amounts below a billionth are rounded up, so that no cost becomes zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let (kept, rest) = fraction.split_at(fraction.len().min(DIGITS));
        let kept: u64 = format!("{kept:0<DIGITS$}").parse().ok()?;
        let up = u64::from(rest.bytes().any(|digit| digit != b'0'));
        whole
            .checked_mul(BILLION)?
            .checked_add(kept)?
            .checked_add(up)
            .map(Self)
    }

    pub(crate) const fn of_billionths(billionths: u64) -> Self {
        Self(billionths)
    }

    #[cfg(test)]
    pub(crate) const fn billionths(self) -> u64 {
        self.0
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// For gauges, which are floats.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is read by people")]
    pub(crate) fn as_f64(self) -> f64 {
        self.0 as f64 / BILLION as f64
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:09}", self.0 % BILLION);
        let fraction = fraction.trim_end_matches('0');
        // With two decimals, or more if there are more.
        write!(f, "{}.{fraction:0<2}", self.0 / BILLION)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected an amount in dollars, such as \"5.00\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_what_is_too_small_is_rounded_up() {
        for (text, billionths, said) in [
            ("5", 5_000_000_000, "5.00"),
            ("0.05", 50_000_000, "0.05"),
            (".5", 500_000_000, "0.50"),
            ("0.0000004", 400, "0.0000004"),
            ("0.0000000001", 1, "0.000000001"),
            ("1.2345678910", 1_234_567_891, "1.234567891"),
            ("0", 0, "0.00"),
        ] {
            let amount = Usd::parse(text).expect(text);
            assert_eq!(
                (amount.billionths(), amount.to_string().as_str()),
                (billionths, said)
            );
        }
        for bad in ["", ".", "-1", "1e3", "1.2.3", "٣", "99999999999", "1 "] {
            assert_eq!(Usd::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_amount_in_a_file_is_a_text_or_a_number() {
        for json in ["\"2.50\"", "2.5"] {
            let amount: Usd = serde_json::from_str(json).expect(json);
            assert_eq!(serde_json::to_string(&amount).expect("JSON"), "\"2.50\"");
        }
        assert!(serde_json::from_str::<Usd>("-1").is_err());
        assert!(serde_json::from_str::<Usd>("null").is_err());
    }
}
