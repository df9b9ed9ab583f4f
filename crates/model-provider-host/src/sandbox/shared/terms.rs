//! How many calls may share a store, and for how long. Knows no store.

use std::time::Duration;

/// The terms on which calls of one principal share a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Calls at once.
    pub(super) at_once: u32,
    /// Calls one after the other; then the store admits no more.
    pub(super) in_all: u32,
    /// The age from which on it admits no more.
    pub(super) age: Duration,
    /// The memory from which on it admits no more, in bytes.
    pub(super) memory_bytes: usize,
    /// The most that is kept of one call for a replay, in bytes.
    pub(super) replay_bytes: usize,
}

impl Terms {
    pub(crate) fn new(
        (at_once, in_all): (u32, u32),
        age: Duration,
        (memory_bytes, replay_bytes): (usize, usize),
    ) -> Self {
        Self {
            at_once,
            in_all,
            age,
            memory_bytes,
            replay_bytes,
        }
    }

    pub(crate) fn at_once(&self) -> u32 {
        self.at_once
    }
}
