//! The list of models that the server shows: fresh by age, of the plugin that answers now, kept for the next start.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::Keep;
use crate::{
    Host,
    contract::{DiscoveryMode, Model, ModelCatalog, ModelSource},
    error::Result,
    generation::GenerationInfo,
};

/// After a list that was not live, the next one is asked for so soon.
const SOON: Duration = Duration::from_secs(60);

/// A list, and whose it is.
pub(super) struct Listing {
    pub(super) models: Vec<Model>,
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
            let (wait, is_due) = match self.known() {
                None => (Duration::ZERO, true),
                Some(listing) => {
                    let age = if listing.is_live { age } else { age.min(SOON) };
                    let left = age.saturating_sub(listing.at.elapsed());
                    (left, left.is_zero())
                }
            };
            if is_due {
                let _turn = self.asking.lock().await;
                if let Err(error) = self.ask().await {
                    tracing::warn!(%error, "the models cannot be listed");
                    tokio::time::sleep(SOON).await;
                }
                // A list that is to be fresh all the time is still not asked for all the time.
                tokio::time::sleep(Duration::from_secs(1)).await;
            } else {
                // A swap makes it old at once; that is looked for now and then.
                tokio::time::sleep(wait.min(Duration::from_secs(5))).await;
            }
        }
    }

    async fn ask(&self) -> Result<Arc<Listing>> {
        let discovery = self.host.settings().discovery;
        let before = self.host.listed_models();
        let mut generation = self.host.generation();
        let mut catalog = self.host.list_models(discovery).await?;
        // A list that a swap came in between may be of either; nobody swaps for ever.
        while self.host.generation() != generation {
            generation = self.host.generation();
            catalog = self.host.list_models(discovery).await?;
        }
        for warning in &catalog.warnings {
            tracing::warn!(code = warning.code, "{}", warning.message);
        }
        let is_live = catalog.source == ModelSource::Live;
        if is_live {
            catalog = self.kept(catalog).await;
        } else if matches!(discovery, DiscoveryMode::Authenticated | DiscoveryMode::Always)
            && !before.is_empty()
        {
            in_place_of_bundled(&mut catalog.models, before);
        }
        let listing = Arc::new(Listing {
            models: catalog.models,
            generation,
            is_live,
            at: Instant::now(),
        });
        self.current.store(Some(Arc::clone(&listing)));
        Ok(listing)
    }

    /// Hands a live list on to be kept; that it cannot be is no reason not to show it.
    async fn kept(&self, catalog: ModelCatalog) -> ModelCatalog {
        let Some(keep) = self.keep.clone() else {
            return catalog;
        };
        let catalog = Arc::new(catalog);
        let keeping = Arc::clone(&catalog);
        match tokio::task::spawn_blocking(move || keep(&keeping)).await {
            Ok(Err(error)) => tracing::warn!(%error, "the list of models is not kept"),
            Ok(Ok(())) | Err(_) => {}
        }
        Arc::unwrap_or_clone(catalog)
    }
}

/// What the upstream said before is better than what the plugin was built with.
fn in_place_of_bundled(models: &mut Vec<Model>, before: Vec<Model>) {
    models.retain(|model| model.source == ModelSource::Configured);
    let new = before
        .into_iter()
        .filter(|known| models.iter().all(|model| model.id != known.id))
        .collect::<Vec<_>>();
    models.extend(new);
}
