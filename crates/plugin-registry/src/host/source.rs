//! A plugin source for the host: a plugin by reference.

use std::{path::PathBuf, sync::Mutex};

use futures::future::BoxFuture;
use model_provider_host::{Fetched, Plugin, PluginSource, Result};

use super::{Mode, Store, WORKSPACE, not_locked, provenance};
use crate::{Pulled, Reference};

/// A reference as a source. To run: the version that the lock pins; to inspect: the registry's current one.
#[derive(Debug)]
pub struct ReferenceSource {
    store: Store,
    reference: Reference,
    mode: Mode,
    pulled: Mutex<Option<Pulled>>,
}

impl Store {
    /// A plugin by reference.
    #[must_use]
    pub fn source(&self, reference: Reference, mode: Mode) -> ReferenceSource {
        ReferenceSource {
            store: self.clone(),
            reference,
            mode,
            pulled: Mutex::default(),
        }
    }
}

impl ReferenceSource {
    /// The pulled plugin, after a fetch.
    pub fn pulled(&self) -> Option<Pulled> {
        self.pulled.lock().ok()?.clone()
    }
}

impl PluginSource for ReferenceSource {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>> {
        Box::pin(async move {
            let registry = self.store.registry()?;
            let pulled = match self.mode {
                Mode::Run => registry.pinned(&self.reference, &self.store.lock()?).await?,
                Mode::Look => registry.pull(&self.reference).await?,
            };
            if let Ok(mut kept) = self.pulled.lock() {
                *kept = Some(pulled.clone());
            }
            let origin = PathBuf::from(self.reference.to_string());
            let mut holders = pulled.signers;
            // The workspace's own build counts as such, even if it was pulled from a registry.
            if self
                .store
                .vouch
                .is_some_and(|vouch| vouch(&origin, pulled.digest.as_str()))
            {
                holders.push(WORKSPACE.to_owned());
            }
            Ok(Fetched::new(origin, pulled.component).with_holders(holders))
        })
    }

    /// The first use of a reference pins it; another file for a pinned id is refused.
    fn accept(&self, plugin: &Plugin) -> Result<()> {
        if self.mode == Mode::Look {
            return Ok(());
        }
        let id = &plugin.info().id;
        let lock = self.store.lock()?;
        match lock.plugins.get(id) {
            Some(entry) if entry.pin.digest.as_str() == plugin.digest() => Ok(()),
            Some(entry) => Err(not_locked(
                &format!(
                    "the lock pins `{id}` to {} of {}",
                    entry.pin.digest, entry.pin.source
                ),
                &format!("{} of {}", plugin.digest(), self.reference),
                &self.reference.to_string(),
            )),
            None => {
                let pulled = self.pulled();
                let source = self.reference.to_string();
                let pin = Store::pin(plugin, &source, pulled.as_ref().map(provenance), false);
                let Some(pin) = pin else { return Ok(()) };
                self.store.edit(|lock| {
                    lock.put(id, pin);
                    Ok(())
                })?;
                tracing::info!(plugin = %id, digest = plugin.digest(), source, "used for the first time: pinned");
                Ok(())
            }
        }
    }
}
