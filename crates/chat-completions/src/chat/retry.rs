//! Retry timing: the wait that the upstream requests, or else exponential backoff with jitter, so that callers that
//! failed together do not retry together.

use alloc::{string::String, vec::Vec};

use crate::error::{exact, header, thousandths};

/// The longest backoff. If the upstream requests a longer one, the call ends and the error reports it.
pub(super) const LONGEST_WAIT_MS: u32 = 60_000;
/// What says that a limit is renewed later than this means another thing, such as a date.
const LONGEST_RESET_MS: u32 = 86_400_000;
/// The first backoff when the upstream requests none.
const FIRST_WAIT_MS: u64 = 500;

/// The wait that the headers request: `Retry-After-Ms` in milliseconds, else `Retry-After` in seconds, or as a date
/// relative to the response's own `Date`. A date without `Date` is ignored: the component has no wall clock.
pub(super) fn retry_after_ms(headers: &[(String, Vec<u8>)]) -> Option<u32> {
    let short = || thousandths(header(headers, "retry-after-ms")?.trim());
    let ms = if let Some(ms) = short() {
        ms.div_ceil(1000)
    } else {
        let text = header(headers, "retry-after")?;
        let text = text.trim();
        let seconds = exact(text).map(u64::from);
        seconds.or_else(|| {
            let (then, now) = (
                date_seconds(text)?,
                date_seconds(header(headers, "date")?.trim())?,
            );
            Some(then.saturating_sub(now).saturating_mul(1000))
        })?
    };
    Some(u32::try_from(ms).unwrap_or(u32::MAX))
}

/// When the limit that was reached is renewed, as some backends say of each of two limits. Without a limit that says that
/// nothing remains, the one that is renewed first. A time that is too long for a wait is a date.
pub(super) fn reset_ms(headers: &[(String, Vec<u8>)]) -> Option<u32> {
    let limits = [
        ("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"),
        ("x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
        // Without a name of what is limited, there is one limit.
        ("ratelimit-reset", ""),
        ("x-ratelimit-reset", ""),
    ];
    let reset = |name: &str| exact(&header(headers, name)?).filter(|ms| *ms <= LONGEST_RESET_MS);
    let is_reached = |name: &str| header(headers, name).is_some_and(|left| left.trim() == "0");
    let reached = limits.iter().filter(|(_, left)| is_reached(left));
    reached
        .filter_map(|(name, _)| reset(name))
        .max()
        .or_else(|| limits.iter().filter_map(|(name, _)| reset(name)).min())
}

/// The backoff when the upstream requests none: 0.5 s, 1 s, 2 s, …, each with a jitter of a quarter.
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

/// A date of HTTP, in any of its three forms, or of ISO 8601, as seconds since 1970.
fn date_seconds(text: &str) -> Option<u64> {
    iso_seconds(text).or_else(|| http_seconds(text))
}

/// `2026-11-29T00:00:30Z`, with a fraction, a blank or another zone as well.
fn iso_seconds(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, zone) = time.split_at_checked(time.find(['Z', 'z', '+', '-', ' ']).unwrap_or(time.len()))?;
    if !matches!(zone.trim(), "" | "Z" | "z" | "UTC" | "+00:00" | "+0000") {
        return None;
    }
    let month = usize::try_from(month).ok()?.checked_sub(1)?;
    seconds(year, month, day, clock_seconds(time.split('.').next()?)?)
}

/// `00:00:30`.
fn clock_seconds(text: &str) -> Option<u64> {
    let mut parts = text
        .split(':')
        .map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    Some(parts.next()?? * 3600 + parts.next()?? * 60 + parts.next()??)
}

fn http_seconds(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let (mut day, mut month, mut year, mut time) = (None, None, None, None);
    for word in text.split([' ', ',', '-']).filter(|word| !word.is_empty()) {
        if word.contains(':') {
            time = Some(clock_seconds(word)?);
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
    seconds(year, month, day, time)
}

/// The seconds since 1970 at a time of a day; January is month 0.
fn seconds(year: u64, month: usize, day: u64, time: u64) -> Option<u64> {
    if !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
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

    fn requested(retry_after: &str, date: Option<&str>) -> Option<u32> {
        let mut headers = alloc::vec![("Retry-After".into(), retry_after.into())];
        headers.extend(date.map(|date| ("DATE".into(), date.into())));
        retry_after_ms(&headers)
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(requested("2", None), Some(2000));
        assert_eq!(requested(" 0.25 ", None), Some(250));
        assert_eq!(requested("0", None), Some(0));
        assert_eq!(requested("99999999999999999999", None), Some(u32::MAX));
        for text in ["", "-1", "soon", "1e3", "."] {
            assert_eq!(requested(text, None), None, "{text}");
        }
    }

    #[test]
    fn milliseconds_count_before_seconds_and_may_have_a_fraction() {
        let requested = |ms: &str| {
            retry_after_ms(&[
                ("retry-after".into(), "7".into()),
                ("Retry-After-Ms".into(), ms.into()),
            ])
        };
        assert_eq!(requested("300"), Some(300));
        assert_eq!(requested("0.4"), Some(1));
        assert_eq!(requested("1500.0"), Some(1500));
        assert_eq!(requested("99999999999999999999"), Some(u32::MAX));
        for text in ["", "-1", "soon"] {
            assert_eq!(requested(text), Some(7000), "{text}");
        }
    }

    #[test]
    fn a_date_counts_from_the_responses_own_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(
            requested("Sun, 06 Nov 1994 08:50:07 GMT", Some(date)),
            Some(30_000)
        );
        assert_eq!(
            requested("Sunday, 06-Nov-94 08:50:07 GMT", Some(date)),
            Some(30_000)
        );
        assert_eq!(requested("Sun Nov  6 08:50:07 1994", Some(date)), Some(30_000));
        assert_eq!(requested("Sun, 06 Nov 1994 08:00:00 GMT", Some(date)), Some(0));
        assert_eq!(requested("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
        assert_eq!(
            requested(
                "Mon, 29 Feb 2028 00:00:00 GMT",
                Some("Sun, 28 Feb 2028 23:59:59 GMT")
            ),
            Some(1000)
        );
    }

    #[test]
    fn a_duration_and_a_date_of_iso_8601_are_waits_too() {
        let date = "Sun, 29 Nov 2026 00:00:00 GMT";
        assert_eq!(requested("5s", None), Some(5000));
        assert_eq!(requested("1m30s", None), Some(90_000));
        for text in [
            "2026-11-29T00:00:30Z",
            "2026-11-29 00:00:30",
            "2026-11-29T00:00:30.25+00:00",
        ] {
            assert_eq!(requested(text, Some(date)), Some(30_000), "{text}");
        }
        assert_eq!(requested("2026-11-29T00:00:30+02:00", Some(date)), None);
    }

    #[test]
    fn the_limit_that_was_reached_says_when_it_is_renewed() {
        let reset = |headers: &[(&str, &str)]| {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect();
            reset_ms(&headers)
        };
        let both = [
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-reset-tokens", "1m26.4s"),
        ];
        assert_eq!(reset(&both), Some(1000));
        let reached = [both[0], both[1], ("x-ratelimit-remaining-tokens", "0")];
        assert_eq!(reset(&reached), Some(86_400));
        assert_eq!(reset(&[("x-ratelimit-reset-tokens", "1764000000")]), None);
        assert_eq!(reset(&[("ratelimit-reset", "7")]), Some(7000));
        assert_eq!(reset(&[("x-ratelimit-reset", "7")]), Some(7000));
        assert_eq!(reset(&[("x-ratelimit-reset", "1764000000000")]), None);
        assert_eq!(reset(&[]), None);
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
            requested(&text, Some(&date));
            requested(&date, Some(&text));
        }
    }
}
