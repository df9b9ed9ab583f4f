//! The list of models that the server shows: fresh by age, of the plugin that answers now, kept for the next start.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::Keep;
use model_provider_host::{
    GenerationInfo, Host, Result,
    contract::{DiscoveryMode, Model, ModelCatalog, ModelSource},
    sanitize,
};

/// After a list that was not live, the next one is asked for so soon.
const SOON: Duration = Duration::from_secs(60);
/// How often it is seen to that the list is fresh.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A list, and whose it is.
pub(super) struct Listing {
    pub(super) catalog: Arc<ModelCatalog>,
    pub(super) generation: GenerationInfo,
    is_live: bool,
    at: Instant,
}

pub(super) struct Catalog {
    host: Host,
    keep: Option<Arc<Keep>>,
    current: ArcSwapOption<Listing>,
    /// One asks, the others wait for what it gets.
    asking: Mutex<()>,
}

impl Catalog {
    pub(super) fn new(host: Host, keep: Option<Keep>) -> Self {
        Self {
            host,
            keep: keep.map(Arc::new),
            current: ArcSwapOption::empty(),
            asking: Mutex::new(()),
        }
    }

    /// The list of the plugin that answers now.
    pub(super) async fn listing(&self) -> Result<Arc<Listing>> {
        match self.known() {
            Some(listing) => Ok(listing),
            None => {
                let _turn = self.asking.lock().await;
                match self.known() {
                    Some(listing) => Ok(listing),
                    None => self.ask().await,
                }
            }
        }
    }

    /// What was listed last; not what another generation said.
    fn known(&self) -> Option<Arc<Listing>> {
        let listing = self.current.load_full()?;
        (listing.generation == self.host.generation()).then_some(listing)
    }

    /// Asks now, and again whenever the list is older than that.
    pub(super) async fn keep_fresh(&self, age: Duration) {
        loop {
            let turn = self.asking.lock().await;
            let left = self.fresh_for(age);
            let asked = if left.is_zero() {
                self.ask().await.map(drop)
            } else {
                Ok(())
            };
            drop(turn);
            let wait = match asked {
                // A swap makes it old at once, which is looked for now and then; and one that is to be fresh all the
                // time is still not asked for all the time.
                Ok(()) => left.clamp(SHORTEST_WAIT, LONGEST_WAIT),
                Err(error) => {
                    tracing::warn!(%error, "the models cannot be listed");
                    SOON
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// How long the list that is known may still be shown.
    fn fresh_for(&self, age: Duration) -> Duration {
        self.known().map_or(Duration::ZERO, |listing| {
            let age = if listing.is_live { age } else { age.min(SOON) };
            age.saturating_sub(listing.at.elapsed())
        })
    }

    async fn ask(&self) -> Result<Arc<Listing>> {
        let discovery = self.host.settings().discovery;
        let before = self.host.last_listed();
        let mut generation = self.host.generation();
        let mut catalog = self.host.list_models(discovery).await?;
        // A list that a swap came in between may be of either; nobody swaps for ever.
        while self.host.generation() != generation {
            generation = self.host.generation();
            catalog = self.host.list_models(discovery).await?;
        }
        for warning in catalog.warnings.iter().take(sanitize::MOST) {
            tracing::warn!(code = warning.code, "{}", warning.message);
        }
        let more = catalog.warnings.len().saturating_sub(sanitize::MOST);
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

    /// Hands a live list on to be kept; that it cannot be is no reason not to show it.
    async fn hand_on(&self, catalog: &Arc<ModelCatalog>) {
        let Some(keep) = self.keep.clone() else { return };
        let keeping = Arc::clone(catalog);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || keep(&keeping)).await {
            tracing::warn!(%error, "the list of models is not kept");
        }
    }
}

/// What the upstream said before is better than what the plugin was built with.
fn in_place_of_bundled(models: &mut Vec<Model>, before: &[Model]) {
    models.retain(|model| model.source == ModelSource::Configured);
    let new = before
        .iter()
        .filter(|known| models.iter().all(|model| model.id != known.id))
        .cloned()
        .collect::<Vec<_>>();
    models.extend(new);
}
