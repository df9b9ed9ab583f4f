//! The model list of the server: refreshed by age, of the live plugin, cached for the next start.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::StoreModels;
use model_provider_host::{
    GenerationInfo, Host, Result,
    contract::{DiscoveryMode, Model, ModelCatalog, ModelSource},
    sanitize,
};

/// The refresh interval after a list that was not live.
const SOON: Duration = Duration::from_secs(60);
/// The shortest interval of freshness checks.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A model list and its generation.
pub(super) struct Listing {
    pub(super) catalog: Arc<ModelCatalog>,
    pub(super) generation: GenerationInfo,
    is_live: bool,
    at: Instant,
}

pub(super) struct Catalog {
    host: Host,
    store_models: Option<Arc<StoreModels>>,
    current: ArcSwapOption<Listing>,
    /// One request refreshes the list; concurrent ones wait for its result.
    refreshing: Mutex<()>,
}

impl Catalog {
    pub(super) fn new(host: Host, store_models: Option<StoreModels>) -> Self {
        Self {
            host,
            store_models: store_models.map(Arc::new),
            current: ArcSwapOption::empty(),
            refreshing: Mutex::new(()),
        }
    }

    /// The list of the live plugin.
    pub(super) async fn listing(&self) -> Result<Arc<Listing>> {
        if let Some(listing) = self.known() {
            return Ok(listing);
        }
        let _turn = self.refreshing.lock().await;
        match self.known() {
            Some(listing) => Ok(listing),
            None => self.ask().await,
        }
    }

    /// The cached list, if it is of the live generation.
    fn known(&self) -> Option<Arc<Listing>> {
        let listing = self.current.load_full()?;
        (listing.generation == self.host.generation()).then_some(listing)
    }

    /// Refreshes the list now, and whenever it is older than `age`.
    pub(super) async fn keep_fresh(&self, age: Duration) {
        loop {
            let turn = self.refreshing.lock().await;
            let left = self.fresh_for(age);
            let refreshed = if left.is_zero() {
                self.ask().await.map(drop)
            } else {
                Ok(())
            };
            drop(turn);
            let wait = match refreshed {
                // A swap makes the list stale at once, so this checks from time to time; and a tiny `age` does not
                // cause constant requests.
                Ok(()) => left.clamp(SHORTEST_WAIT, LONGEST_WAIT),
                Err(error) => {
                    tracing::warn!(%error, "the models cannot be listed");
                    SOON
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// How long the cached list is still fresh.
    fn fresh_for(&self, age: Duration) -> Duration {
        self.known().map_or(Duration::ZERO, |listing| {
            let age = if listing.is_live { age } else { age.min(SOON) };
            age.saturating_sub(listing.at.elapsed())
        })
    }

    async fn ask(&self) -> Result<Arc<Listing>> {
        let discovery = self.host.settings().discovery;
        let before = self.host.cached_models();
        let mut generation = self.host.generation();
        let mut catalog = self.host.list_models(discovery).await?;
        // A list during which a swap happened may be of either generation; swaps end eventually.
        while self.host.generation() != generation {
            generation = self.host.generation();
            catalog = self.host.list_models(discovery).await?;
        }
        for warning in catalog.warnings.iter().take(sanitize::MAX_NAMES) {
            tracing::warn!(code = warning.code, "{}", warning.message);
        }
        let more = catalog.warnings.len().saturating_sub(sanitize::MAX_NAMES);
        if more > 0 {
            tracing::warn!(more, "more warnings of this list are not logged");
        }
        let is_live = catalog.source == ModelSource::Live;
        if is_live {
            self.hand_on(&catalog).await;
        } else if matches!(discovery, DiscoveryMode::Authenticated | DiscoveryMode::Always)
            && !before.models.is_empty()
        {
            in_place_of_bundled(&mut Arc::make_mut(&mut catalog).models, &before.models);
        }
        let listing = Arc::new(Listing {
            catalog,
            generation,
            is_live,
            at: Instant::now(),
        });
        self.current.store(Some(Arc::clone(&listing)));
        Ok(listing)
    }

    /// Passes a live list on for caching; a failure does not prevent its use.
    async fn hand_on(&self, catalog: &Arc<ModelCatalog>) {
        let Some(store) = self.store_models.clone() else {
            return;
        };
        let storing = Arc::clone(catalog);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || store(&storing)).await {
            tracing::warn!(%error, "the model list could not be cached");
        }
    }
}

/// Earlier data of the upstream is better than the plugin's bundled data.
fn in_place_of_bundled(models: &mut Vec<Model>, before: &[Model]) {
    models.retain(|model| model.source == ModelSource::Configured);
    let new = before
        .iter()
        .filter(|known| models.iter().all(|model| model.id != known.id))
        .cloned()
        .collect::<Vec<_>>();
    models.extend(new);
}
