//! The memory budget of a sandbox: linear memory of all guests together. Knows no guest and no request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use wasmtime::{Engine, Instance, Module, Store};

/// `(module (memory 2))`, in binary: text would need a WAT parser in every host.
const TWO_PAGES: [u8; 13] = *b"\0asm\x01\0\0\0\x05\x03\x01\0\x02";

/// The pooling allocator's decommit batch size: with one system call per region, decommit would take a sixth of an
/// instance's time.
pub(super) const BATCH: usize = 16;
/// The memory of an ended guest that used this much does not wait for its batch to fill.
const LARGE: usize = 4 * 1024 * 1024;

/// Ticks after which a batch is filled a second time.
const AGAIN: u32 = 20;

/// The setting that raises it.
pub(crate) const TOTAL: &str = crate::error::Error::MEMORY_FULL;

/// The memory that all guests of a sandbox may use together. Cheap to clone; clones are the same budget.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    used: AtomicUsize,
    /// A large guest has ended, and its memory may still wait for a batch.
    is_held_back: AtomicBool,
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Inner {
            limit,
            used: AtomicUsize::new(0),
            is_held_back: AtomicBool::new(false),
        }))
    }

    /// Takes bytes from it; returns false, and takes nothing, if the sum would exceed the budget or `most`.
    pub(crate) fn take(&self, bytes: usize, most: usize) -> bool {
        let most = most.min(self.0.limit);
        let taken = self.0.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|total| *total <= most)
        });
        taken.is_ok()
    }

    /// Returns the bytes of a guest, at its end.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Relaxed);
        if bytes >= LARGE {
            self.0.is_held_back.store(true, Relaxed);
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.0.limit
    }

    /// The bytes that all guests use at present.
    pub(crate) fn used(&self) -> usize {
        self.0.used.load(Relaxed)
    }

    /// Whether a large guest has ended since the last call.
    fn take_held_back(&self) -> bool {
        self.0.is_held_back.load(Relaxed) && self.0.is_held_back.swap(false, Relaxed)
    }
}

/// Makes sure that the memory of large guests is decommitted soon after their end, on the ticker's thread.
pub(super) struct Trimmer {
    engine: Engine,
    budget: MemoryBudget,
    filler: Option<Module>,
    /// Ticks since a large guest ended; `None` if that is long ago.
    since: Option<u32>,
}

impl Trimmer {
    pub(crate) fn new(engine: Engine, budget: MemoryBudget) -> Self {
        Self {
            engine,
            budget,
            filler: None,
            since: None,
        }
    }

    /// Called at each tick. A guest returns its budget just before its memory enters the batch, so the batch is
    /// filled one tick later; and a second time after a while, for a thread that was delayed in between.
    pub(crate) fn turn(&mut self) {
        if self.budget.take_held_back() {
            self.since = Some(0);
            return;
        }
        let Some(turns) = self.since else { return };
        self.since = (turns < AGAIN).then_some(turns + 1);
        if (turns == 0 || turns == AGAIN)
            && let Err(error) = self.fill_batch()
        {
            tracing::debug!(%error, "memory of ended guests was not given back early");
        }
    }

    /// The engine has no call to flush a batch. A full batch is flushed, so it is filled with the smallest guests
    /// that there are. Each has a memory larger than what the pool keeps resident.
    fn fill_batch(&mut self) -> wasmtime::Result<()> {
        let module = match &self.filler {
            Some(module) => module,
            None => self.filler.insert(Module::new(&self.engine, TWO_PAGES)?),
        };
        for _ in 0..BATCH {
            Instance::new(&mut Store::new(&self.engine, ()), module, &[])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_exceeded_and_returned_bytes_are_available_again() {
        let budget = MemoryBudget::new(100);
        assert!(budget.take(60, 100) && budget.take(40, usize::MAX));
        assert!(!budget.take(1, usize::MAX) && !budget.take(usize::MAX, usize::MAX));
        assert_eq!(budget.used(), 100);
        budget.give_back(60);
        assert!(!budget.take(61, 100) && !budget.take(60, 99) && budget.take(60, 100));
    }

    #[test]
    fn only_large_guests_are_worth_a_batch_of_their_own() {
        let budget = MemoryBudget::new(usize::MAX);
        for (bytes, expected) in [(LARGE - 1, false), (LARGE, true)] {
            assert!(budget.take(bytes, usize::MAX));
            budget.give_back(bytes);
            assert_eq!(budget.take_held_back(), expected);
            assert!(!budget.take_held_back(), "once");
        }
    }
}
