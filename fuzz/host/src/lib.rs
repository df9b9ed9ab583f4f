//! The part of the host that `dialects` uses: the contract's types, errors, and the response's backend. The errors
//! are the host's own file.

pub mod contract;
#[path = "../../../crates/model-provider-host/src/error.rs"]
pub mod error;

pub use error::{Error, Kind, Result};

/// As in the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationInfo {
    pub number: u64,
    pub digest: String,
    pub version: String,
}

impl GenerationInfo {
    #[must_use]
    pub fn new(number: u64, version: impl Into<String>, digest: impl Into<String>) -> Self {
        Self {
            number,
            version: version.into(),
            digest: digest.into(),
        }
    }
}

pub mod failover {
    /// As in the host.
    #[derive(Clone, Debug)]
    pub struct Attempt {
        pub reference: String,
        pub error: crate::Error,
        pub elapsed: std::time::Duration,
    }
}

mod sandbox {
    pub(crate) mod memory {
        pub(crate) const TOTAL: &str = "max-total-memory-bytes";
    }
}
