//! The glue to `model-provider-host`: plugins by reference as its sources, and policy and lock file as its admission.
//!
//! Reads and writes three things of a state directory: `plugin-policy.json`, `plugins.lock` and the cache `plugins/`.
//! Whoever may change the first two decides what is loaded, so they have to be the user's own.

mod follow;
mod source;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model_provider_host::{
    Admission, Candidate, Error as HostError, Grant, Grants, Kind, Plugin, Result,
    files::{self, trust},
};

pub use follow::{Followed, follow};
pub use source::ReferenceSource;

use crate::{
    Access, Cache, ClientOptions, Digest, Error, ErrorKind, Facts, Lock, Pin, Policy, Pulled, Registry,
    Require, Signatures,
};

/// The holder of plugins that a workspace built for itself.
pub const WORKSPACE: &str = "workspace";

impl From<Error> for HostError {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Locked => Kind::NotGranted,
            ErrorKind::Reference | ErrorKind::File => Kind::Configuration,
            _ => Kind::PluginLoad,
        };
        let converted = Self::new(kind, error.message());
        match error.fix() {
            Some(fix) => converted.with_hint(fix),
            None => converted,
        }
    }
}

/// What a plugin is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To run: policy and lock hold.
    Run,
    /// To look at what it is and asks for: the policy holds.
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
    /// Of this state directory, which need not be there.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self {
            dir: Arc::new(state_dir.to_owned()),
            options: Arc::default(),
            vouch: None,
        }
    }

    /// With other options for registries.
    #[must_use]
    pub fn with_options(self, options: ClientOptions) -> Self {
        let options = Arc::new(options);
        Self { options, ..self }
    }

    /// With a workspace whose own plugins need no entry in the lock file.
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

    /// The policy's file.
    #[must_use]
    pub fn policy_file(&self) -> PathBuf {
        self.dir.join("plugin-policy.json")
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> Cache {
        Cache::new(self.dir.join("plugins"))
    }

    /// The lock as it is now; empty if there is none.
    ///
    /// # Errors
    /// It cannot be read, or others may change it.
    pub fn lock(&self) -> Result<Lock> {
        match read(&self.lock_file())? {
            Some(text) => Ok(Lock::parse(&text)?),
            None => Ok(Lock::default()),
        }
    }

    /// Changes the lock. Nobody else does so in the meantime.
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

    /// The policy as it is now; without a file the one that allows what somebody names.
    ///
    /// # Errors
    /// It cannot be read, or others may change it.
    pub fn policy(&self) -> Result<Policy> {
        match read(&self.policy_file())? {
            Some(text) => Ok(Policy::parse(&text)?),
            None => Ok(Policy::default()),
        }
    }

    /// Puts a digest on the deny list.
    ///
    /// # Errors
    /// The policy cannot be read or written.
    pub fn deny(&self, digest: &Digest) -> Result<()> {
        let file = self.policy_file();
        let _held = files::lock(&file)?;
        let mut policy = self.policy()?;
        policy.deny.insert(digest.clone());
        let text = serde_json::to_string_pretty(&policy)
            .map_err(|error| HostError::new(Kind::Configuration, format!("the plugin policy: {error}")))?;
        files::write_private(&file, format!("{text}\n").as_bytes())
    }

    /// Pulls by the policy as it is now.
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

    /// What the lock says that pinned plugins were granted, each for its digest alone.
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

    /// Judges plugin files before they are compiled.
    #[must_use]
    pub fn admission(&self, mode: Mode) -> Arc<dyn Admission> {
        let store = self.clone();
        Arc::new(Files { store, mode })
    }

    /// What a pin of this plugin is; `granted` of who accepts what it asks for.
    #[must_use]
    pub fn pin(
        plugin: &Plugin,
        source: &str,
        pulled: Option<(&Digest, &[String])>,
        is_granted: bool,
    ) -> Option<Pin> {
        let asks = Grant::asked_by(plugin.info())
            .as_ref()
            .and_then(convert::<_, Access>);
        Some(Pin {
            digest: plugin.digest().parse().ok()?,
            manifest: pulled.map(|(manifest, _)| manifest.clone()),
            source: source.to_owned(),
            granted: asks.clone().filter(|_| is_granted),
            facts: facts(plugin, asks),
            signers: match pulled {
                Some((_, signers)) => signers.to_vec(),
                None => signers(plugin),
            },
        })
    }
}

/// Who signed a plugin, of those that vouch for it.
fn signers(plugin: &Plugin) -> Vec<String> {
    let is_signer = |holder: &&String| holder.starts_with("minisign:") || holder.starts_with("cosign:");
    plugin.holders().iter().filter(is_signer).cloned().collect()
}

/// What a plugin is and asks for.
fn facts(plugin: &Plugin, asks: Option<Access>) -> Facts {
    Facts {
        version: plugin.info().version.clone(),
        contract: plugin.contract_version().to_owned(),
        size: plugin.size(),
        imports: plugin.imports().to_vec(),
        asks: asks.unwrap_or_default(),
    }
}

/// The same members under another type.
fn convert<T: serde::Serialize, U: serde::de::DeserializeOwned>(value: &T) -> Option<U> {
    serde_json::from_value(serde_json::to_value(value).ok()?).ok()
}

/// The text of a file that decides what is loaded, if it is there.
fn read(path: &Path) -> Result<Option<String>> {
    let fault = |message: String| HostError::new(Kind::Configuration, message);
    if let Some(exposure) = trust::changeable(path) {
        let message = format!("{} is not believed: {}", path.display(), exposure.message);
        return Err(fault(message).with_hint(format!(
            "whoever may change it decides which plugins are loaded; look at what stands there, then `{}`",
            exposure.fix
        )));
    }
    match files::read_input_text(path, files::LARGEST) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// A file that is not what the lock says, and the command that accepts it.
fn not_locked(what: &str, found: &str, source: &str) -> HostError {
    let quoted = trust::quoted(Path::new(source));
    HostError::new(Kind::NotGranted, format!("{what}, and not {found}"))
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

/// The signature that lies beside a file.
fn beside(file: &Path) -> Signatures {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    let text = files::read_input_text(Path::new(&name), crate::signature::LARGEST);
    Signatures {
        minisign: text.into_iter().collect(),
        cosign: Vec::new(),
    }
}

/// The parts of what was pulled that a pin keeps.
fn provenance(pulled: &Pulled) -> (&Digest, &[String]) {
    (&pulled.manifest, &pulled.signers)
}
