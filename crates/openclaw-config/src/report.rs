//! What stands in a person's files and does not do what it seems to, and why; for `doctor` and the log.

use std::fmt;

/// Something that is written down and cannot be used as it is meant, or should stand somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unresolved {
    /// Where it stands: a key, a variable, a file.
    pub place: String,
    /// Why it is not used. Never holds a value.
    pub why: String,
    /// What to do about it.
    pub fix: String,
    /// Whether it has its effect here all the same.
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

    /// The same of something that is read, and stands in the wrong place.
    pub(super) fn misplaced(self) -> Self {
        Self {
            is_used: true,
            ..self
        }
    }

    /// The sentence without what to do about it.
    #[must_use]
    pub fn message(&self) -> String {
        let what = if self.is_used {
            "is read, but should not stand there"
        } else {
            "is not used"
        };
        format!("`{}` {what}: {}", self.place, self.why)
    }

    /// A warning in the log.
    pub(super) fn log(&self) {
        tracing::warn!("{self}");
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.fix)
    }
}
