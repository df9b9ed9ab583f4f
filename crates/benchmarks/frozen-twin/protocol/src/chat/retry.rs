//! When to try again: what an upstream asks for, else a growing wait that is spread, so that callers that
//! failed together do not come back together.

use alloc::{string::String, vec::Vec};

use crate::error::header;

/// The longest wait for another try. Who is asked to wait longer is told so instead.
pub(super) const LONGEST_WAIT_MS: u32 = 60_000;
/// The first wait without a word from the upstream.
const FIRST_WAIT_MS: u64 = 500;

/// What the header `Retry-After` asks for: seconds, or a date of which the answer's own `Date` is taken off.
/// A date without `Date` says nothing: this side has no clock that shows the time of day.
pub(super) fn retry_after_ms(headers: &[(String, Vec<u8>)]) -> Option<u32> {
    let text = header(headers, "retry-after")?;
    let text = text.trim();
    let ms = match decimal_ms(text) {
        Some(ms) => ms,
        None => {
            let (then, now) = (
                date_seconds(text)?,
                date_seconds(header(headers, "date")?.trim())?,
            );
            then.saturating_sub(now).saturating_mul(1000)
        }
    };
    Some(u32::try_from(ms).unwrap_or(u32::MAX))
}

/// How long to wait before another try without a word from the upstream: 0.5 s, 1 s, 2 s, …, each within a
/// quarter.
pub(super) fn backoff_ms(failures: u32, seed: u64) -> u32 {
    let base = FIRST_WAIT_MS << failures.saturating_sub(1).min(7);
    let spread = mix(seed ^ u64::from(failures)) % (base / 2 + 1);
    u32::try_from(base - base / 4 + spread)
        .unwrap_or(LONGEST_WAIT_MS)
        .min(LONGEST_WAIT_MS)
}

/// SplitMix64's step: neighbouring seeds give unlike numbers.
pub(super) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Seconds, with a fraction or without, in milliseconds.
fn decimal_ms(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let seconds = whole.parse::<u64>().unwrap_or(u64::MAX);
    let thousandths = fraction
        .bytes()
        .chain(*b"000")
        .take(3)
        .fold(0, |ms, digit| ms * 10 + u64::from(digit - b'0'));
    Some(seconds.saturating_mul(1000).saturating_add(thousandths))
}

/// A date of HTTP, in any of its three forms, as seconds since 1970.
fn date_seconds(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let (mut day, mut month, mut year, mut time) = (None, None, None, None);
    for word in text.split([' ', ',', '-']).filter(|word| !word.is_empty()) {
        if word.contains(':') {
            let mut parts = word
                .split(':')
                .map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
            time = Some(parts.next()?? * 3600 + parts.next()?? * 60 + parts.next()??);
        } else if let Ok(number) = word.parse::<u64>() {
            *(if day.is_none() { &mut day } else { &mut year }) = Some(number);
        } else {
            let start = word.get(..3)?.to_ascii_lowercase();
            month = month.or(MONTHS.iter().position(|name| *name == start));
        }
    }
    let (day, month, time) = (day?, month?, time?);
    let year = match year? {
        short @ 0..=69 => short + 2000,
        short @ 70..=99 => short + 1900,
        year @ 1970..=9999 => year,
        _ => return None,
    };
    if !(1..=31).contains(&day) {
        return None;
    }
    // Days before the year, then before the month.
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = leaps(year) > leaps(year - 1);
    let before_month = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334].get(month)?;
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before_month + day - 1;
    Some((days + u64::from(is_leap && month > 1)) * 86_400 + time)
}
