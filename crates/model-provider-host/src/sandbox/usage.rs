//! Guest time of one store: the total, for the limit, and recent use, for the scheduling. Knows no queue and no limit.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The half-life of a guest's recorded use.
const HALF_LIFE: Duration = Duration::from_secs(1);

/// The use of one guest, shared by its calls, whose polls it measures, and its store, which checks the limit.
pub(super) struct Usage {
    /// Guest time in nanoseconds, as of the last poll that ended.
    spent: AtomicU64,
    /// When the present poll started, in nanoseconds after `made`; [`IDLE`] if there is none.
    since: AtomicU64,
    made: Instant,
    recent: Mutex<Recent>,
}

/// No poll runs.
const IDLE: u64 = u64::MAX;

/// Recent use, with exponential decay by [`HALF_LIFE`].
struct Recent {
    used: Duration,
    seen: Duration,
    at: Instant,
}

impl Usage {
    pub(super) fn new() -> Self {
        let made = Instant::now();
        Self {
            spent: AtomicU64::new(0),
            since: AtomicU64::new(IDLE),
            made,
            recent: Mutex::new(Recent {
                used: Duration::ZERO,
                seen: Duration::ZERO,
                at: made,
            }),
        }
    }

    /// The guest time so far, with that of a poll that runs now.
    pub(super) fn so_far(&self) -> Duration {
        self.spent().saturating_add(self.running())
    }

    /// The recent use, without that of a poll that runs now.
    pub(super) fn recently(&self) -> Duration {
        let spent = self.spent();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.update(spent, Instant::now())
    }

    /// The guest time of the polls that ended.
    fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed))
    }

    /// How long the present poll has run.
    pub(super) fn running(&self) -> Duration {
        match self.since.load(Relaxed) {
            IDLE => Duration::ZERO,
            since => self.made.elapsed().saturating_sub(Duration::from_nanos(since)),
        }
    }

    /// Starts the stopwatch; dropping the result stops it.
    pub(super) fn start(&self) -> Stopwatch<'_> {
        self.since.store(nanos(self.made.elapsed()), Relaxed);
        Stopwatch(self)
    }
}

/// One poll of a call.
pub(super) struct Stopwatch<'u>(&'u Usage);

impl Drop for Stopwatch<'_> {
    fn drop(&mut self) {
        let Self(usage) = self;
        let spent = usage.so_far();
        usage.spent.store(nanos(spent), Relaxed);
        usage.since.store(IDLE, Relaxed);
    }
}

impl Recent {
    /// Use since the last update counts as spread evenly.
    fn update(&mut self, spent: Duration, now: Instant) -> Duration {
        let lives = now.saturating_duration_since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        let left = 0.5_f64.powf(lives);
        let evenly = match lives * std::f64::consts::LN_2 {
            short if short < 1e-6 => 1.0,
            span => (1.0 - left) / span,
        };
        let used = self.used.mul_f64(left) + spent.saturating_sub(self.seen).mul_f64(evenly);
        *self = Self {
            used,
            seen: spent,
            at: now,
        };
        used
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_was_used_long_ago_counts_little() {
        let start = Instant::now();
        let mut recent = Recent {
            used: Duration::ZERO,
            seen: Duration::ZERO,
            at: start,
        };
        assert_eq!(recent.update(8 * MS, start), 8 * MS);
        let later = recent.update(8 * MS, start + 3 * HALF_LIFE);
        assert!(later.abs_diff(MS) < MS / 100, "{later:?}");
        // A second of work in the course of a minute is little as well.
        let slow = recent.update(1008 * MS, start + 63 * HALF_LIFE);
        assert!(slow < 30 * MS, "{slow:?}");
    }
}
