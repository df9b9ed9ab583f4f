//! Hot swap: replaces the live plugin while requests are in flight.
//!
//! Every check happens beside the live plugin: loading, contract, grant, self-test. Then one pointer changes, and
//! the old generation finishes its requests.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    contract::DiscoveryMode,
    error::{Error, ErrorKind, Result},
    host::{
        Host,
        generation::{Generation, GenerationInfo, GenerationState},
        pending_update::PendingUpdate,
        shared::Shared,
    },
    metrics::Swap,
    plugin::{LoadOptions, Plugin, PluginSource},
    sandbox::call,
};

/// The minimum interval of two swaps, refused ones included: they cost a compilation too.
const INTERVAL: Duration = Duration::from_millis(50);

/// The report of a swap.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SwapReport {
    /// The generation that was live.
    pub from: GenerationInfo,
    /// The generation that is live now.
    pub to: GenerationInfo,
    /// Reading and compiling, or loading compiled code from the cache.
    pub compile: Duration,
    /// Contract, grant and `describe`.
    pub check: Duration,
    /// The self-test.
    pub self_test: Duration,
    /// The switch itself.
    pub switch: Duration,
    /// Responses that continued in the old generation.
    pub draining: usize,
}

impl Host {
    /// Sets the newer plugin that waits for approval, for metrics and health checks; `None` clears it. A successful
    /// swap clears it too.
    pub fn set_pending_update(&self, pending: Option<PendingUpdate>) {
        self.0.pending_update.store(pending.map(Arc::new));
    }

    /// The newer plugin that waits for approval.
    #[must_use]
    pub fn pending_update(&self) -> Option<Arc<PendingUpdate>> {
        self.0.pending_update.load_full()
    }

    /// Swaps the plugin: loads, checks and tests the new one beside the live one, then switches. Requests in flight
    /// finish in the old generation, until the drain deadline. On any error nothing changes. A path is a source;
    /// the admission that the live plugin was loaded with judges it.
    ///
    /// # Errors
    /// Why it was refused; the live plugin stays in service.
    pub async fn swap(&self, source: &(impl PluginSource + ?Sized)) -> Result<SwapReport> {
        let swapped = self.swap_in_turn(source).await;
        let outcome = if swapped.is_ok() {
            Swap::Done
        } else {
            Swap::Refused
        };
        self.0.metrics.swap(outcome);
        swapped
    }

    /// Serializes swaps, with a pause after each.
    async fn swap_in_turn(&self, source: &(impl PluginSource + ?Sized)) -> Result<SwapReport> {
        let mut last = self.0.last_swap.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep(INTERVAL.saturating_sub(last.elapsed())).await;
        }
        let swapped = self.swap_to(source).await;
        *last = Some(Instant::now());
        swapped
    }

    async fn swap_to(&self, source: &(impl PluginSource + ?Sized)) -> Result<SwapReport> {
        let shared = &self.0;
        let live = shared.generations.live();
        let options = LoadOptions {
            empty_wasi: shared.settings.empty_wasi,
            limits: shared.settings.limits.clone(),
            admission: live.plugin.admission(),
        };
        let plugin = Plugin::from_source(&shared.sandbox, source, &options).await?;
        let timings = plugin.load_timings();
        let live = shared.generations.live();
        let id = &live.plugin.info().id;
        if plugin.info().id != *id {
            let message = format!(
                "{} is the provider `{}`; this host serves `{id}`",
                plugin.path().display(),
                plugin.info().id
            );
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("start another host for another provider"));
        }
        // The file may have been granted something since the host was started.
        let grants = shared.grants.reread()?;
        // The grant that this host was started with: the host does not get what another grant of the id allows.
        if let Some(grant) = &shared.grant {
            grant.check(plugin.info())?;
        }
        grants.check(&plugin)?;
        let staged = shared.generations.stage(plugin);
        let started = Instant::now();
        shared.self_test(&staged).await?;
        let self_test = started.elapsed();
        staged.enter(GenerationState::Verified);
        let started = Instant::now();
        let to = staged.info();
        let (old, epoch) = shared.generations.switch(staged);
        shared.pending_update.store(None);
        let switch = started.elapsed();
        let report = SwapReport {
            from: old.info(),
            to,
            compile: timings.compile,
            check: timings.check + timings.describe,
            self_test,
            switch,
            draining: old.in_flight(),
        };
        tokio::spawn(drain(Arc::clone(shared), old, epoch));
        Ok(report)
    }
}

/// Drains an old generation, then retires it. It stays loaded until the next swap, for a rollback; after one, this
/// drain is obsolete and cancels nothing.
async fn drain(shared: Arc<Shared>, old: Arc<Generation>, epoch: u64) {
    if tokio::time::timeout(shared.settings.drain_deadline, old.idle())
        .await
        .is_err()
        && old.epoch() == epoch
    {
        tracing::warn!(
            generation = old.number,
            left = old.in_flight(),
            "drain deadline: requests in flight are cancelled"
        );
        old.cancel_all();
    }
    old.retire(epoch);
}

impl Shared {
    /// The self-test of a plugin before it gets traffic: resolve its own default model and list models without
    /// network.
    pub(super) async fn self_test(&self, staged: &Arc<Generation>) -> Result<()> {
        let failed = |what: &str, error: Error| {
            // A full sandbox is not the plugin's fault.
            if error.is_sandbox_full() {
                return error;
            }
            Error::new(
                ErrorKind::PluginLoad,
                format!("the plugin failed its self-test: {what}: {}", error.message()),
            )
            .with_hint("the previous plugin stays in service")
        };
        if let Some(default) = &staged.plugin.info().default_model {
            let call = call::run_fallible(self.context(staged), async |store, guest| {
                guest.resolve_ref(store, default).await
            });
            call.await
                .map_err(|error| failed("its default model does not resolve", error))?;
        }
        let call = call::run_fallible(self.context(staged), async |store, guest| {
            guest.list_models(store, DiscoveryMode::Off).await
        });
        call.await
            .map_err(|error| failed("its bundled models cannot be listed", error))?;
        Ok(())
    }
}
