//! When to try again: what an upstream asks for, else a growing wait that is spread, so that callers that
//! failed together do not come back together.

use alloc::{string::String, vec::Vec};

use crate::error::{header, thousandths};

/// The longest wait for another try. Who is asked to wait longer is told so instead.
pub(super) const LONGEST_WAIT_MS: u32 = 60_000;
/// The first wait without a word from the upstream.
const FIRST_WAIT_MS: u64 = 500;

/// What the headers ask for: `Retry-After-Ms` in milliseconds, else `Retry-After` in seconds, or a date of which the
/// response's own `Date` is taken off. A date without `Date` says nothing: this side has no clock that shows the time
/// of day.
pub(super) fn retry_after_ms(headers: &[(String, Vec<u8>)]) -> Option<u32> {
    let short = || thousandths(header(headers, "retry-after-ms")?.trim());
    let ms = match short() {
        Some(ms) => ms.div_ceil(1000),
        None => {
            let text = header(headers, "retry-after")?;
            let text = text.trim();
            thousandths(text).or_else(|| {
                let (then, now) = (
                    date_seconds(text)?,
                    date_seconds(header(headers, "date")?.trim())?,
                );
                Some(then.saturating_sub(now).saturating_mul(1000))
            })?
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(retry_after: &str, date: Option<&str>) -> Option<u32> {
        let mut headers = alloc::vec![("Retry-After".into(), retry_after.into())];
        headers.extend(date.map(|date| ("DATE".into(), date.into())));
        retry_after_ms(&headers)
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(asked("2", None), Some(2000));
        assert_eq!(asked(" 0.25 ", None), Some(250));
        assert_eq!(asked("0", None), Some(0));
        assert_eq!(asked("99999999999999999999", None), Some(u32::MAX));
        for text in ["", "-1", "soon", "1e3", "."] {
            assert_eq!(asked(text, None), None, "{text}");
        }
    }

    #[test]
    fn milliseconds_count_before_seconds_and_may_have_a_fraction() {
        let asked = |ms: &str| {
            retry_after_ms(&[
                ("retry-after".into(), "7".into()),
                ("Retry-After-Ms".into(), ms.into()),
            ])
        };
        assert_eq!(asked("300"), Some(300));
        assert_eq!(asked("0.4"), Some(1));
        assert_eq!(asked("1500.0"), Some(1500));
        assert_eq!(asked("99999999999999999999"), Some(u32::MAX));
        for text in ["", "-1", "soon"] {
            assert_eq!(asked(text), Some(7000), "{text}");
        }
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT", Some(date)), Some(30_000));
        assert_eq!(asked("Sunday, 06-Nov-94 08:50:07 GMT", Some(date)), Some(30_000));
        assert_eq!(asked("Sun Nov  6 08:50:07 1994", Some(date)), Some(30_000));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT", Some(date)), Some(0));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
        assert_eq!(
            asked(
                "Mon, 29 Feb 2028 00:00:00 GMT",
                Some("Sun, 28 Feb 2028 23:59:59 GMT")
            ),
            Some(1000)
        );
    }

    #[test]
    fn dates_are_counted_as_calendars_do() {
        assert_eq!(date_seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date_seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(date_seconds("Fri, 01 Mar 2024 00:00:00 GMT"), Some(1_709_251_200));
    }

    #[test]
    fn waits_double_and_stay_within_a_quarter() {
        for seed in 0..200 {
            for (failures, base) in [(1, 500), (2, 1000), (3, 2000)] {
                let wait = backoff_ms(failures, seed);
                assert!((base * 3 / 4..=base * 5 / 4).contains(&wait), "{wait}");
            }
            assert!(backoff_ms(40, seed) <= LONGEST_WAIT_MS);
        }
        assert_ne!(backoff_ms(1, 1), backoff_ms(1, 2));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text in ".*", date in "([A-Za-z]{3},? ?|[0-9]{1,4}[ :-]){0,9}") {
            asked(&text, Some(&date));
            asked(&date, Some(&text));
        }
    }
}
