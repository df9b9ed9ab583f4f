//! Taking another configuration without a restart: requests under way go on with what they began with.

use super::{ServeLimits, ServeOptions, Service, current::Current};
use model_provider_host::Host;

impl Service {
    /// Takes another configuration for all requests from now on. `host` is the one of [`host`](Self::host), configured
    /// anew ([`Host::reconfigured`]); with it come its settings, the server's among them. Cooldowns, counts, and what keys
    /// have used go on.
    ///
    /// Gives the settings that a restart is needed for, because they size what all requests share; they stay as they are.
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

    /// Counts that another configuration was there and could not be taken.
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
