//! The metrics of a host and their page in the OpenMetrics text format.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::{
    ABANDONED, OK, Operation, Swap,
    snapshot::{CallCount, DurationSum, ExternalValues, MetricsSnapshot},
};
use crate::{contract::Summary, error::ErrorKind, resource_usage::ResourceUsage};

/// The media type of the page.
pub const PAGE_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    call: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Swapped {
    outcome: &'static str,
}

/// A histogram for the page, and its sum for the snapshot, which the library does not expose.
#[derive(Debug)]
struct Timed {
    histogram: Histogram,
    count: AtomicU64,
    micros: AtomicU64,
}

impl Timed {
    fn new(histogram: Histogram) -> Self {
        Self {
            histogram,
            count: AtomicU64::new(0),
            micros: AtomicU64::new(0),
        }
    }

    fn observe(&self, time: Duration) {
        self.histogram.observe(time.as_secs_f64());
        self.count.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn sum(&self) -> DurationSum {
        DurationSum {
            count: self.count.load(Ordering::Relaxed),
            total: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        }
    }
}

/// The metrics of one host. They survive swaps.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    ended: Family<Ended, Counter>,
    in_flight: Gauge,
    attempts: Counter,
    tokens: Family<Tokens, Counter>,
    first_token: Timed,
    duration: Timed,
    guest_time: Timed,
    guest_memory: Histogram,
    guest_memory_peak: AtomicU64,
    swaps: Family<Swapped, Counter>,
    shared_stores: Counter,
    shared_calls: Counter,
    replays: Counter,
    replays_failed: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("model_host");
        let latency = || Timed::new(Histogram::new(exponential_buckets(0.025, 2.0, 14)));
        let ended = Family::default();
        registry.register("calls", "Plugin calls that ended, by outcome", ended.clone());
        let in_flight = Gauge::default();
        registry.register("calls_in_flight", "Plugin calls in flight", in_flight.clone());
        let attempts = Counter::default();
        let help = "Chat completion requests sent upstream, including retries";
        registry.register("attempts", help, attempts.clone());
        let tokens = Family::default();
        registry.register(
            "tokens",
            "Tokens as the upstream counted them, by kind",
            tokens.clone(),
        );
        let first_token = latency();
        let help = "Time to first token";
        registry.register_with_unit("first_token", help, Unit::Seconds, first_token.histogram.clone());
        let duration = latency();
        let help = "Time from the request to the end of the response";
        registry.register_with_unit("answer", help, Unit::Seconds, duration.histogram.clone());
        let guest_time = Timed::new(Histogram::new(exponential_buckets(0.0001, 4.0, 10)));
        let help = "Guest time per call";
        registry.register_with_unit("guest_time", help, Unit::Seconds, guest_time.histogram.clone());
        let guest_memory = Histogram::new(exponential_buckets(65_536.0, 4.0, 8));
        let help = "Peak guest memory per call";
        registry.register_with_unit("guest_memory", help, Unit::Bytes, guest_memory.clone());
        let swaps = Family::default();
        registry.register("swaps", "Hot swaps, by outcome", swaps.clone());
        let mut counted = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let shared_stores = counted("shared_stores", "Stores made for calls that may share one");
        let shared_calls = counted("shared_calls", "Calls in stores that others may share");
        let help =
            "Calls that went on in a store of their own, because another call trapped in the shared one";
        let replays = counted("replays", help);
        let replays_failed = counted("replays_failed", "Those of them that could not go on");
        Arc::new(Self {
            registry,
            ended,
            in_flight,
            attempts,
            tokens,
            first_token,
            duration,
            guest_time,
            guest_memory,
            guest_memory_peak: AtomicU64::new(0),
            swaps,
            shared_stores,
            shared_calls,
            replays,
            replays_failed,
        })
    }

    pub(crate) fn shared_store(&self) {
        self.shared_stores.inc();
    }

    pub(crate) fn shared_call(&self) {
        self.shared_calls.inc();
    }

    pub(crate) fn replay(&self) {
        self.replays.inc();
    }

    pub(crate) fn failed_replay(&self) {
        self.replays_failed.inc();
    }

    pub(crate) fn guest(&self, used: ResourceUsage) {
        self.guest_time.observe(used.guest_time);
        // An `f64` is exact for integers up to 9 PB.
        #[expect(clippy::cast_precision_loss, reason = "no guest has that much memory")]
        self.guest_memory.observe(used.memory_bytes as f64);
        self.guest_memory_peak
            .fetch_max(used.memory_bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn swap(&self, swap: Swap) {
        let outcome = swap.as_str();
        self.swaps.get_or_create(&Swapped { outcome }).inc();
    }

    pub(super) fn begun(&self) {
        self.in_flight.inc();
    }

    pub(super) fn first_event(&self, elapsed: Duration) {
        self.first_token.observe(elapsed);
    }

    pub(super) fn completed(&self, summary: &Summary, elapsed: Duration) {
        let usage = &summary.usage;
        self.attempts(summary.attempts);
        self.tokens("input", usage.input_tokens);
        self.tokens("cached-input", usage.cached_input_tokens);
        self.tokens("output", usage.output_tokens);
        self.tokens("reasoning", usage.reasoning_tokens);
        self.duration.observe(elapsed);
    }

    pub(super) fn attempts(&self, attempts: u32) {
        self.attempts.inc_by(attempts.into());
    }

    pub(super) fn ended(&self, call: Operation, outcome: &'static str) {
        self.in_flight.dec();
        let call = call.as_str();
        self.ended.get_or_create(&Ended { call, outcome }).inc();
    }

    fn tokens(&self, kind: &'static str, count: Option<u32>) {
        if let Some(count) = count {
            self.tokens.get_or_create(&Tokens { kind }).inc_by(count.into());
        }
    }

    /// The current values.
    pub(crate) fn snapshot(&self, external_values: &ExternalValues) -> MetricsSnapshot {
        let outcomes = || {
            [OK, ABANDONED]
                .into_iter()
                .chain(ErrorKind::ALL.map(ErrorKind::as_str))
        };
        let calls = Operation::ALL
            .into_iter()
            .flat_map(|call| outcomes().map(move |outcome| (call, outcome)))
            .filter_map(|(call, outcome)| {
                let labels = Ended {
                    call: call.as_str(),
                    outcome,
                };
                let count = self.ended.get(&labels)?.get();
                Some(CallCount { call, outcome, count })
            })
            .collect();
        let tokens = |kind| self.tokens.get(&Tokens { kind }).map_or(0, |count| count.get());
        let swaps = |swap: Swap| {
            let outcome = swap.as_str();
            self.swaps
                .get(&Swapped { outcome })
                .map_or(0, |count| count.get())
        };
        MetricsSnapshot {
            calls,
            in_flight: u64::try_from(self.in_flight.get()).unwrap_or_default(),
            attempts: self.attempts.get(),
            input_tokens: tokens("input"),
            cached_input_tokens: tokens("cached-input"),
            output_tokens: tokens("output"),
            reasoning_tokens: tokens("reasoning"),
            first_token: self.first_token.sum(),
            guest_time: self.guest_time.sum(),
            guest_memory_peak: self.guest_memory_peak.load(Ordering::Relaxed),
            swaps: swaps(Swap::Done),
            swaps_refused: swaps(Swap::Refused),
            swaps_rolled_back: swaps(Swap::RolledBack),
            shared_stores: self.shared_stores.get(),
            shared_calls: self.shared_calls.get(),
            replays: self.replays.get(),
            replays_failed: self.replays_failed.get(),
            connections_opened: external_values.connections_opened,
            blocked_requests: external_values.blocked_requests,
            generation: external_values.generation,
            generations_loaded: external_values.generations_loaded,
            draining: external_values.draining,
        }
    }

    /// The metrics as a text page.
    pub(crate) fn page(&self, external_values: &ExternalValues) -> String {
        let mut more = Registry::with_prefix("model_host");
        let opened = ConstCounter::new(external_values.connections_opened);
        more.register("connections", "Connections opened to the upstream", opened);
        let help = "Requests of the plugin that the egress policy blocked";
        more.register(
            "denials",
            help,
            ConstCounter::new(external_values.blocked_requests),
        );
        let live = ConstGauge::new(i64::try_from(external_values.generation).unwrap_or(i64::MAX));
        more.register("generation", "Live generation of the plugin", live);
        let loaded = ConstGauge::new(i64::try_from(external_values.generations_loaded).unwrap_or(i64::MAX));
        let help = "Generations in memory: live, draining, or retained for rollback";
        more.register("generations_loaded", help, loaded);
        let help = "Whether a newer plugin waits for approval, because it requests more than the live one";
        let pending = ConstGauge::new(i64::from(external_values.is_update_pending));
        more.register("update_pending", help, pending);
        let draining = ConstGauge::new(i64::try_from(external_values.draining).unwrap_or(i64::MAX));
        more.register(
            "answers_draining",
            "Calls in flight in generations that are no longer live",
            draining,
        );
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode_registry(&mut text, &self.registry);
        let _ = encode_registry(&mut text, &more);
        let _ = encode_eof(&mut text);
        text
    }
}
