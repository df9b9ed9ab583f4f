//! Figures in text output. An unknown figure is a dash, never a zero.

use std::time::Duration;

use model_provider_host::contract::Price;

/// An unknown figure.
pub(super) const UNKNOWN: &str = "–";

/// Tokens as models are advertised: `128K`, `1M`; other figures are rounded to three digits.
pub(super) fn tokens(count: u32) -> String {
    const BINARY: u32 = 1024;
    match count {
        0..1000 => count.to_string(),
        _ if count.is_multiple_of(BINARY * BINARY) => format!("{}M", count / (BINARY * BINARY)),
        _ if count.is_multiple_of(BINARY) => format!("{}K", count / BINARY),
        _ if count.is_multiple_of(1_000_000) => format!("{}M", count / 1_000_000),
        _ if count.is_multiple_of(1000) => format!("{}K", count / 1000),
        1000..1_000_000 => format!("{}K", three_digits(f64::from(count) / 1e3)),
        _ => format!("{}M", three_digits(f64::from(count) / 1e6)),
    }
}

pub(super) fn known_tokens(count: Option<u32>) -> String {
    count.map_or_else(|| UNKNOWN.to_owned(), tokens)
}

/// Input and output for a million tokens: `$0.27 / $1.10`.
pub(super) fn price(price: Option<&Price>) -> String {
    price.map_or_else(
        || UNKNOWN.to_owned(),
        |price| format!("{} / {}", dollars(&price.input), dollars(&price.output)),
    )
}

/// Decimal text as dollars, with cents at least: `1.1` is `$1.10`, `0.075` stays.
pub(super) fn dollars(decimal: &str) -> String {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    format!("${}.{fraction:0<2}", if whole.is_empty() { "0" } else { whole })
}

/// The cost of a response in dollars, which is often less than a cent: at most six decimals.
pub(super) fn cost(decimal: &str) -> String {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let rest = |from: usize| {
        fraction
            .get(from..)
            .is_some_and(|rest| rest.bytes().any(|b| b != b'0'))
    };
    let digits = fraction.get(..6).unwrap_or(fraction);
    if rest(6) && whole.bytes().chain(digits.bytes()).all(|b| b == b'0') {
        return "<$0.000001".to_owned();
    }
    let about = if rest(6) { "≈" } else { "" };
    let digits = digits.trim_end_matches('0');
    format!("{about}{}", dollars(&format!("{whole}.{digits}")))
}

/// `yes`, `no` or a dash.
pub(super) fn yes_no(known: Option<bool>) -> &'static str {
    match known {
        Some(true) => "yes",
        Some(false) => "no",
        None => UNKNOWN,
    }
}

/// `85 tok/s`.
pub(super) fn speed(tokens_per_second: Option<f64>) -> String {
    match tokens_per_second {
        Some(speed) if speed.is_finite() && speed > 0.0 => format!("{} tok/s", three_digits(speed)),
        _ => UNKNOWN.to_owned(),
    }
}

/// A span of time: `40 µs`, `3.2 ms`, `1.24 s`, `2 min 5 s`.
pub(super) fn duration(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 1e-3 {
        format!("{} µs", span.as_micros())
    } else if seconds < 1.0 {
        format!("{} ms", three_digits(seconds * 1e3))
    } else if seconds < 60.0 {
        format!("{} s", three_digits(seconds))
    } else {
        format!("{} min {} s", span.as_secs() / 60, span.as_secs() % 60)
    }
}

/// A file's size: `231 KB`.
pub(super) fn bytes(count: u64) -> String {
    // Exact below 2^53, and rounded to three digits anyway.
    #[allow(clippy::cast_precision_loss, reason = "rounded to three digits")]
    let size = count as f64;
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{} KB", three_digits(size / 1e3)),
        _ => format!("{} MB", three_digits(size / 1e6)),
    }
}

/// `1 model`, `3 models`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Three significant digits, no trailing zeros; whole numbers stay whole.
fn three_digits(value: f64) -> String {
    let text = if value >= 99.95 {
        format!("{value:.0}")
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_as_models_are_advertised() {
        for (count, text) in [
            (0, "0"),
            (512, "512"),
            (4096, "4K"),
            (4095, "4.09K"),
            (40_960, "40K"),
            (64_000, "64K"),
            (131_072, "128K"),
            (163_840, "160K"),
            (202_752, "198K"),
            (200_000, "200K"),
            (262_144, "256K"),
            (128_123, "128K"),
            (1_000_000, "1M"),
            (1_048_576, "1M"),
            (1_048_575, "1.05M"),
            (10_485_760, "10M"),
        ] {
            assert_eq!(tokens(count), text, "{count}");
        }
        assert_eq!(known_tokens(None), UNKNOWN);
    }

    #[test]
    fn prices_have_cents_at_least_and_keep_further_digits() {
        let pair = |input: &str, output: &str| Price {
            input: input.into(),
            output: output.into(),
            cached_input: None,
        };
        assert_eq!(price(Some(&pair("0.27", "1.1"))), "$0.27 / $1.10");
        assert_eq!(price(Some(&pair("3", "0.075"))), "$3.00 / $0.075");
        assert_eq!(price(Some(&pair("0", ".5"))), "$0.00 / $0.50");
        assert_eq!(price(None), UNKNOWN);
    }

    #[test]
    fn a_small_cost_is_not_shown_as_zero() {
        assert_eq!(cost("0.0000004"), "<$0.000001");
        assert_eq!(cost("0.000123"), "$0.000123");
        assert_eq!(cost("0.0001234"), "≈$0.000123");
        assert_eq!(cost("1.5"), "$1.50");
        assert_eq!(cost("0"), "$0.00");
    }

    #[test]
    fn times_and_sizes_have_three_digits() {
        assert_eq!(duration(Duration::from_micros(40)), "40 µs");
        assert_eq!(duration(Duration::from_micros(3210)), "3.21 ms");
        assert_eq!(duration(Duration::from_millis(1240)), "1.24 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(bytes(231_456), "231 KB");
        assert_eq!(bytes(12), "12 B");
        assert_eq!(speed(Some(85.04)), "85 tok/s");
        assert_eq!(speed(None), UNKNOWN);
    }
}
