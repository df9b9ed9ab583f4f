//! Integration with `model-provider-host`: plugins by reference as its sources, policy and lock file as its
//! admission.
//!
//! Reads and writes three things of a state directory: `plugin-policy.json`, `plugins.lock` and the cache
//! `plugins/`. The first two decide what is loaded, so only the user may be able to change them.

mod follow;
mod source;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model_provider_host::{
    Admission, Candidate, Error as HostError, ErrorKind as HostErrorKind, Grant, Grants, Plugin, Result,
    files::{self, trust},
};

pub use follow::{Followed, follow, follow_for};
pub use source::ReferenceSource;

use crate::{
    Access, Cache, ClientOptions, Digest, Error, ErrorKind, Facts, Lock, Pin, Policy, Pulled, Reference,
    Registry, Require, Signatures,
};

/// The holder of plugins that a workspace built itself.
pub const WORKSPACE: &str = "workspace";

impl From<Error> for HostError {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Locked => HostErrorKind::NotGranted,
            ErrorKind::Reference | ErrorKind::File => HostErrorKind::Configuration,
            _ => HostErrorKind::PluginLoad,
        };
        let converted = Self::new(kind, error.message());
        match error.fix() {
            Some(fix) => converted.with_hint(fix),
            None => converted,
        }
    }
}

/// The purpose of loading a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To run it: policy and lock apply.
    Run,
    /// To inspect it and its requested access: only the policy applies.
    Look,
}

/// Whether a workspace vouches for a file of this digest.
pub type Vouch = fn(&Path, &str) -> bool;

/// The plugins of a state directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    dir: Arc<PathBuf>,
    options: Arc<ClientOptions>,
    vouch: Option<Vouch>,
}

impl Store {
    /// The plugins of this state directory, which need not exist.
    #[must_use]
    pub fn new(state_dir: impl AsRef<Path>) -> Self {
        let state_dir = state_dir.as_ref();
        Self {
            dir: Arc::new(state_dir.to_owned()),
            options: Arc::default(),
            vouch: None,
        }
    }

    /// Sets the options of the registry client.
    #[must_use]
    pub fn with_options(self, options: ClientOptions) -> Self {
        let options = Arc::new(options);
        Self { options, ..self }
    }

    /// Sets a workspace whose own plugins need no entry in the lock file.
    #[must_use]
    pub fn with_workspace(self, vouch: Vouch) -> Self {
        let vouch = Some(vouch);
        Self { vouch, ..self }
    }

    /// The lock file.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("plugins.lock")
    }

    /// The policy file.
    #[must_use]
    pub fn policy_file(&self) -> PathBuf {
        self.dir.join("plugin-policy.json")
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> Cache {
        Cache::new(self.dir.join("plugins"))
    }

    /// The current lock; empty if there is none.
    ///
    /// # Errors
    /// It cannot be read, or other users can change it.
    pub fn lock(&self) -> Result<Lock> {
        match read(&self.lock_file())? {
            Some(text) => Ok(Lock::parse(&text)?),
            None => Ok(Lock::default()),
        }
    }

    /// Changes the lock atomically.
    ///
    /// # Errors
    /// It cannot be read or written, or `change` fails; then nothing is written.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Lock) -> Result<T>) -> Result<T> {
        let file = self.lock_file();
        let _held = files::lock(&file)?;
        let mut lock = self.lock()?;
        let changed = change(&mut lock)?;
        files::write_private(&file, lock.print().as_bytes())?;
        Ok(changed)
    }

    /// The current policy; without a file, a policy that allows any named plugin.
    ///
    /// # Errors
    /// It cannot be read, or other users can change it.
    pub fn policy(&self) -> Result<Policy> {
        match read(&self.policy_file())? {
            Some(text) => Ok(Policy::parse(&text)?),
            None => Ok(Policy::default()),
        }
    }

    /// Parses a reference, or its short form with a namespace of the policy.
    ///
    /// # Errors
    /// It is invalid, or the policy cannot be read.
    pub fn reference(&self, text: &str) -> Result<Reference> {
        Ok(self.policy()?.reference(text)?)
    }

    /// Adds a digest to the deny list.
    ///
    /// # Errors
    /// The policy cannot be read or written.
    pub fn deny(&self, digest: &Digest) -> Result<()> {
        let file = self.policy_file();
        let _held = files::lock(&file)?;
        let mut policy = self.policy()?;
        policy.deny.insert(digest.clone());
        let text = serde_json::to_string_pretty(&policy).map_err(|error| {
            HostError::new(
                HostErrorKind::Configuration,
                format!("the plugin policy: {error}"),
            )
        })?;
        files::write_private(&file, format!("{text}\n").as_bytes())
    }

    /// A registry client with the current policy.
    ///
    /// # Errors
    /// The policy cannot be read.
    pub fn registry(&self) -> Result<Registry> {
        Ok(Registry::new(
            self.cache(),
            self.policy()?,
            (*self.options).clone(),
        )?)
    }

    /// Adds the grants of pinned plugins from the lock, each for its digest only.
    ///
    /// # Errors
    /// The lock cannot be read.
    pub fn add_grants(&self, grants: &mut Grants) -> Result<()> {
        for (id, entry) in self.lock()?.plugins {
            let pin = entry.pin;
            if let Some(granted) = pin.granted.as_ref().and_then(convert::<_, Grant>) {
                grants.insert_for(pin.digest.as_str(), id, granted);
            }
        }
        Ok(())
    }

    /// The admission for plugin files.
    #[must_use]
    pub fn admission(&self, mode: Mode) -> Arc<dyn Admission> {
        let store = self.clone();
        Arc::new(Files { store, mode })
    }

    /// The pin of this plugin; `granted` is set if the user accepts its requested access.
    #[must_use]
    pub fn pin(
        plugin: &Plugin,
        source: &str,
        pulled: Option<(&Digest, &[String])>,
        is_granted: bool,
    ) -> Option<Pin> {
        let requests = Grant::requested_by(plugin.info())
            .as_ref()
            .and_then(convert::<_, Access>);
        Some(Pin {
            digest: plugin.digest().parse().ok()?,
            manifest: pulled.map(|(manifest, _)| manifest.clone()),
            source: source.to_owned(),
            granted: requests.clone().filter(|_| is_granted),
            facts: facts(plugin, requests),
            signers: match pulled {
                Some((_, signers)) => signers.to_vec(),
                None => signers(plugin),
            },
        })
    }
}

/// The signers among a plugin's holders.
fn signers(plugin: &Plugin) -> Vec<String> {
    let is_signer = |holder: &&String| holder.starts_with("minisign:") || holder.starts_with("cosign:");
    plugin.holders().iter().filter(is_signer).cloned().collect()
}

/// The facts of a plugin.
fn facts(plugin: &Plugin, requests: Option<Access>) -> Facts {
    Facts {
        version: plugin.info().version.clone(),
        contract: plugin.contract_version().to_owned(),
        size: plugin.size(),
        memory: Some(plugin.initial_memory_bytes()),
        imports: plugin.imports().to_vec(),
        requests: requests.unwrap_or_default(),
    }
}

/// Converts between types with the same members.
fn convert<T: serde::Serialize, U: serde::de::DeserializeOwned>(value: &T) -> Option<U> {
    serde_json::from_value(serde_json::to_value(value).ok()?).ok()
}

/// Reads a file that decides what is loaded, if it exists.
fn read(path: &Path) -> Result<Option<String>> {
    let failure = |message: String| HostError::new(HostErrorKind::Configuration, message);
    if let Some(exposure) = trust::changeable(path) {
        let message = format!("{} is not trusted: {}", path.display(), exposure.message);
        return Err(failure(message).with_hint(format!(
            "a user who can change it decides which plugins are loaded; review the file, then `{}`",
            exposure.fix
        )));
    }
    match files::read_input_text(path, files::MAX_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// The error for a file that does not match the lock, with the command that accepts it.
fn not_locked(what: &str, found: &str, source: &str) -> HostError {
    let quoted = trust::quoted(Path::new(source));
    HostError::new(HostErrorKind::NotGranted, format!("{what}, and not {found}"))
        .with_hint(format!("if you want it, run `host-harness accept {quoted}`"))
}

/// The admission of plain files.
#[derive(Debug)]
struct Files {
    store: Store,
    mode: Mode,
}

impl Admission for Files {
    fn admit(&self, candidate: &Candidate<'_>) -> Result<Vec<String>> {
        let policy = self.store.policy()?;
        let digest: Digest = candidate.digest.parse()?;
        let signatures = beside(candidate.origin);
        let mut holders = policy.verify(None, candidate.bytes, &signatures)?;
        let is_own = self
            .store
            .vouch
            .is_some_and(|vouch| vouch(candidate.origin, candidate.digest));
        if is_own {
            holders.push(WORKSPACE.to_owned());
        }
        if self.mode == Mode::Look || is_own {
            return Ok(holders);
        }
        let lock = self.store.lock()?;
        let source = candidate.origin.to_string_lossy();
        match lock.by_digest(&digest) {
            Some((_, pin)) => {
                if let Some(manifest) = &pin.manifest {
                    policy.check_digest(manifest)?;
                }
            }
            None if lock.plugins.is_empty() && policy.require == Require::None => {}
            None => {
                let pinned: Vec<_> = lock
                    .plugins
                    .iter()
                    .map(|(id, entry)| format!("`{id}` to {}", entry.pin.digest))
                    .collect();
                let what = if pinned.is_empty() {
                    "the policy requires that plugins are pinned".to_owned()
                } else {
                    format!("the lock pins {}", pinned.join(", "))
                };
                return Err(not_locked(
                    &what,
                    &format!("{source}, which has the digest {digest}"),
                    &source,
                ));
            }
        }
        Ok(holders)
    }
}

/// The signature file beside a file.
fn beside(file: &Path) -> Signatures {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    let text = files::read_input_text(Path::new(&name), crate::signature::LARGEST);
    Signatures {
        minisign: text.into_iter().collect(),
        cosign: Vec::new(),
    }
}

/// The provenance of a pulled plugin that a pin stores.
fn provenance(pulled: &Pulled) -> (&Digest, &[String]) {
    (&pulled.manifest, &pulled.signers)
}
