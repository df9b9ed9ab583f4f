//! Guest time: how long the polls of a call have run: its instance, its code, the host functions that it calls, and the
//! values that are passed. Waiting in the host is between polls and does not count, so a stream with long pauses is cheap,
//! while a loop of host calls is not.
//!
//! Epoch deadlines of wasmtime are absolute and continue while a guest waits. So the epoch deadline here only
//! interrupts guest code regularly, and the limit is checked against the time that [`FairShare`] has measured.

use std::time::Duration;

use super::fair::FairShare;
use crate::limits::StopReason;

/// The guest time of one call, and its limit.
pub(crate) struct GuestTime {
    budget: Duration,
    /// Set once it is in a store.
    share: Option<FairShare>,
}

impl GuestTime {
    pub(crate) fn new(budget: Duration) -> Self {
        Self { budget, share: None }
    }

    /// Takes a share of the scheduling of guests, which measures its time.
    pub(super) fn share(&mut self, share: FairShare) {
        self.share = Some(share);
    }

    /// Its share of the scheduling of guests.
    pub(crate) fn fair(&self) -> Option<&FairShare> {
        self.share.as_ref()
    }

    /// What it has spent so far does not count for a replay, which is not the guest's fault.
    pub(super) fn allow_again(&mut self) {
        self.budget = self.budget.saturating_add(self.spent());
    }

    /// Whether the running guest has to yield.
    pub(crate) fn has_had_its_slice(&self) -> bool {
        self.share.as_ref().is_none_or(FairShare::has_had_its_slice)
    }

    /// The guest time so far.
    pub(crate) fn spent(&self) -> Duration {
        self.share.as_ref().map_or(Duration::ZERO, FairShare::spent)
    }

    /// The stop reason, if the limit is exceeded, or if nothing measures the time.
    pub(crate) fn exceeded(&self) -> Option<StopReason> {
        let spent = self.share.as_ref().map_or(Duration::MAX, FairShare::spent);
        (spent > self.budget).then(|| StopReason::Limit {
            name: "max-guest-time-ms",
            message: format!(
                "the plugin computed for more than {} ms without finishing",
                self.budget.as_millis()
            ),
        })
    }
}
