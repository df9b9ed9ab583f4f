//! The options of loading a component. Does not know how it is loaded.

use std::sync::Arc;

use super::Admission;
use crate::limits::Limits;

/// How a component is loaded.
///
/// ```
/// use model_provider_host::{Limits, LoadOptions};
///
/// let options = LoadOptions::default().with_empty_wasi(true).with_limits(Limits::default());
/// assert!(options.admission.is_none());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Whether it may import the rest of WASI, which is empty: for components of languages whose runtimes need it.
    pub empty_wasi: bool,
    /// The limits of its `describe` call.
    pub limits: Limits,
    /// Judges files before they are compiled: this one, and its replacements. Without it every component is loaded.
    pub admission: Option<Arc<dyn Admission>>,
}

impl LoadOptions {
    /// Sets whether the component may import the rest of WASI, which is empty.
    #[must_use]
    pub fn with_empty_wasi(mut self, empty_wasi: bool) -> Self {
        self.empty_wasi = empty_wasi;
        self
    }

    /// Sets the limits of the `describe` call.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what judges files before they are compiled.
    #[must_use]
    pub fn with_admission(mut self, admission: Arc<dyn Admission>) -> Self {
        self.admission = Some(admission);
        self
    }
}
