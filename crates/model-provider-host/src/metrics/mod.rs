//! What a host has done, counted: a snapshot for embedders, a text page for Prometheus.
//!
//! Labels are words of ours, never text of a user, a model or an upstream, so that their number is bounded.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

mod snapshot;

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

use crate::{
    contract::Summary,
    error::{Error, Kind},
    resource_usage::Used,
};

pub(crate) use snapshot::Beside;
pub use snapshot::{CallCount, MetricsSnapshot, Times};

/// What the page is served as.
pub const PAGE_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A call that ended well.
const OK: &str = "ok";
/// A call that its caller gave up.
const ABANDONED: &str = "abandoned";

/// What is asked of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// An answer as it comes.
    Chat,
    /// A whole answer.
    Complete,
    /// A list of models.
    List,
    /// What a reference means.
    Resolve,
}

impl Call {
    const ALL: [Self; 4] = [Self::Chat, Self::Complete, Self::List, Self::Resolve];

    /// The word for it: `chat`.
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

/// A histogram for the page, and its sum for the snapshot, which the library keeps to itself.
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

    fn sum(&self) -> Times {
        Times {
            count: self.count.load(Ordering::Relaxed),
            total: Duration::from_micros(self.micros.load(Ordering::Relaxed)),
        }
    }
}

/// How a swap ended.
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

/// The counts of one host. They survive swaps.
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
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("model_host");
        let latency = || Timed::new(Histogram::new(exponential_buckets(0.025, 2.0, 14)));
        let ended = Family::default();
        registry.register(
            "calls",
            "Calls of the plugin that ended, by outcome",
            ended.clone(),
        );
        let in_flight = Gauge::default();
        registry.register(
            "calls_in_flight",
            "Calls of the plugin under way",
            in_flight.clone(),
        );
        let attempts = Counter::default();
        let help = "Requests that the plugin sent for answers, its retries included";
        registry.register("attempts", help, attempts.clone());
        let tokens = Family::default();
        registry.register(
            "tokens",
            "Tokens of answers, as the upstream counted them",
            tokens.clone(),
        );
        let first_token = latency();
        let help = "From a question to the first event of its answer";
        registry.register_with_unit("first_token", help, Unit::Seconds, first_token.histogram.clone());
        let duration = latency();
        let help = "From a question to the end of its answer";
        registry.register_with_unit("answer", help, Unit::Seconds, duration.histogram.clone());
        let guest_time = Timed::new(Histogram::new(exponential_buckets(0.0001, 4.0, 10)));
        let help = "Time in the plugin's own code, by call";
        registry.register_with_unit("guest_time", help, Unit::Seconds, guest_time.histogram.clone());
        let guest_memory = Histogram::new(exponential_buckets(65_536.0, 4.0, 8));
        let help = "The largest memory of the plugin, by call";
        registry.register_with_unit("guest_memory", help, Unit::Bytes, guest_memory.clone());
        let swaps = Family::default();
        registry.register("swaps", "Swaps of the plugin, by outcome", swaps.clone());
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
        })
    }

    pub(crate) fn guest(&self, used: Used) {
        self.guest_time.observe(used.guest_time);
        // A float counts bytes exactly up to 9 PB.
        #[expect(clippy::cast_precision_loss, reason = "no guest has that much memory")]
        self.guest_memory.observe(used.memory_bytes as f64);
        self.guest_memory_peak
            .fetch_max(used.memory_bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn swap(&self, swap: Swap) {
        let outcome = swap.as_str();
        self.swaps.get_or_create(&Swapped { outcome }).inc();
    }

    fn ended(&self, call: Call, outcome: &'static str) {
        let call = call.as_str();
        self.ended.get_or_create(&Ended { call, outcome }).inc();
    }

    fn tokens(&self, kind: &'static str, count: Option<u32>) {
        if let Some(count) = count {
            self.tokens.get_or_create(&Tokens { kind }).inc_by(count.into());
        }
    }

    /// The counts now, with what others have counted.
    pub(crate) fn snapshot(&self, beside: Beside) -> MetricsSnapshot {
        let outcomes = || [OK, ABANDONED].into_iter().chain(Kind::ALL.map(Kind::as_str));
        let calls = Call::ALL
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
            connections_opened: beside.connections_opened,
            denials: beside.denials,
            generation: beside.generation,
            generations_loaded: beside.generations_loaded,
            draining: beside.draining,
        }
    }

    /// The same as a text page.
    pub(crate) fn page(&self, beside: Beside) -> String {
        let mut more = Registry::with_prefix("model_host");
        let opened = ConstCounter::new(beside.connections_opened);
        more.register("connections", "Connections opened to the upstream", opened);
        let help = "Requests of the plugin that were not let through";
        more.register("denials", help, ConstCounter::new(beside.denials));
        let live = ConstGauge::new(i64::try_from(beside.generation).unwrap_or(i64::MAX));
        more.register("generation", "The number of the plugin that is live", live);
        let loaded = ConstGauge::new(i64::try_from(beside.generations_loaded).unwrap_or(i64::MAX));
        let help = "Plugins in memory: live, draining, or kept to come back";
        more.register("generations_loaded", help, loaded);
        let draining = ConstGauge::new(i64::try_from(beside.draining).unwrap_or(i64::MAX));
        more.register(
            "answers_draining",
            "Calls under way in plugins that are not live",
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

/// One call under way. Dropped before its end it counts as abandoned.
pub(crate) struct Measured {
    metrics: Arc<Metrics>,
    call: Call,
    started: Instant,
    has_begun: bool,
    has_ended: bool,
}

impl Measured {
    pub(crate) fn begin(metrics: &Arc<Metrics>, call: Call) -> Self {
        metrics.in_flight.inc();
        Self {
            metrics: Arc::clone(metrics),
            call,
            started: Instant::now(),
            has_begun: false,
            has_ended: false,
        }
    }

    /// The first event is there.
    pub(crate) fn first_event(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.metrics.first_token.observe(self.started.elapsed());
        }
    }

    /// It answered.
    pub(crate) fn answered(&mut self, summary: &Summary) {
        let (metrics, usage) = (&self.metrics, &summary.usage);
        metrics.attempts.inc_by(summary.attempts.into());
        metrics.tokens("input", usage.input_tokens);
        metrics.tokens("cached-input", usage.cached_input_tokens);
        metrics.tokens("output", usage.output_tokens);
        metrics.tokens("reasoning", usage.reasoning_tokens);
        metrics.duration.observe(self.started.elapsed());
        self.end(OK);
    }

    /// It failed.
    pub(crate) fn failed(&mut self, error: &Error) {
        self.metrics.attempts.inc_by(error.details().attempts.into());
        self.end(error.kind().as_str());
    }

    /// How a call that is no answer ended.
    pub(crate) fn result<T>(mut self, result: &Result<T, Error>) {
        match result {
            Ok(_) => self.end(OK),
            Err(error) => self.end(error.kind().as_str()),
        }
    }

    fn end(&mut self, outcome: &'static str) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.metrics.in_flight.dec();
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
