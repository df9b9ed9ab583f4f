//! Generations: which plugin is live, which one drains, and how one follows another.
//!
//! A generation is one loaded plugin in service. Its requests are counted, so that a swap knows when the old one is
//! idle, and can cancel what is left at the drain deadline.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};

use crate::{plugin::Plugin, sandbox::shared::stores::Stores};

/// For this long after a switch the old generation stays loaded, to retry requests on which the new one traps.
pub(crate) const WATCH: Duration = Duration::from_secs(30);
/// This many traps within [`WATCH`] after a switch, or within [`TRAP_WINDOW`] later, cause a rollback.
const TRAPS: usize = 3;
const TRAP_WINDOW: Duration = Duration::from_secs(10 * 60);

/// The lifecycle state of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum GenerationState {
    /// Loaded and checked.
    Staged,
    /// Its self-test passed.
    Verified,
    /// It serves new requests.
    Live,
    /// It finishes its responses and accepts no new requests.
    Draining,
    /// It has drained.
    Retired,
    /// It failed after the switch and was rolled back.
    RolledBack,
}

impl GenerationState {
    /// The state's name: `live`, `rolled-back`.
    fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Verified => "verified",
            Self::Live => "live",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::RolledBack => "rolled-back",
        }
    }
}

pub use provider_contract::GenerationInfo;

/// One plugin in service.
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) plugin: Plugin,
    /// The stores that calls of one principal share; no call moves to those of another generation.
    pub(crate) stores: Arc<Stores>,
    state: AtomicU8,
    live_since: Mutex<Option<Instant>>,
    /// How often it has become live: a drain that began in an earlier epoch is obsolete.
    epoch: AtomicU64,
    in_flight: AtomicUsize,
    idle: Notify,
    /// How often it was cut; requests from before the last time are cancelled.
    cancellations: watch::Sender<u64>,
    traps: Mutex<VecDeque<Instant>>,
    /// Whether it has produced a response, or a part of one.
    /// The ways in which it has responded, as bits of [`ResponseMode`].
    healthy: AtomicU8,
}

impl Generation {
    pub(crate) fn new(number: u64, plugin: Plugin) -> Arc<Self> {
        Arc::new(Self {
            number,
            stores: Stores::new(plugin.sandbox(), plugin.guest_pre()),
            plugin,
            state: AtomicU8::new(GenerationState::Staged as u8),
            live_since: Mutex::new(None),
            epoch: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
            cancellations: watch::Sender::new(0),
            traps: Mutex::new(VecDeque::new()),
            healthy: AtomicU8::new(0),
        })
    }

    pub(crate) fn info(&self) -> GenerationInfo {
        GenerationInfo::new(
            self.number,
            self.plugin.info().version.as_str(),
            self.plugin.digest(),
        )
    }

    pub(crate) fn enter(&self, state: GenerationState) {
        self.state.store(state as u8, Ordering::Release);
        match state {
            GenerationState::Live => self.stores.open(),
            _ => self.stores.close(),
        }
        if state == GenerationState::Live {
            *self.live_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        self.tell(state);
    }

    fn tell(&self, state: GenerationState) {
        tracing::info!(
            generation = self.number,
            digest = self.plugin.digest(),
            state = state.as_str(),
            "generation"
        );
    }

    /// How often it has become live.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Marks it as retired, unless it became live again meanwhile.
    pub(crate) fn retire(&self, epoch: u64) {
        let (draining, retired) = (GenerationState::Draining as u8, GenerationState::Retired as u8);
        let (then, now) = (Ordering::AcqRel, Ordering::Acquire);
        // Atomically: a rollback may make it live at any moment.
        if self.epoch() == epoch && (self.state.compare_exchange(draining, retired, then, now)).is_ok() {
            self.tell(GenerationState::Retired);
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Waits until it has no requests in flight.
    pub(crate) async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            if self.in_flight() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Cancels all requests in flight. Later ones (retries of a request on which the next generation trapped) are
    /// not affected.
    pub(crate) fn cancel_all(&self) {
        self.cancellations
            .send_modify(|cancellations| *cancellations += 1);
    }

    /// Records that it has produced a response, or a part of one.
    pub(crate) fn mark_healthy(&self, mode: ResponseMode) {
        self.healthy.fetch_or(mode as u8, Ordering::Relaxed);
    }

    /// Whether it is healthy: it has responded in these ways, and not failed recently.
    fn is_healthy(&self, ways: u8) -> bool {
        let healthy = self.healthy.load(Ordering::Relaxed);
        healthy != 0
            && healthy & ways == ways
            && !self
                .traps
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .any(|at| at.elapsed() < WATCH)
    }

    fn is_watched(&self) -> bool {
        self.live_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|since| since.elapsed() < WATCH)
    }

    /// Records a trap; true if there have been too many.
    fn trapped(&self) -> bool {
        let window = if self.is_watched() { WATCH } else { TRAP_WINDOW };
        let mut traps = self.traps.lock().unwrap_or_else(PoisonError::into_inner);
        traps.retain(|at| at.elapsed() < window);
        traps.push_back(Instant::now());
        traps.len() >= TRAPS
    }
}

/// A request in flight in a generation, until it ends or is dropped.
pub(crate) struct InFlight {
    generation: Arc<Generation>,
    cancellations: u64,
    is_over: bool,
}

impl InFlight {
    fn enter(generation: &Arc<Generation>) -> Self {
        // Sequentially consistent with the switch and the shutdown, which write their flag first and then read this
        // counter, while this writes the counter first and then reads the flag: one of the two sees the other.
        generation.in_flight.fetch_add(1, Ordering::SeqCst);
        let cancellations = *generation.cancellations.borrow();
        Self {
            generation: Arc::clone(generation),
            cancellations,
            is_over: false,
        }
    }

    pub(crate) fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Ends the request, even if its result is still in use.
    pub(crate) fn end(&mut self) {
        if !std::mem::replace(&mut self.is_over, true)
            && self.generation.in_flight.fetch_sub(1, Ordering::AcqRel) == 1
        {
            self.generation.idle.notify_waiters();
        }
    }

    /// Resolves when this request is cancelled by its generation's drain deadline.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        let (mut cancellations, ours) = (self.generation.cancellations.subscribe(), self.cancellations);
        async move {
            // A dropped generation cancels nothing any more.
            if cancellations
                .wait_for(|cancellations| *cancellations > ours)
                .await
                .is_err()
            {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.end();
    }
}

/// A way to respond. A plugin may trap in one and be healthy in the other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ResponseMode {
    Streaming = 1,
    Whole = 2,
}

/// The live generation and the previous one.
pub(crate) struct Generations {
    live: ArcSwap<Generation>,
    /// The generation for retries after a trap and for a rollback: the last healthy one.
    previous: Mutex<Option<Arc<Generation>>>,
    /// All generations in memory: live, draining, or retained for a rollback.
    every: Mutex<Vec<Weak<Generation>>>,
    next_number: AtomicU64,
}

impl Generations {
    pub(crate) fn new(first: Plugin) -> Self {
        let first = Generation::new(1, first);
        first.enter(GenerationState::Live);
        Self {
            every: Mutex::new(vec![Arc::downgrade(&first)]),
            live: ArcSwap::new(first),
            previous: Mutex::new(None),
            next_number: AtomicU64::new(2),
        }
    }

    pub(crate) fn live(&self) -> Arc<Generation> {
        self.live.load_full()
    }

    pub(crate) fn stage(&self, plugin: Plugin) -> Arc<Generation> {
        let staged = Generation::new(self.next_number.fetch_add(1, Ordering::Relaxed), plugin);
        let mut every = self.every.lock().unwrap_or_else(PoisonError::into_inner);
        every.retain(|generation| generation.strong_count() > 0);
        every.push(Arc::downgrade(&staged));
        staged
    }

    /// All generations in memory.
    pub(crate) fn all(&self) -> Vec<Arc<Generation>> {
        let every = self.every.lock().unwrap_or_else(PoisonError::into_inner);
        every.iter().filter_map(Weak::upgrade).collect()
    }

    /// The requests in flight in all of them.
    pub(crate) fn in_flight(&self) -> usize {
        self.all().iter().map(|generation| generation.in_flight()).sum()
    }

    /// Counts a request into the live generation.
    pub(crate) fn admit(&self) -> InFlight {
        loop {
            let generation = self.live.load();
            let admitted = InFlight::enter(&generation);
            // If a switch came in between, the old one may already have been seen as idle.
            if Arc::ptr_eq(&generation, &self.live.load()) {
                return admitted;
            }
        }
    }

    /// Makes a generation live; returns the previous one and its epoch.
    pub(crate) fn switch(&self, to: Arc<Generation>) -> (Arc<Generation>, u64) {
        // Held throughout, so that a rollback happens before or after a switch, and never undoes it.
        let mut previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        to.enter(GenerationState::Live);
        let old = self.live.swap(to);
        old.enter(GenerationState::Draining);
        // An unproven or trapping generation does not replace a better one as the rollback target, nor does one that
        // has only shown that it can do one of the things that the better one did.
        let of_previous = previous
            .as_ref()
            .map(|previous| previous.healthy.load(Ordering::Relaxed));
        if of_previous.is_none_or(|ways| old.is_healthy(ways)) {
            *previous = Some(Arc::clone(&old));
        }
        let epoch = old.epoch();
        (old, epoch)
    }

    /// Another generation, to retry a request on which this one trapped.
    pub(crate) fn previous_generation(&self, failed: &Generation, mode: ResponseMode) -> Option<InFlight> {
        // Switches and rollbacks hold this too, so that the live and the previous generation are consistent.
        let previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.live.load_full();
        let is_live = live.number == failed.number;
        if is_live && !failed.is_watched() {
            return None;
        }
        let healthy_live = (!is_live && live.is_healthy(mode as u8)).then_some(&live);
        let before = previous.as_ref().filter(|before| before.number != failed.number);
        healthy_live
            .or(before)
            // It has been rolled back meanwhile, or replaced by one that may do better.
            .or((!is_live).then_some(&live))
            .map(InFlight::enter)
    }

    /// Records a trap of a generation. After too many it rolls back to the previous one, and returns true.
    pub(crate) fn trapped(&self, generation: &Arc<Generation>) -> bool {
        if !generation.trapped() {
            return false;
        }
        let mut previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(old) = previous.take() else { return false };
        let live = self.live.load_full();
        if live.number != generation.number {
            *previous = Some(old);
            return false;
        }
        tracing::error!(from = live.number, to = old.number, "too many traps: rolled back");
        old.enter(GenerationState::Live);
        self.live.store(old);
        generation.enter(GenerationState::RolledBack);
        true
    }
}
