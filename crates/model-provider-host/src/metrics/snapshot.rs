//! A snapshot of the metrics, as plain data.

use std::time::Duration;

use super::Operation;
use crate::host::Host;

impl Host {
    /// A snapshot of its metrics.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.0.metrics.snapshot(&self.external_values())
    }

    /// Its metrics as a text page for Prometheus, of the type [`PAGE_TYPE`](super::PAGE_TYPE).
    #[must_use]
    pub fn metrics_page(&self) -> String {
        self.0.metrics.page(&self.external_values())
    }

    fn external_values(&self) -> ExternalValues {
        let generations = &self.0.generations;
        let live = generations.live();
        let all = generations.in_flight();
        ExternalValues {
            connections_opened: self.connections_opened(),
            blocked_requests: self.blocked_requests(),
            generation: live.number,
            generations_loaded: generations.all().len() as u64,
            is_update_pending: self.0.pending_update.load().is_some(),
            draining: all.saturating_sub(live.in_flight()) as u64,
        }
    }
}

/// Values that are counted elsewhere.
pub(crate) struct ExternalValues {
    pub(crate) connections_opened: u64,
    pub(crate) blocked_requests: u64,
    pub(crate) generation: u64,
    pub(crate) generations_loaded: u64,
    pub(crate) is_update_pending: bool,
    pub(crate) draining: u64,
}

/// Metrics of a host since it was started.
///
/// ```no_run
/// # fn run(host: model_provider_host::Host) {
/// use model_provider_host::metrics::Operation;
///
/// let metrics = host.metrics();
/// println!("{} completed, {} in flight", metrics.ended(Operation::Chat, "ok"), metrics.in_flight);
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// Calls of the plugin that ended.
    pub calls: Vec<CallCount>,
    /// Calls in flight.
    pub in_flight: u64,
    /// Chat completion requests sent upstream, including retries.
    pub attempts: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Those of them that came from the upstream's cache.
    pub cached_input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Those of them that were reasoning.
    pub reasoning_tokens: u64,
    /// Time to first token.
    pub first_token: DurationSum,
    /// Guest time.
    pub guest_time: DurationSum,
    /// Peak memory of a guest, in bytes.
    pub guest_memory_peak: u64,
    /// Successful swaps.
    pub swaps: u64,
    /// Swaps that were refused, because the new plugin failed a check.
    pub swaps_refused: u64,
    /// Swaps that were rolled back, because the new plugin failed.
    pub swaps_rolled_back: u64,
    /// Stores made for calls that may share one.
    pub shared_stores: u64,
    /// Calls in such stores.
    pub shared_calls: u64,
    /// Calls that went on in a store of their own, because another call trapped in the shared one.
    pub replays: u64,
    /// Those of them that could not go on.
    pub replays_failed: u64,
    /// Connections opened to the upstream.
    pub connections_opened: u64,
    /// Requests of the plugin that the egress policy blocked.
    pub blocked_requests: u64,
    /// The number of the generation that is live.
    pub generation: u64,
    /// Generations in memory: live, draining, or retained for rollback.
    pub generations_loaded: u64,
    /// Calls in flight in generations that are not live.
    pub draining: u64,
}

impl MetricsSnapshot {
    /// The number of calls with this outcome: `ok`, `abandoned`, or the name of an error kind.
    #[must_use]
    pub fn ended(&self, call: Operation, outcome: &str) -> u64 {
        let mut counts = self.calls.iter();
        counts
            .find(|count| count.call == call && count.outcome == outcome)
            .map_or(0, |count| count.count)
    }
}

/// The number of calls with one outcome.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallCount {
    /// The call.
    pub call: Operation,
    /// `ok`, `abandoned`, or the name of an error kind.
    pub outcome: &'static str,
    /// How many.
    pub count: u64,
}

/// Durations, summed up.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DurationSum {
    /// The number of durations.
    pub count: u64,
    /// Their sum.
    pub total: Duration,
}
