//! The memory budget of a sandbox: linear memory of all guests together. Knows no guest and no request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use wasmtime::{Engine, Instance, Module, Store};

/// `(module (memory 2))`, in bytes: text would need a parser of it in every host.
const TWO_PAGES: [u8; 13] = *b"\0asm\x01\0\0\0\x05\x03\x01\0\x02";

/// wasmtime gives the memory of ended guests back to the system in batches of this many regions: one system call for
/// each is a sixth of an instance's time otherwise.
pub(super) const BATCH: usize = 16;
/// An ended guest that used this much does not wait for its batch to fill.
const LARGE: usize = 4 * 1024 * 1024;

/// Turns of the ticker after which a batch is filled once more.
const AGAIN: u32 = 20;

/// The setting that raises it.
pub(crate) const TOTAL: &str = crate::error::Error::MEMORY_FULL;

/// What all guests of a sandbox may use together. Cheap to clone; clones are the same budget.
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

    /// Takes bytes from it; false, and nothing is taken, if all together were more than it has or `most`.
    pub(crate) fn take(&self, bytes: usize, most: usize) -> bool {
        let most = most.min(self.0.limit);
        let taken = self.0.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|total| *total <= most)
        });
        taken.is_ok()
    }

    /// Gives back what a guest had, at its end.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Relaxed);
        if bytes >= LARGE {
            self.0.is_held_back.store(true, Relaxed);
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.0.limit
    }

    /// What all guests have at the moment.
    pub(crate) fn used(&self) -> usize {
        self.0.used.load(Relaxed)
    }

    /// Whether memory has been held back since this was last asked.
    fn take_held_back(&self) -> bool {
        self.0.is_held_back.load(Relaxed) && self.0.is_held_back.swap(false, Relaxed)
    }
}

/// Sees to it that the memory of large guests goes back to the system soon after their end, on the ticker's thread.
pub(super) struct Trimmer {
    engine: Engine,
    budget: MemoryBudget,
    filler: Option<Module>,
    /// Turns since a large guest ended; none if that is long ago.
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

    /// One turn of the ticker. A guest gives its budget back just before its memory goes to the batch, so the batch is
    /// filled one turn later; and once more after a while, for a thread that was held up in between.
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

    /// The engine has no call for it: a batch goes when it is full, so it is filled with the smallest guests there are.
    /// Each has a memory that is larger than what the pool keeps resident.
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
    fn a_budget_gives_no_more_than_there_is_and_all_of_it_again_when_it_comes_back() {
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
