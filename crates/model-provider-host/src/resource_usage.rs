//! What a guest has used for one request.

/// What a guest has used for one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceUsage {
    /// Guest time: making its instance, its code, and the host functions that it calls; waits do not count.
    pub guest_time: std::time::Duration,
    /// The peak of its memory.
    pub memory_bytes: usize,
}
