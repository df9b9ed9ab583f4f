//! The counts at one moment, as plain data.

use std::time::Duration;

use super::Call;
use crate::host::Host;

impl Host {
    /// What it has done so far.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.0.metrics.snapshot(self.beside())
    }

    /// The same as a text page for Prometheus.
    #[must_use]
    pub fn metrics_page(&self) -> String {
        self.0.metrics.page(self.beside())
    }

    fn beside(&self) -> Beside {
        let generations = &self.0.generations;
        let live = generations.live();
        let all = generations.in_flight();
        Beside {
            connections_opened: self.connections_opened(),
            denials: self.denials(),
            generation: live.number,
            generations_loaded: generations.all().len() as u64,
            draining: all.saturating_sub(live.in_flight()) as u64,
        }
    }
}

/// What is counted elsewhere.
pub(crate) struct Beside {
    pub(crate) connections_opened: u64,
    pub(crate) denials: u64,
    pub(crate) generation: u64,
    pub(crate) generations_loaded: u64,
    pub(crate) draining: u64,
}

/// What a host has done since it was started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// Calls of the plugin that ended.
    pub calls: Vec<CallCount>,
    /// Calls under way.
    pub in_flight: u64,
    /// Requests that the plugin sent for answers, its retries included.
    pub attempts: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Those of them that came from the upstream's cache.
    pub cached_input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Those of them that were thoughts.
    pub reasoning_tokens: u64,
    /// From questions to the first events of their answers.
    pub first_token: Times,
    /// Time in the plugin's own code.
    pub guest_time: Times,
    /// The largest memory that a call of the plugin has had, in bytes.
    pub guest_memory_peak: u64,
    /// Swaps that put another plugin into service.
    pub swaps: u64,
    /// Swaps that changed nothing, because something was wrong with the file.
    pub swaps_refused: u64,
    /// Swaps that were taken back, because the new plugin failed.
    pub swaps_rolled_back: u64,
    /// Connections opened to the upstream.
    pub connections_opened: u64,
    /// Requests of the plugin that were not let through.
    pub denials: u64,
    /// The number of the generation that is live.
    pub generation: u64,
    /// Generations in memory: live, draining, or kept to come back.
    pub generations_loaded: u64,
    /// Calls under way in generations that are not live.
    pub draining: u64,
}

impl MetricsSnapshot {
    /// How many calls ended like this: `ok`, `abandoned`, or the word of an error's kind.
    #[must_use]
    pub fn ended(&self, call: Call, outcome: &str) -> u64 {
        let mut counts = self.calls.iter();
        counts
            .find(|count| count.call == call && count.outcome == outcome)
            .map_or(0, |count| count.count)
    }
}

/// How many calls ended in one way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallCount {
    /// What was asked.
    pub call: Call,
    /// `ok`, `abandoned`, or the word of an error's kind.
    pub outcome: &'static str,
    /// How many.
    pub count: u64,
}

/// Durations, summed up.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Times {
    /// How many.
    pub count: u64,
    /// All together.
    pub total: Duration,
}
