//! The options of a sandbox, which are fixed when its engine is made. Knows no engine.

use std::{path::PathBuf, time::Duration};

use super::shared::terms::Terms;
use crate::limits::Limits;

/// The options of a [`Sandbox`](super::Sandbox).
///
/// ```
/// use model_provider_host::{Sandbox, SandboxOptions};
///
/// let sandbox = Sandbox::new(&SandboxOptions::default().with_max_concurrent(8))?;
/// assert_eq!(sandbox.memory_in_use(), 0);
/// # Ok::<(), model_provider_host::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SandboxOptions {
    /// The compilation cache; `None` for no cache. The directory has to belong to the user alone.
    pub cache_dir: Option<PathBuf>,
    /// The most concurrent requests, all plugins and generations together.
    pub max_concurrent: u32,
    /// The upper bound of a request's memory limit, in bytes.
    pub max_memory_bytes: usize,
    /// The memory of all concurrent requests together, in bytes. A guest that would exceed it cannot grow its
    /// memory.
    pub max_total_memory_bytes: usize,
    /// The stack size of each request, in bytes; every request reserves it.
    pub max_stack_bytes: usize,
    /// Whether a trap stores the guest's memories in its error; for tests of what a guest holds.
    pub coredump_on_trap: bool,
    /// Whether every guest blocks in `read`, even one that exports `nonblocking`; for tests and benches of both
    /// modes.
    pub guests_wait: bool,
    /// How many requests of one principal ([`ChatOptions::principal`](crate::ChatOptions::principal)) may be in one store
    /// at once; 1, the default, for a store of its own for each. Only streaming responses of plugins that export
    /// `nonblocking` share one.
    pub calls_per_store: u32,
    /// How many requests may be in a shared store one after the other; then it takes no more.
    pub calls_per_store_in_all: u32,
    /// The age from which on a shared store takes no more requests.
    pub shared_store_age: Duration,
    /// The guest memory from which on a shared store takes no more requests, in bytes.
    pub shared_store_memory_bytes: usize,
    /// The most that is kept of each request in a shared store, in bytes, to go on in another instance if this one traps
    /// in another request.
    pub replay_bytes: usize,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            cache_dir: None,
            max_concurrent: 4096,
            max_memory_bytes: 256 * 1024 * 1024,
            max_total_memory_bytes: Limits::default().total_memory_bytes,
            max_stack_bytes: Limits::default().stack_bytes,
            coredump_on_trap: false,
            guests_wait: false,
            calls_per_store: 1,
            calls_per_store_in_all: 1000,
            shared_store_age: Duration::from_secs(60),
            shared_store_memory_bytes: 16 * 1024 * 1024,
            replay_bytes: 1024 * 1024,
        }
    }
}

impl SandboxOptions {
    /// Sets the directory of the compilation cache; `None` for no cache.
    #[must_use]
    pub fn with_cache_dir(mut self, cache_dir: impl Into<Option<PathBuf>>) -> Self {
        self.cache_dir = cache_dir.into();
        self
    }

    /// Limits concurrent requests, all plugins and generations together.
    #[must_use]
    pub fn with_max_concurrent(mut self, max_concurrent: u32) -> Self {
        self.max_concurrent = max_concurrent;
        self
    }

    /// Sets the upper bound of a request's memory limit, in bytes.
    #[must_use]
    pub fn with_max_memory_bytes(mut self, max_memory_bytes: usize) -> Self {
        self.max_memory_bytes = max_memory_bytes;
        self
    }

    /// Limits the memory of all concurrent requests together, in bytes.
    #[must_use]
    pub fn with_max_total_memory_bytes(mut self, max_total_memory_bytes: usize) -> Self {
        self.max_total_memory_bytes = max_total_memory_bytes;
        self
    }

    /// Sets the stack size of each request, in bytes.
    #[must_use]
    pub fn with_max_stack_bytes(mut self, max_stack_bytes: usize) -> Self {
        self.max_stack_bytes = max_stack_bytes;
        self
    }

    /// Sets whether a trap stores the guest's memories in its error.
    #[must_use]
    pub fn with_coredump_on_trap(mut self, coredump_on_trap: bool) -> Self {
        self.coredump_on_trap = coredump_on_trap;
        self
    }

    /// Sets whether every guest blocks in `read`.
    #[must_use]
    pub fn with_guests_wait(mut self, guests_wait: bool) -> Self {
        self.guests_wait = guests_wait;
        self
    }

    /// Lets this many requests of one principal share a store at once.
    #[must_use]
    pub fn with_calls_per_store(mut self, calls_per_store: u32) -> Self {
        self.calls_per_store = calls_per_store;
        self
    }

    /// Limits the requests of a shared store, one after the other.
    #[must_use]
    pub fn with_calls_per_store_in_all(mut self, calls_per_store_in_all: u32) -> Self {
        self.calls_per_store_in_all = calls_per_store_in_all;
        self
    }

    /// Sets the age from which on a shared store takes no more requests.
    #[must_use]
    pub fn with_shared_store_age(mut self, shared_store_age: Duration) -> Self {
        self.shared_store_age = shared_store_age;
        self
    }

    /// Sets the guest memory from which on a shared store takes no more requests, in bytes.
    #[must_use]
    pub fn with_shared_store_memory_bytes(mut self, shared_store_memory_bytes: usize) -> Self {
        self.shared_store_memory_bytes = shared_store_memory_bytes;
        self
    }

    /// Limits what is kept of each request in a shared store, in bytes.
    #[must_use]
    pub fn with_replay_bytes(mut self, replay_bytes: usize) -> Self {
        self.replay_bytes = replay_bytes;
        self
    }

    /// The terms on which calls share a store, if they may.
    pub(super) fn terms(&self) -> Option<Terms> {
        (self.calls_per_store > 1).then(|| {
            Terms::new(
                (self.calls_per_store, self.calls_per_store_in_all),
                self.shared_store_age,
                (self.shared_store_memory_bytes, self.replay_bytes),
            )
        })
    }
}
