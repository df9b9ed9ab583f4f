//! Which calls share a store: those of one principal that see the same settings, as long as the store has room, is
//! young and small. Each generation has stores of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    super::{
        Sandbox,
        call_state::{CallState, Sight},
        guest::GuestPre,
    },
    slot::Slot,
    terms::Terms,
};
use crate::principal::Principal;

/// How long a store without a call is kept.
const IDLE: Duration = Duration::from_secs(10);
/// How often such stores are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// The shared stores of one generation.
pub(crate) struct Stores {
    pub(super) sandbox: Sandbox,
    pub(super) guest_pre: Arc<GuestPre>,
    /// `None` if no calls share a store.
    pub(super) terms: Option<Terms>,
    pool: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    entries: HashMap<Principal, Vec<Entry>>,
    /// The generation takes no new calls.
    is_closed: bool,
    /// A task looks for stores without a call.
    is_swept: bool,
}

struct Entry {
    slot: Arc<Slot>,
    /// What a guest in it has seen: later calls have to see the same.
    sees: Sight,
    made: Instant,
    /// Calls in it, and calls so far.
    now: u32,
    so_far: u32,
    idle_since: Option<Instant>,
}

impl Entry {
    fn admits(&self, call: &CallState, terms: &Terms) -> bool {
        self.now < terms.at_once && !self.is_worn(terms) && self.sees.is_of(call)
    }

    /// Whether it takes no more calls, even if it has room.
    fn is_worn(&self, terms: &Terms) -> bool {
        self.so_far >= terms.in_all
            || self.slot.is_shunned()
            || self.slot.memory() >= terms.memory_bytes
            || self.made.elapsed() >= terms.age
    }
}

impl Stores {
    pub(crate) fn new(sandbox: &Sandbox, guest_pre: &Arc<GuestPre>) -> Arc<Self> {
        Arc::new(Self {
            terms: sandbox.terms().filter(|_| guest_pre.can_share()),
            sandbox: sandbox.clone(),
            guest_pre: Arc::clone(guest_pre),
            pool: Mutex::default(),
        })
    }

    /// Whether calls share stores.
    pub(crate) fn is_sharing(&self) -> bool {
        self.terms.is_some()
    }

    /// The generation takes calls.
    pub(crate) fn open(&self) {
        self.pool().is_closed = false;
    }

    /// The generation takes no more calls: stores without one are dropped, the others after their last.
    pub(crate) fn close(&self) {
        let mut pool = self.pool();
        pool.is_closed = true;
        let gone = pool.take(|_| true);
        drop(pool);
        drop(gone);
    }

    /// A place for a call of this principal.
    pub(super) fn place(self: &Arc<Self>, principal: Principal, call: &CallState) -> Option<Place> {
        let terms = self.terms.as_ref()?;
        let mut pool = self.pool();
        if pool.is_closed {
            return None;
        }
        let entries = pool.entries.entry(principal).or_default();
        let at = if let Some(at) = entries.iter().position(|entry| entry.admits(call, terms)) {
            at
        } else {
            entries.push(Entry {
                slot: Arc::new(Slot::new()),
                sees: call.sight(),
                made: Instant::now(),
                now: 0,
                so_far: 0,
                idle_since: None,
            });
            if let Some(metrics) = call.metrics() {
                metrics.shared_store();
            }
            entries.len() - 1
        };
        let entry = entries.get_mut(at)?;
        entry.now += 1;
        entry.so_far += 1;
        entry.idle_since = None;
        Some(Place {
            slot: Arc::clone(&entry.slot),
            stores: Arc::clone(self),
            principal,
        })
    }

    /// A call has left.
    fn left(self: &Arc<Self>, principal: &Principal, slot: &Arc<Slot>) {
        let Some(terms) = &self.terms else { return };
        let mut pool = self.pool();
        let is_closed = pool.is_closed;
        let Some(entries) = pool.entries.get_mut(principal) else {
            return;
        };
        let Some(at) = entries.iter().position(|entry| Arc::ptr_eq(&entry.slot, slot)) else {
            return;
        };
        let Some(entry) = entries.get_mut(at) else { return };
        entry.now -= 1;
        let mut gone = None;
        if entry.now == 0 {
            entry.idle_since = Some(Instant::now());
            if is_closed || entry.is_worn(terms) {
                gone = Some(entries.swap_remove(at));
            }
        }
        if entries.is_empty() {
            pool.entries.remove(principal);
        }
        let is_waiting = gone.is_none() && !pool.is_swept;
        if is_waiting && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            pool.is_swept = true;
            let stores = Arc::downgrade(self);
            runtime.spawn(async move {
                loop {
                    tokio::time::sleep(SWEEP).await;
                    let Some(stores) = stores.upgrade() else { return };
                    if stores.sweep() {
                        return;
                    }
                }
            });
        }
        drop(pool);
        // A store takes a while to drop.
        drop(gone);
    }

    /// Drops stores that have been without a call for a while; true if there are no others.
    fn sweep(&self) -> bool {
        let Some(terms) = &self.terms else { return true };
        let mut pool = self.pool();
        let gone = pool.take(|entry| {
            entry.is_worn(terms) || entry.idle_since.is_some_and(|since| since.elapsed() >= IDLE)
        });
        pool.is_swept = !pool.entries.is_empty();
        let is_done = !pool.is_swept;
        drop(pool);
        drop(gone);
        is_done
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Takes the stores without a call that are to be dropped.
    fn take(&mut self, is_to_go: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut gone = Vec::new();
        for entries in self.entries.values_mut() {
            gone.extend(entries.extract_if(.., |entry| entry.now == 0 && is_to_go(entry)));
        }
        self.entries.retain(|_, entries| !entries.is_empty());
        gone
    }
}

/// A call's place in a shared store, until it is dropped.
pub(super) struct Place {
    pub(super) slot: Arc<Slot>,
    pub(super) stores: Arc<Stores>,
    principal: Principal,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stores.left(&self.principal, &self.slot);
    }
}
