//! What stands in a person's files and is not used, and why; for `doctor` and the log.

use std::fmt;

/// Something that is written down and cannot be used as it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unresolved {
    /// Where it stands: a key, a variable, a file.
    pub place: String,
    /// Why it is not used. Never holds a value.
    pub why: String,
    /// What to do about it.
    pub fix: String,
}

impl Unresolved {
    pub(super) fn new(place: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            why: why.into(),
            fix: fix.into(),
        }
    }

    /// A warning in the log.
    pub(super) fn log(&self) {
        tracing::warn!("{self}");
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not used: {} ({})", self.place, self.why, self.fix)
    }
}
