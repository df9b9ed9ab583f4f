//! Who responded, and who failed before. Knows neither plugins nor requests.

use std::time::Duration;

use crate::error::Error;

/// Which generation answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenerationInfo {
    /// 1 for the first, one more for each swap.
    pub number: u64,
    /// The digest of its file.
    pub digest: String,
    /// The plugin's version.
    pub version: String,
}

impl GenerationInfo {
    /// A generation by what is known of it.
    #[must_use]
    pub fn new(number: u64, version: impl Into<String>, digest: impl Into<String>) -> Self {
        Self {
            number,
            version: version.into(),
            digest: digest.into(),
        }
    }
}

/// A model that was asked, or passed over, before the one that answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The reference as it was given.
    pub reference: String,
    /// Why it did not answer. The code `cooling-down` says that it was not asked.
    pub error: Error,
    /// How long that took.
    pub elapsed: Duration,
}

impl Attempt {
    /// An attempt that failed.
    #[must_use]
    pub fn new(reference: impl Into<String>, error: Error, elapsed: Duration) -> Self {
        Self {
            reference: reference.into(),
            error,
            elapsed,
        }
    }
}
