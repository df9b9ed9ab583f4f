//! Whether the server should get requests, beside whether it lives. Knows no HTTP.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::OnceCell;

use super::{Service, current::Current};
use model_provider_host::{Host, contract::settings::CredentialState};

/// What was found out so far.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    tested: OnceCell<()>,
    is_ending: AtomicBool,
}

impl Readiness {
    /// The server is about to end: what comes now is answered, and nothing more should be sent here.
    pub(super) fn ending(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// Why it should get none; empty if it should.
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
    /// Why it should get no requests. Until the plugin has passed its self-test once, asking tests it; a swap tests the
    /// next one by itself.
    pub(super) async fn readiness(&self, current: &Current) -> Vec<&'static str> {
        let readiness = &self.0.readiness;
        let test = || async {
            let tested = current.host.self_test().await;
            tested.inspect_err(|error| tracing::warn!(%error, "the plugin failed its self-test"))
        };
        // That it failed is one of the reasons.
        let _ = readiness.tested.get_or_try_init(test).await;
        readiness.reasons(&current.host)
    }
}
