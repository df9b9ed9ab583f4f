//! The configuration of a request: host, models, access, limits and policy at its arrival. A reload replaces it for
//! new requests and does not affect those in flight.

use std::sync::Arc;

use super::{Access, ServeLimits, ServeOptions, ServePolicy, model_list::Catalog, resolved::Resolver};
use dialects::server::addresses::Dialects;
use model_provider_host::{Host, failover::Failover};

/// The configuration that is in force.
pub(super) struct Current {
    pub(super) host: Host,
    pub(super) fallback: Failover,
    pub(super) default_models: Vec<String>,
    pub(super) fallbacks: Vec<String>,
    pub(super) access: Access,
    pub(super) catalog: Catalog,
    pub(super) resolver: Resolver,
    pub(super) limits: ServeLimits,
    pub(super) policy: ServePolicy,
    pub(super) dialects: Dialects,
}

impl Current {
    /// `before` is the configuration that it replaces: its cooldowns continue.
    pub(super) fn new(host: Host, options: ServeOptions, before: Option<&Self>) -> Arc<Self> {
        let ServeOptions {
            default_models,
            fallbacks,
            params,
            access,
            store_models,
        } = options;
        let limits = ServeLimits::of(host.settings());
        let policy = ServePolicy::of(host.settings());
        let fallback = before.map_or_else(Failover::new, |before| before.fallback.with_shared_cooldowns());
        Arc::new(Self {
            catalog: Catalog::new(host.clone(), store_models),
            resolver: Resolver::new(host.clone()),
            fallback: fallback.with_params(params).with_max_retries(policy.max_retries),
            dialects: Dialects::new(policy.reasoning),
            host,
            default_models,
            fallbacks,
            access,
            limits,
            policy,
        })
    }
}
