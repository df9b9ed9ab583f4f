//! Recent failures of models. Plain data; the caller passes the time.
//!
//! A cooldown decides whether a model is tried; this decides with how many retries. Does not know what a failure
//! was.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::cooldown::LONGEST_NAME;

/// How long a failure counts. Clients that retry by themselves wait at most a minute between two requests, and each
/// failure restarts the window.
const WINDOW: Duration = Duration::from_secs(120);
/// The most models with a recorded failure.
const MANY: usize = 1024;

/// The last failure of each model.
#[derive(Default)]
pub(super) struct RecentFailures(HashMap<String, Instant>);

impl RecentFailures {
    /// Whether a model has failed within the window.
    pub(super) fn has(&self, model: &str, now: Instant) -> bool {
        self.0
            .get(model)
            .is_some_and(|at| now.saturating_duration_since(*at) < WINDOW)
    }

    pub(super) fn failed(&mut self, model: &str, now: Instant) {
        if model.len() > LONGEST_NAME {
            return;
        }
        if self.0.len() >= MANY && !self.0.contains_key(model) {
            self.0.retain(|_, at| now.saturating_duration_since(*at) < WINDOW);
            if self.0.len() >= MANY {
                let oldest = self.0.iter().min_by_key(|(_, at)| **at);
                if let Some(model) = oldest.map(|(model, _)| model.clone()) {
                    self.0.remove(&model);
                }
            }
        }
        self.0.insert(model.to_owned(), now);
    }

    pub(super) fn recovered(&mut self, model: &str) {
        self.0.remove(model);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_for_two_minutes_or_until_a_success() {
        let (mut recent, now) = (RecentFailures::default(), Instant::now());
        recent.failed("m", now);
        assert!(recent.has("m", now + WINDOW - Duration::from_millis(1)));
        assert!(!recent.has("m", now + WINDOW));
        recent.recovered("m");
        assert!(!recent.has("m", now));
    }

    #[test]
    fn of_many_models_the_oldest_failure_is_forgotten() {
        let (mut recent, now) = (RecentFailures::default(), Instant::now());
        for index in 0..=MANY as u64 {
            recent.failed(&index.to_string(), now + Duration::from_millis(index));
        }
        assert_eq!(recent.0.len(), MANY);
        assert!(!recent.has("0", now) && recent.has("1", now));
        recent.failed(&"x".repeat(LONGEST_NAME + 1), now);
        assert_eq!(recent.0.len(), MANY);
    }
}
