//! Guest time: how long a store has run guest code. Waiting in the host does not count, so a stream with long
//! pauses is cheap, while a loop of host calls is not.
//!
//! Epoch deadlines of wasmtime are absolute and continue while a guest waits. So the epoch deadline here only
//! interrupts guest code regularly, and the limit is checked against the time that the call hooks have added up.

use std::time::{Duration, Instant};

use wasmtime::CallHook;

use super::fair::FairShare;
use crate::limits::StopReason;

/// The stopwatch of one store.
pub(crate) struct GuestTime {
    budget: Duration,
    spent: Duration,
    /// Set once it is in a store.
    share: Option<FairShare>,
    /// Set while the guest runs.
    since: Option<Instant>,
}

impl GuestTime {
    pub(crate) fn new(budget: Duration) -> Self {
        Self {
            budget,
            spent: Duration::ZERO,
            share: None,
            since: None,
        }
    }

    /// Reports its use to the scheduling of guests.
    pub(super) fn share(&mut self, share: FairShare) {
        self.share = Some(share);
    }

    /// Its share of the scheduling of guests.
    pub(crate) fn fair(&self) -> Option<&FairShare> {
        self.share.as_ref()
    }

    /// Called at every crossing between host and guest. A yield in the middle of guest code is one too, so that the
    /// time until the next poll does not count.
    pub(crate) fn crossing(&mut self, hook: CallHook) {
        if hook.exiting_host() {
            self.since = Some(Instant::now());
        } else if let Some(since) = self.since.take() {
            self.spent += since.elapsed();
            if let Some(share) = &self.share {
                share.spent(self.spent);
            }
        }
    }

    /// What it has spent so far does not count for a replay, which is not the guest's fault.
    pub(super) fn allow_again(&mut self) {
        self.budget = self.budget.saturating_add(self.spent());
    }

    /// Whether the running guest has to yield.
    pub(crate) fn has_had_its_slice(&self) -> bool {
        let spent = self.spent();
        self.share
            .as_ref()
            .is_none_or(|share| share.has_had_its_slice(spent))
    }

    /// The guest time so far.
    pub(crate) fn spent(&self) -> Duration {
        self.spent + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The stop reason, if the limit is exceeded.
    pub(crate) fn exceeded(&self) -> Option<StopReason> {
        (self.spent() > self.budget).then(|| StopReason::Limit {
            name: "max-guest-time-ms",
            message: format!(
                "the plugin computed for more than {} ms without finishing",
                self.budget.as_millis()
            ),
        })
    }
}
