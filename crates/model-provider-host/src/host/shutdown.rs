//! Graceful shutdown of a host: accepts no more requests, and cancels those in flight at the deadline.

use std::{sync::atomic::Ordering, time::Duration};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{Host, generation::InFlight, shared::Shared},
};

impl Host {
    /// Accepts no more requests and waits for those in flight; at the deadline the rest ends with `drained`.
    /// Returns the number of cancelled requests. Cannot be undone.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.0.is_draining.store(true, Ordering::SeqCst);
        let generations = self.0.generations.all();
        let idle = futures::future::join_all(generations.iter().map(|generation| generation.idle()));
        if tokio::time::timeout(deadline, idle).await.is_ok() {
            return 0;
        }
        let left = self.0.generations.in_flight();
        tracing::warn!(left, "shutdown: requests in flight are cancelled");
        for generation in generations {
            generation.cancel_all();
        }
        left
    }

    /// Whether the host is shutting down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Counts a request into the live generation, unless the host is shutting down.
    pub(crate) fn admit(&self) -> Result<InFlight> {
        let admitted = self.generations.admit();
        // Checked after counting: so the shutdown either sees the request, or the request sees the shutdown.
        if self.is_draining.load(Ordering::SeqCst) {
            return Err(self.drained());
        }
        Ok(admitted)
    }

    /// The error of a response that was cancelled by a deadline.
    pub(crate) fn drained(&self) -> Error {
        let is_end = self.is_draining.load(Ordering::SeqCst);
        let (message, hint) = if is_end {
            ("the host is shutting down", "retry when it is back")
        } else {
            (
                "the plugin was replaced, and the response did not end before the drain deadline",
                "retry; `drain-deadline-ms` is the time that responses get after a swap",
            )
        };
        Error::new(ErrorKind::Drained, message)
            .retryable(true)
            .with_hint(hint)
    }
}
