//! Guest time: how long a store has been in guest code. Waiting in the host does not count, so a stream with long
//! pauses stays cheap while a loop that calls the host for ever does not.
//!
//! Epoch deadlines of wasmtime are absolute and go on while a guest waits; so the deadline here only makes guest code
//! stop now and then, and what decides is the time that the call hooks have added up.

use std::time::{Duration, Instant};

use wasmtime::CallHook;

use super::fair::FairShare;
use crate::limits::Note;

/// The stop-watch of one store.
pub(crate) struct GuestTime {
    budget: Duration,
    spent: Duration,
    /// There once it is in a store.
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

    /// Tells the scheduling of guests what this one uses.
    pub(super) fn share(&mut self, share: FairShare) {
        self.share = Some(share);
    }

    /// Its place in the scheduling of guests.
    pub(crate) fn fair(&self) -> Option<&FairShare> {
        self.share.as_ref()
    }

    /// Called at every crossing between host and guest. Giving the thread back in the middle of its own code is one too,
    /// so that the time until it has it again is not the guest's.
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

    /// Whether the guest, which runs, is to give the thread to others.
    pub(crate) fn has_had_its_slice(&self) -> bool {
        let spent = self.spent();
        self.share
            .as_ref()
            .is_none_or(|share| share.has_had_its_slice(spent))
    }

    /// The time in guest code until now.
    pub(crate) fn spent(&self) -> Duration {
        self.spent + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// What to say if the budget is used up.
    pub(crate) fn exceeded(&self) -> Option<Note> {
        (self.spent() > self.budget).then(|| Note::Limit {
            name: "max-guest-time-ms",
            message: format!(
                "the plugin computed for more than {} ms without finishing",
                self.budget.as_millis()
            ),
        })
    }
}
