//! Readiness: whether the server should get requests. Knows no HTTP.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::OnceCell;

use super::{Service, current::Current};
use model_provider_host::{Host, contract::settings::CredentialState};

/// The result of the checks so far.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    tested: OnceCell<()>,
    is_ending: AtomicBool,
}

impl Readiness {
    /// Marks the server as shutting down: requests are still served, but load balancers should send no more.
    pub(super) fn ending(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
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
    /// The reasons why it is not ready. Until the plugin has passed its self-test once, each call runs it; a swap
    /// tests the next plugin by itself.
    pub(super) async fn readiness(&self, current: &Current) -> Vec<&'static str> {
        let readiness = &self.0.readiness;
        let test = || async {
            let tested = current.host.self_test().await;
            tested.inspect_err(|error| tracing::warn!(%error, "the plugin failed its self-test"))
        };
        // Its failure is one of the reasons.
        let _ = readiness.tested.get_or_try_init(test).await;
        readiness.reasons(&current.host)
    }
}
