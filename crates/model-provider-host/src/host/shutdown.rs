//! The end of a host: no more questions, time for the responses under way, and a word for those that are cut short.

use std::{sync::atomic::Ordering, time::Duration};

use crate::{
    error::{Error, Kind, Result},
    host::{Host, generation::InFlight, shared::Shared},
};

impl Host {
    /// Takes no more questions and waits until what is under way has ended; what is left at the deadline ends in
    /// `drained`. Gives how many those were. There is no way back.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.0.is_draining.store(true, Ordering::SeqCst);
        let generations = self.0.generations.all();
        let idle = futures::future::join_all(generations.iter().map(|generation| generation.idle()));
        if tokio::time::timeout(deadline, idle).await.is_ok() {
            return 0;
        }
        let left = self.0.generations.in_flight();
        tracing::warn!(left, "the host ends: answers are cut short");
        for generation in generations {
            generation.cut();
        }
        left
    }

    /// Whether it takes no more questions.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Counts a question into the live generation, unless the host ends.
    pub(crate) fn admit(&self) -> Result<InFlight> {
        let admitted = self.generations.admit();
        // Looked at when it has been counted in: whoever ends the host either finds it there or is seen here.
        if self.is_draining.load(Ordering::SeqCst) {
            return Err(self.drained());
        }
        Ok(admitted)
    }

    /// Why a response that was cut short was.
    pub(crate) fn drained(&self) -> Error {
        let is_end = self.is_draining.load(Ordering::SeqCst);
        let (message, hint) = if is_end {
            ("the host is ending", "ask again when it is back")
        } else {
            (
                "the plugin was replaced, and the answer did not end before the drain deadline",
                "ask again; `drain-deadline-ms` says how long answers may go on after a swap",
            )
        };
        Error::new(Kind::Drained, message).retryable(true).with_hint(hint)
    }
}
