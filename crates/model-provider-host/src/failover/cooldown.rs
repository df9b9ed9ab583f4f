//! Cooldowns of models: which, why and for how long. Plain data; the caller passes the time.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::error::Error;

/// The first cooldown of a model without a `retry-after`.
const SHORTEST: Duration = Duration::from_secs(60);
/// The upper bound of the doubling. A failure later than this after the last cooldown starts over.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// The upper bound of an upstream's `retry-after`.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);
/// The longest key of a cooldown.
pub(super) const LONGEST_NAME: usize = 512;
/// The most models with a cooldown.
const MANY: usize = 1024;

/// The cooldowns by model.
#[derive(Default)]
pub(super) struct Cooldowns(HashMap<String, Rest>);

/// A model on cooldown.
struct Rest {
    until: Instant,
    failures: u32,
    error: Error,
}

impl Cooldowns {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Why a model is skipped now: the error that started its cooldown, with the remaining time.
    pub(super) fn passes_over(&self, model: &str, now: Instant) -> Option<Error> {
        let rest = self.0.get(model)?;
        let left = rest.until.saturating_duration_since(now);
        if left.is_zero() {
            return None;
        }
        let mut details = rest.error.details().clone();
        let seconds = left.as_secs_f64().ceil();
        details.message = format!("on cooldown for {seconds} s more, after: {}", details.message);
        details.code = Some("cooling-down".to_owned());
        details.retryable = true;
        details.retry_after_ms = u32::try_from(left.as_millis()).ok();
        details.request_sent = false;
        details.attempts = 0;
        Some(Error::from(details))
    }

    pub(super) fn recovered(&mut self, model: &str) {
        self.0.remove(model);
    }

    /// Records a failure. Only those that the next request would meet as well start a cooldown: no credit, rate
    /// limit, upstream failure.
    pub(super) fn failed(&mut self, model: &str, error: &Error, now: Instant) {
        if !matches!(error.details().status, Some(402 | 429 | 500..=599)) || model.len() > LONGEST_NAME {
            return;
        }
        let before = self.0.get(model).filter(|rest| now < rest.until + LONGEST);
        let failures = before.map_or(0, |rest| rest.failures).saturating_add(1);
        let doubled = SHORTEST
            .saturating_mul(2u32.saturating_pow(failures - 1))
            .min(LONGEST);
        let rest = Rest {
            until: now
                + error
                    .retry_after()
                    .map_or(doubled, |asked| asked.min(LONGEST_ASKED)),
            failures,
            error: error.clone(),
        };
        if self.0.len() >= MANY && !self.0.contains_key(model) {
            self.forget(now);
        }
        self.0.insert(model.to_owned(), rest);
    }

    /// Makes room: drops expired cooldowns, else the one that expires first.
    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, rest| rest.until > now);
        if self.0.len() >= MANY {
            let first = self.0.iter().min_by_key(|(_, rest)| rest.until);
            if let Some(model) = first.map(|(model, _)| model.clone()) {
                self.0.remove(&model);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::status, *};

    #[test]
    fn a_name_that_is_too_long_is_not_remembered() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        for (length, remembered) in [(LONGEST_NAME + 1, 0), (LONGEST_NAME, 1)] {
            cooldowns.failed(&"x".repeat(length), &status(503), now);
            assert_eq!(cooldowns.len(), remembered);
        }
    }

    #[test]
    fn a_cool_down_doubles_up_to_ten_minutes_and_ends_with_a_success() {
        let mut all = Cooldowns::default();
        let mut now = Instant::now();
        for seconds in [60, 120, 240, 480, 600, 600] {
            all.failed("m", &status(503), now);
            let end = now + Duration::from_secs(seconds);
            assert!(all.passes_over("m", end - Duration::from_millis(1)).is_some());
            assert!(all.passes_over("m", end).is_none(), "{seconds}");
            now = end;
        }
        all.recovered("m");
        all.failed("m", &status(402), now);
        assert!(all.passes_over("m", now + Duration::from_secs(60)).is_none());
        let much_later = now + Duration::from_secs(60 * 60);
        all.failed("m", &status(402), much_later);
        assert!(
            all.passes_over("m", much_later + Duration::from_secs(60))
                .is_none()
        );
    }

    #[test]
    fn what_the_upstream_says_about_waiting_counts() {
        let mut all = Cooldowns::default();
        let now = Instant::now();
        let mut details = status(429).details().clone();
        details.retry_after_ms = Some(5000);
        all.failed("m", &Error::from(details), now);
        let error = all.passes_over("m", now + Duration::from_secs(1)).unwrap();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(4)));
        assert_eq!(error.details().code.as_deref(), Some("cooling-down"));
        assert_eq!(error.message(), "on cooldown for 4 s more, after: status 429");
        assert!(all.passes_over("m", now + Duration::from_secs(5)).is_none());
    }

    #[test]
    fn a_retry_after_never_causes_a_cooldown_of_more_than_an_hour() {
        let mut all = Cooldowns::default();
        let now = Instant::now();
        let mut details = status(503).details().clone();
        details.retry_after_ms = Some(u32::MAX);
        all.failed("m", &Error::from(details), now);
        assert!(all.passes_over("m", now + LONGEST_ASKED / 2).is_some());
        assert!(all.passes_over("m", now + LONGEST_ASKED).is_none());
    }

    #[test]
    fn of_many_models_the_one_whose_cool_down_ends_first_is_forgotten() {
        let mut all = Cooldowns::default();
        let now = Instant::now();
        for index in 0..3 * MANY as u64 {
            all.failed(
                &index.to_string(),
                &status(503),
                now + Duration::from_millis(index),
            );
        }
        assert_eq!(all.len(), MANY);
        let last = now + Duration::from_millis(3 * MANY as u64);
        assert!(all.passes_over(&(3 * MANY - 1).to_string(), last).is_some());
        // Expired ones go first.
        all.failed("m", &status(503), last + LONGEST);
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn only_failures_that_last_lead_to_a_cool_down() {
        let mut all = Cooldowns::default();
        for code in [400, 401, 403, 404, 408, 424] {
            all.failed("m", &status(code), Instant::now());
        }
        assert_eq!(all.len(), 0);
        for (index, code) in [402, 429, 500, 502, 503, 504, 529].into_iter().enumerate() {
            all.failed(&code.to_string(), &status(code), Instant::now());
            assert_eq!(all.len(), index + 1);
        }
    }

    #[test]
    fn no_number_of_failures_makes_it_fail() {
        let mut all = Cooldowns::default();
        let now = Instant::now();
        for _ in 0..100 {
            all.failed("m", &status(500), now);
        }
        assert!(all.passes_over("m", now + LONGEST).is_none());
    }
}
