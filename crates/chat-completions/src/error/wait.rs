//! Waits that an upstream's message requests: "try again in 14m24s".

use crate::text::find;

/// Phrases that precede the time.
const LEADS: [&str; 10] = [
    "try again in",
    "try again after",
    "try in",
    "retry in",
    "retry after",
    "retrying in",
    "available again in",
    "resets in",
    "reset in",
    "please wait",
];
/// Words between phrase and time, or between the parts of a time.
const FILLERS: [&str; 8] = [
    "about",
    "approximately",
    "around",
    "at",
    "least",
    "another",
    "for",
    "and",
];

/// The time in a message, in milliseconds. `None` if it has none.
pub(super) fn in_words(text: &str) -> Option<u32> {
    let text = text.to_ascii_lowercase();
    let ms = LEADS
        .iter()
        .filter_map(|lead| text.get(find(&text, lead)? + lead.len()..))
        .find_map(duration)
        .map(|(ms, _)| ms)?;
    Some(u32::try_from(ms).unwrap_or(u32::MAX))
}

/// A text that is a time and nothing else, in milliseconds.
pub(crate) fn exact(text: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let (ms, _) = duration(&text).filter(|(_, rest)| rest.trim().is_empty())?;
    Some(u32::try_from(ms).unwrap_or(u32::MAX))
}

/// The time at the beginning of a text, and what follows it: `14m24s`, `1.5s`, `2 hours`, `1 minute and 30 seconds`. A
/// number without a unit is seconds.
fn duration(text: &str) -> Option<(u64, &str)> {
    let mut rest = text;
    let mut sum: Option<u64> = None;
    loop {
        let so_far = sum.map(|sum| (sum, rest));
        rest = rest.trim_start_matches([' ', ':', ',', '~', '`', '"', '\'']);
        let (word, behind) = split_while(rest, is_letter);
        if FILLERS.contains(&word) {
            rest = behind;
            continue;
        }
        let (number, behind) = match word {
            "a" | "an" | "one" => (1000, behind),
            "" => {
                let (digits, behind) = split_while(rest, |c| c.is_ascii_digit() || c == '.');
                // A full stop ends a sentence.
                match thousandths(digits.trim_end_matches('.')) {
                    Some(number) => (number, behind),
                    None => return so_far,
                }
            }
            _ => return so_far,
        };
        let (unit, after) = split_while(behind.trim_start_matches([' ', '-']), is_letter);
        let Some(unit) = micros(unit) else {
            return so_far.or((word.is_empty()).then_some((number, behind)));
        };
        let part = number.saturating_mul(unit).div_ceil(1_000_000);
        sum = Some(sum.unwrap_or_default().saturating_add(part));
        rest = after;
    }
}

/// A unit of time in microseconds.
fn micros(unit: &str) -> Option<u64> {
    Some(match unit {
        "us" | "µs" | "μs" | "usec" | "microsecond" | "microseconds" => 1,
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 1000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000_000,
        "d" | "day" | "days" => 86_400_000_000,
        _ => return None,
    })
}

/// A letter of a unit; two signs are written for micro.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, 'µ' | 'μ')
}

/// The beginning of a text that consists of such characters, and what follows it.
fn split_while(text: &str, is_such: fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !is_such(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A decimal number, with a fraction or without, in thousandths.
pub(crate) fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let number = whole.parse::<u64>().unwrap_or(u64::MAX);
    let rest = fraction
        .bytes()
        .chain(*b"000")
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(number.saturating_mul(1000).saturating_add(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_in_words_is_read_in_every_unit() {
        for (text, ms) in [
            ("Limit 100, Used 100. Please try again in 14m24s.", Some(864_000)),
            ("Please try again in 149.8ms. ", Some(150)),
            ("Try again in 1.5s", Some(1500)),
            ("try again in 2 hours.", Some(7_200_000)),
            ("try again in 1h2m3.4s", Some(3_723_400)),
            ("try again in 1 minute and 30 seconds", Some(90_000)),
            ("try again in 1 day, 2 hours", Some(93_600_000)),
            ("Please retry after 30 seconds.", Some(30_000)),
            ("retry after 30.", Some(30_000)),
            ("Rate limited; retry in about 5 min", Some(300_000)),
            ("Try again in a minute", Some(60_000)),
            ("try again in 24h0m0s", Some(86_400_000)),
            ("try again after: 20s", Some(20_000)),
            ("your quota resets in 3 days", Some(259_200_000)),
            ("try again in 0s", Some(0)),
            ("Please try again in 500µs.", Some(1)),
            ("try again in 2500us", Some(3)),
            ("try again in 99999999999999999999 days", Some(u32::MAX)),
            ("Try again later.", None),
            ("try again in a few minutes", None),
            ("try again in .", None),
            ("Please wait 5 seconds.", Some(5000)),
            ("Please wait for 30 seconds.", Some(30_000)),
            ("you have to wait for the quota", None),
            ("", None),
        ] {
            assert_eq!(in_words(text), ms, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_a_time_and_nothing_else_is_read_whole() {
        for (text, ms) in [
            ("5s", Some(5000)),
            (" 1m26.4s ", Some(86_400)),
            ("30", Some(30_000)),
            ("32.1", Some(32_100)),
            ("6m0s", Some(360_000)),
            ("1e3", None),
            ("soon", None),
            ("5s later", None),
            ("", None),
        ] {
            assert_eq!(exact(text), ms, "{text}");
        }
    }

    #[test]
    fn decimals_are_read_to_the_thousandth() {
        assert_eq!(thousandths("2"), Some(2000));
        assert_eq!(thousandths("0.25"), Some(250));
        assert_eq!(thousandths("0.0009"), Some(0));
        for text in ["", "-1", "soon", "1e3", ".", "1.2.3"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(try again in|retry after)?[ 0-9.a-zé]{0,24}") {
            in_words(&text);
        }
    }
}
