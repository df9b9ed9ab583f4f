//! What a guest has used for one request.

/// What a guest has used for one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceUsage {
    /// Time in guest code; waits do not count.
    pub guest_time: std::time::Duration,
    /// The peak of its memory.
    pub memory_bytes: usize,
}
