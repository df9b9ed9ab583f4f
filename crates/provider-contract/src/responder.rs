//! Who responded, and who failed before. Knows neither plugins nor requests.

use std::time::Duration;

use crate::error::Error;

/// The generation of a response.
///
/// ```
/// use provider_contract::GenerationInfo;
///
/// let generation = GenerationInfo::new(2, "0.3.1", "sha256:5891b5b5");
/// assert_eq!((generation.number, &*generation.version), (2, "0.3.1"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenerationInfo {
    /// 1 for the first, incremented by each swap.
    pub number: u64,
    /// The digest of its file.
    pub digest: String,
    /// The plugin's version.
    pub version: String,
}

impl GenerationInfo {
    /// A generation that no host made, for tests of its display.
    #[must_use]
    pub fn new(number: u64, version: impl Into<String>, digest: impl Into<String>) -> Self {
        Self {
            number,
            version: version.into(),
            digest: digest.into(),
        }
    }
}

/// A model that failed, or was skipped, before the one that responded.
///
/// ```
/// use std::time::Duration;
///
/// use provider_contract::{Attempt, Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Limit, "the plugin used more than 2 s of time");
/// let attempt = Attempt::new("Qwen/Qwen3-8B", error, Duration::from_secs(2));
/// assert_eq!(attempt.error.kind(), ErrorKind::Limit);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The reference as given.
    pub reference: String,
    /// Why it failed. The code `cooling-down` means that it was skipped.
    pub error: Error,
    /// The elapsed time.
    pub elapsed: Duration,
}

impl Attempt {
    /// An attempt that no host made, for tests of its display.
    #[must_use]
    pub fn new(reference: impl Into<String>, error: Error, elapsed: Duration) -> Self {
        Self {
            reference: reference.into(),
            error,
            elapsed,
        }
    }
}
