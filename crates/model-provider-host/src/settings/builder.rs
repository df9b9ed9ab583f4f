//! Builder methods of the settings that embedders set most. The others are public fields, or set by name.

use std::sync::Arc;

use super::{ModelSettings, Settings};
use crate::{egress::Proxies, limits::Limits};

impl Settings {
    /// Sets the base URL, in place of the plugin's own.
    #[must_use]
    pub fn with_base_url(mut self, base_url: url::Url) -> Self {
        self.base_url = Some(base_url);
        self
    }

    /// Limits the retries before the first event.
    #[must_use]
    pub fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// Sets the limits of one request of the guest.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the proxies.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Sets the user's model entries and aliases.
    #[must_use]
    pub fn with_models(mut self, models: impl Into<Arc<ModelSettings>>) -> Self {
        self.models = models.into();
        self
    }
}
