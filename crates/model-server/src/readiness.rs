//! Readiness: whether the server should get requests. Knows no HTTP.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;

use super::{Service, current::Current};
use model_provider_host::{Host, contract::settings::CredentialState};

/// How long a failed self-test is not repeated: anybody may ask, and it takes the plugin's time.
const TEST_AGAIN: Duration = Duration::from_secs(1);
/// The interval between log lines about failed self-tests.
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// The result of the checks so far.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    tested: OnceCell<()>,
    is_ending: AtomicBool,
    /// When the last self-test failed, and when a failure was last logged.
    failed: Mutex<Option<(Instant, Instant)>>,
}

impl Readiness {
    /// Marks the server as shutting down: requests are still served, but load balancers should send no more.
    pub(super) fn ending(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// Whether the plugin has just failed its self-test.
    fn has_just_failed(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|(last, _)| last.elapsed() < TEST_AGAIN)
    }

    /// Remembers a failed self-test; whether it is logged.
    fn fail(&self) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let logged = failed.map(|(_, logged)| logged);
        let logged = logged.filter(|logged| now.duration_since(*logged) < LOG_AGAIN);
        *failed = Some((now, logged.unwrap_or(now)));
        logged.is_none()
    }

    /// The reasons why it is not ready; empty if it is.
    pub(super) fn reasons(&self, host: &Host) -> Vec<&'static str> {
        let reasons = [
            (self.is_ending() || host.is_draining(), "draining"),
            (!self.tested.initialized(), "self-test"),
            (host.credential() == CredentialState::Missing, "no-credential"),
        ];
        let reasons = reasons.into_iter().filter(|(is_so, _)| *is_so);
        reasons.map(|(_, reason)| reason).collect()
    }
}

impl Service {
    /// The reasons why it is not ready. Until the plugin has passed its self-test once, calls run it, one at a time; a
    /// swap tests the next plugin by itself.
    pub(super) async fn readiness(&self, current: &Current) -> Vec<&'static str> {
        let readiness = &self.0.readiness;
        let test = || async {
            if readiness.has_just_failed() {
                return Err(());
            }
            current.host.self_test().await.map_err(|error| {
                if readiness.fail() {
                    tracing::warn!(%error, "the plugin failed its self-test");
                }
            })
        };
        // Its failure is one of the reasons.
        let _ = readiness.tested.get_or_try_init(test).await;
        readiness.reasons(&current.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_failed_self_tests_one_is_logged() {
        let readiness = Readiness::default();
        assert!(!readiness.has_just_failed());
        let logged: Vec<bool> = (0..3).map(|_| readiness.fail()).collect();
        assert_eq!(logged, [true, false, false]);
        assert!(readiness.has_just_failed());
    }
}
