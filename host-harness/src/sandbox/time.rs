//! Guest time: how long a store has been in guest code. Waiting in the host does not count, so a stream with long
//! pauses stays cheap while a loop that calls the host for ever does not.
//!
//! Epoch deadlines of wasmtime are absolute and go on while a guest waits; so the deadline here only makes guest code
//! stop now and then, and what decides is the time that the call hooks have added up.

use std::time::{Duration, Instant};

use wasmtime::CallHook;

use super::limits::Note;

/// The stop-watch of one store.
#[derive(Debug)]
pub(crate) struct GuestTime {
    budget: Duration,
    spent: Duration,
    /// Set while the guest runs.
    since: Option<Instant>,
}

impl GuestTime {
    pub(crate) fn new(budget: Duration) -> Self {
        Self {
            budget,
            spent: Duration::ZERO,
            since: None,
        }
    }

    /// Called at every crossing between host and guest. Giving the thread back in the middle of its own code is one too,
    /// so that the time until it has it again is not the guest's.
    pub(crate) fn crossing(&mut self, hook: CallHook) {
        if hook.exiting_host() {
            self.since = Some(Instant::now());
        } else if let Some(since) = self.since.take() {
            self.spent += since.elapsed();
        }
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
