//! Swapping: how one plugin takes the place of another while both answer.
//!
//! Everything that can go wrong goes wrong beside the live plugin: loading, contract, grant, self-test. Then one
//! pointer changes, and the old generation finishes what it began.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    contract::DiscoveryMode,
    error::{Error, Kind, Result},
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

/// Two swaps are at least this far apart, refused ones included: they cost a compilation too.
const INTERVAL: Duration = Duration::from_millis(50);

/// What a swap did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SwapReport {
    /// The generation that was live.
    pub from: GenerationInfo,
    /// The one that is.
    pub to: GenerationInfo,
    /// Reading and compiling, or fetching compiled code from the cache.
    pub compile: Duration,
    /// Contract, grant and `describe`.
    pub check: Duration,
    /// The self-test.
    pub self_test: Duration,
    /// The switch itself.
    pub switch: Duration,
    /// Answers that went on in the old generation.
    pub draining: usize,
}

impl Host {
    /// Notes that a newer plugin waits for a person, for metrics and whoever asks whether the host is well; `None` when
    /// none waits any more. A swap that succeeds does that too.
    pub fn set_pending_update(&self, pending: Option<PendingUpdate>) {
        self.0.pending_update.store(pending.map(Arc::new));
    }

    /// The newer plugin that waits for a person.
    #[must_use]
    pub fn pending_update(&self) -> Option<Arc<PendingUpdate>> {
        self.0.pending_update.load_full()
    }

    /// Replaces the plugin: loads, checks and tests the new one beside the live one, then switches. Requests under way
    /// finish where they began, until the drain deadline. If anything is wrong with it, nothing changes. A path is a
    /// source; the admission that the live plugin was loaded with judges it.
    ///
    /// # Errors
    /// Why it was not taken; the live plugin serves on.
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

    /// One after the other, with a pause after each.
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
            return Err(
                Error::new(Kind::Configuration, message).with_hint("start another host for another provider")
            );
        }
        // Somebody may have granted this file something since the host was started.
        let grants = shared.grants.reread()?;
        // The one that this host was started with: what another grant of the id allows is not open here.
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
        let (old, turn) = shared.generations.switch(staged);
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
        tokio::spawn(drain(Arc::clone(shared), old, turn));
        Ok(report)
    }
}

/// Lets an old generation finish, then retires it. It stays loaded until the next swap, to come back if it has to; then
/// the turn that was to be drained is over, and nothing of it is cut.
async fn drain(shared: Arc<Shared>, old: Arc<Generation>, turn: u64) {
    if tokio::time::timeout(shared.settings.drain_deadline, old.idle())
        .await
        .is_err()
        && old.turns() == turn
    {
        tracing::warn!(
            generation = old.number,
            left = old.in_flight(),
            "drain deadline: answers are cut short"
        );
        old.cut();
    }
    old.retire(turn);
}

impl Shared {
    /// What a plugin has to do before it gets traffic: understand its own default and list without network.
    async fn self_test(&self, staged: &Arc<Generation>) -> Result<()> {
        let failed = |what: &str, error: Error| {
            // A full sandbox says nothing of the plugin.
            if error.is_sandbox_full() {
                return error;
            }
            Error::new(
                Kind::PluginLoad,
                format!("the plugin failed its self-test: {what}: {}", error.message()),
            )
            .with_hint("the plugin before it serves on")
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
