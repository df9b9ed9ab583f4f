//! A newer plugin that waits for a person. Knows not where it comes from.

/// A newer plugin that is not taken by itself, because it wants more than the live one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUpdate {
    /// Its digest.
    pub digest: String,
    /// What it wants, and the command that accepts it.
    pub message: String,
}
