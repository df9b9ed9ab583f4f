//! Cache of references resolved by the live plugin, until a swap or a new model list. Knows no keys.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model_provider_host::{
    Host, Result,
    contract::{ModelCatalog, ModelRef},
};

/// The limit of cached references; clients may send any text.
const MOST: usize = 1024;
/// The longest cached text.
const LONGEST: usize = 512;

pub(super) struct Resolver {
    host: Host,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The generation and model list of the cache.
    of: Option<(u64, Arc<ModelCatalog>)>,
    references: HashMap<String, Arc<ModelRef>>,
}

impl Resolver {
    pub(super) fn new(host: Host) -> Self {
        Self {
            host,
            known: Mutex::default(),
        }
    }

    /// Resolves a reference or an alias.
    pub(super) async fn resolve(&self, reference: &str) -> Result<Arc<ModelRef>> {
        let of = (self.host.generation().number, self.host.cached_models());
        if let Some(known) = self.known(&of).references.get(reference) {
            return Ok(Arc::clone(known));
        }
        let resolved = Arc::new(self.host.resolve(reference).await?);
        if reference.len() <= LONGEST {
            let mut known = self.known(&of);
            if known.references.len() >= MOST {
                known.references.clear();
            }
            known
                .references
                .insert(reference.to_owned(), Arc::clone(&resolved));
        }
        Ok(resolved)
    }

    /// The cached value, if it is of this generation and list.
    fn known(&self, of: &(u64, Arc<ModelCatalog>)) -> MutexGuard<'_, Known> {
        // No update under this lock is partial.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = known
            .of
            .as_ref()
            .is_some_and(|(number, list)| *number == of.0 && Arc::ptr_eq(list, &of.1));
        if !is_same {
            known.references.clear();
            known.of = Some(of.clone());
        }
        known
    }
}
