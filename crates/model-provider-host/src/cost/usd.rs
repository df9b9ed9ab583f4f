//! Amounts of money in US dollars: exact, decimal text in and out, no floats in between. Knows no models.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A price with more decimals than this is invalid.
const PRICE_DECIMALS: u32 = 18;

/// Prices are per million tokens.
const MILLION_DECIMALS: u32 = 6;

const DECIMALS: u32 = PRICE_DECIMALS + MILLION_DECIMALS;

/// US dollars, not negative: exact for every price of up to 18 decimals a million tokens.
///
/// Written with two decimals, or with more if there are more:
///
/// ```
/// use model_provider_host::cost::Usd;
///
/// let budget = Usd::parse("2.5").expect("an amount");
/// assert_eq!(budget.to_string(), "2.50");
/// assert!(Usd::parse("0.0000004").expect("an amount") < budget);
/// assert_eq!(Usd::parse("-1"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd {
    /// In units of 10⁻²⁴ dollars, which holds more than 10¹⁴ dollars.
    units: u128,
}

impl Usd {
    /// Parses digits with at most one point and at most 24 decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        units(text, DECIMALS).map(|units| Self { units })
    }

    /// Whole cents, for amounts that stand in code.
    #[must_use]
    pub const fn from_cents(cents: u32) -> Self {
        Self {
            units: cents as u128 * 10u128.pow(DECIMALS - 2),
        }
    }

    /// The cost of so many tokens at a price per million, which is decimal text with at most 18 decimals.
    #[must_use]
    pub fn of_tokens(price_per_million: &str, tokens: u32) -> Option<Self> {
        let units = units(price_per_million, PRICE_DECIMALS)?.checked_mul(tokens.into())?;
        Some(Self { units })
    }

    /// The sum, if it can be represented.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let units = self.units.checked_add(other.units)?;
        Some(Self { units })
    }

    /// The sum, or the largest amount.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self {
            units: self.units.saturating_add(other.units),
        }
    }

    /// The difference, or nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self {
            units: self.units.saturating_sub(other.units),
        }
    }

    /// The nearest float, for gauges.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a gauge is read by people")]
    pub fn as_f64(self) -> f64 {
        self.units as f64 / 10u128.pow(DECIMALS) as f64
    }
}

/// Digits and at most one point, as the contract writes prices, in units of 10 to the power of `-decimals`.
fn units(text: &str, decimals: u32) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let missing = decimals.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits()
        .try_fold(0u128, |units, byte| {
            units.checked_mul(10)?.checked_add(u128::from(byte - b'0'))
        })?
        .checked_mul(10u128.checked_pow(missing)?)
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10u128.pow(DECIMALS);
        let fraction = format!("{:0width$}", self.units % one, width = DECIMALS as usize);
        let fraction = fraction.trim_end_matches('0');
        write!(f, "{}.{fraction:0<2}", self.units / one)
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
    fn amounts_are_exact_with_two_decimals_or_more() {
        for (text, written) in [
            ("5", "5.00"),
            ("0.05", "0.05"),
            (".5", "0.50"),
            ("7.", "7.00"),
            ("0.0000004", "0.0000004"),
            ("1.2345678910", "1.234567891"),
            ("0.000000000000000000000001", "0.000000000000000000000001"),
            ("0", "0.00"),
        ] {
            let amount = Usd::parse(text).expect(text);
            assert_eq!(amount.to_string(), written);
            assert_eq!(Usd::parse(written), Some(amount), "{written}");
        }
        for bad in [
            "",
            ".",
            "-1",
            "1e3",
            "1.2.3",
            "٣",
            "1 ",
            "999999999999999",
            "0.0000000000000000000000001",
        ] {
            assert_eq!(Usd::parse(bad), None, "{bad}");
        }
        assert_eq!(Usd::parse("0.05"), Some(Usd::from_cents(5)));
    }

    #[test]
    fn sums_stay_in_range() {
        let most = Usd { units: u128::MAX };
        let cent = Usd::from_cents(1);
        assert_eq!(most.saturating_add(cent), most);
        assert_eq!(most.checked_add(cent), None);
        assert_eq!(cent.saturating_sub(most), Usd::default());
        assert_eq!(Usd::of_tokens("340282366920938463463", u32::MAX), None);
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
