//! Reload without a restart: requests in flight keep their configuration.

use super::{ServeLimits, ServeOptions, Service, current::Current};
use model_provider_host::Host;

impl Service {
    /// Applies a new configuration to all new requests. `host` is the current [`host`](Self::host), reconfigured
    /// ([`Host::reconfigured`]), with its settings, including the server's. Cooldowns, metrics, and the usage of keys
    /// continue.
    ///
    /// Returns the changed settings that need a restart, because all requests share what they size; they are not
    /// applied.
    #[must_use]
    pub fn reload(&self, host: Host, options: ServeOptions) -> Vec<&'static str> {
        let before = self.0.current.load_full();
        let current = Current::new(host, options, Some(&before));
        let unchanged = unchanged(&self.0.limits, &current.limits);
        self.0.current.store(current);
        self.0.reloads.send_modify(|reloads| *reloads += 1);
        self.0.books.counts.reloaded(true);
        self.0.books.reopen();
        unchanged
    }

    /// Counts a reload that was refused.
    pub fn reload_refused(&self) {
        self.0.books.counts.reloaded(false);
    }
}

fn unchanged(now: &ServeLimits, wanted: &ServeLimits) -> Vec<&'static str> {
    let fixed = [
        ("serve-max-connections", now.connections != wanted.connections),
        (
            "serve-max-connections-per-address",
            now.connections_per_address != wanted.connections_per_address,
        ),
        ("serve-max-concurrent", now.concurrent != wanted.concurrent),
        (
            "serve-max-total-body-bytes",
            now.total_body_bytes != wanted.total_body_bytes,
        ),
        ("serve-head-timeout-ms", now.head_timeout != wanted.head_timeout),
    ];
    let changed = fixed.into_iter().filter(|(_, is_changed)| *is_changed);
    changed.map(|(name, _)| name).collect()
}
