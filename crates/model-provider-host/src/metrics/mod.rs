//! Metrics of a host: calls by outcome, tokens, latency, swaps.
//!
//! Label values come from this crate, never from a user, a model or an upstream, so that their cardinality is
//! bounded. Without the feature `metrics` nothing is counted; calls are still logged.

use std::{sync::Arc, time::Instant};

#[cfg(feature = "metrics")]
mod prometheus;
#[cfg(feature = "metrics")]
mod snapshot;
#[cfg(not(feature = "metrics"))]
mod uncounted;

use crate::{contract::Summary, error::Error};

#[cfg(feature = "metrics")]
pub(crate) use prometheus::Metrics;
#[cfg(not(feature = "metrics"))]
pub(crate) use uncounted::Metrics;
#[cfg(feature = "metrics")]
pub use {
    prometheus::PAGE_TYPE,
    snapshot::{CallCount, DurationSum, MetricsSnapshot},
};

/// A successful call.
const OK: &str = "ok";
/// A call that its caller dropped.
const ABANDONED: &str = "abandoned";

/// An export of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// A streaming response.
    Chat,
    /// A complete response.
    Complete,
    /// A model list.
    List,
    /// The resolution of a model reference.
    Resolve,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Chat, Self::Complete, Self::List, Self::Resolve];

    /// Its label value: `chat`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Complete => "complete",
            Self::List => "list",
            Self::Resolve => "resolve",
        }
    }
}

/// The outcome of a swap.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Swap {
    Done,
    Refused,
    RolledBack,
}

impl Swap {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::RolledBack => "rolled-back",
        }
    }
}

/// One call in flight. Dropped before its end it counts as abandoned.
pub(crate) struct Measured {
    metrics: Arc<Metrics>,
    call: Operation,
    started: Instant,
    has_begun: bool,
    has_ended: bool,
}

impl Measured {
    pub(crate) fn begin(metrics: &Arc<Metrics>, call: Operation) -> Self {
        metrics.begun();
        Self {
            metrics: Arc::clone(metrics),
            call,
            started: Instant::now(),
            has_begun: false,
            has_ended: false,
        }
    }

    /// The first event has arrived.
    pub(crate) fn first_event(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.metrics.first_event(self.started.elapsed());
        }
    }

    /// Its response is complete.
    pub(crate) fn succeeded(&mut self, summary: &Summary) {
        self.metrics.completed(summary, self.started.elapsed());
        self.end(OK);
    }

    /// It failed.
    pub(crate) fn failed(&mut self, error: &Error) {
        self.metrics.attempts(error.details().attempts);
        self.end(error.kind().as_str());
    }

    /// The end of a call that is no chat completion.
    pub(crate) fn result<T>(mut self, result: &Result<T, Error>) {
        match result {
            Ok(_) => self.end(OK),
            Err(error) => self.end(error.kind().as_str()),
        }
    }

    fn end(&mut self, outcome: &'static str) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.metrics.ended(self.call, outcome);
            tracing::debug!(
                call = self.call.as_str(),
                outcome,
                elapsed = ?self.started.elapsed(),
                "call ended"
            );
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.end(ABANDONED);
    }
}
