//! Reports about entries of a user's files that have no effect or not the expected one, for `doctor` and the log.

use std::fmt;

/// An entry that cannot be used as written, or belongs somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unresolved {
    /// Its location: a key, a variable, a file.
    pub place: String,
    /// Why it is not used. Never holds a value.
    pub why: String,
    /// What to do about it.
    pub fix: String,
    /// Whether it takes effect here nevertheless.
    pub is_used: bool,
}

impl Unresolved {
    pub(super) fn new(place: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            why: why.into(),
            fix: fix.into(),
            is_used: false,
        }
    }

    /// Marks it as read, but in the wrong place.
    pub(super) fn misplaced(self) -> Self {
        Self {
            is_used: true,
            ..self
        }
    }

    /// The message without the fix.
    #[must_use]
    pub fn message(&self) -> String {
        let what = if self.is_used {
            "is read, but is in the wrong place"
        } else {
            "is not used"
        };
        format!("`{}` {what}: {}", self.place, self.why)
    }

    /// Logs it as a warning.
    pub(super) fn log(&self) {
        tracing::warn!("{self}");
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.fix)
    }
}
