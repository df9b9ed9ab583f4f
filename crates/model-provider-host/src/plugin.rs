//! A plugin: one component that is read, checked against the contract, compiled and described.

mod contract_check;
mod file;
mod interfaces;
mod load_options;
mod source;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::component::Component;

use crate::{
    contract::{ProviderInfo, settings::CredentialState},
    egress::EgressHooks,
    error::Result,
    grants::GrantHolder,
    request_context::RequestContext,
    sandbox::{
        Sandbox, State,
        call::{self, Context},
        call_state::CallState,
        guest::GuestPre,
    },
    settings::{Listed, Settings},
};

pub use contract_check::CONTRACT_VERSION;
use contract_check::{PROVIDER, check_contract, mismatch, version_of};
use file::check_kind;
pub(crate) use file::{digest, read};
pub use interfaces::Interfaces;
pub use load_options::LoadOptions;
pub use source::{Admission, Candidate, Fetched, PluginSource};

/// The interface of plugins that need not block.
const NONBLOCKING: &str = "openclaw:model-provider/nonblocking";

/// A component that is loaded into a sandbox and checked. Cheap to clone.
///
/// ```no_run
/// # async fn run() -> model_provider_host::Result<()> {
/// use model_provider_host::{Plugin, Sandbox};
///
/// let sandbox = Sandbox::new(&Default::default())?;
/// let plugin = Plugin::load(&sandbox, "provider.wasm").await?;
/// println!("{} {}", plugin.info().id, plugin.digest());
/// println!("imports {}", plugin.imports().join(", "));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    path: PathBuf,
    digest: String,
    /// Its digest, and the signers that source and admission name.
    holders: Vec<String>,
    size: u64,
    initial_memory_bytes: u64,
    imports: Vec<String>,
    exports: Vec<String>,
    info: ProviderInfo,
    sandbox: Sandbox,
    guest_pre: Arc<GuestPre>,
    options: LoadOptions,
    timings: LoadTimings,
}

/// The durations of the loading steps.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LoadTimings {
    /// Reading and compiling, or loading compiled code from the cache.
    pub compile: Duration,
    /// Checking against the contract and linking.
    pub check: Duration,
    /// The `describe` call.
    pub describe: Duration,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("id", &self.0.info.id)
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// Loads a file: reads, checks and compiles it, and calls `describe`. Nothing is sent and no credential is
    /// read.
    ///
    /// # Errors
    /// `plugin-load` for a file that cannot be read, that other users can change, or that is not a component;
    /// `contract-mismatch` for a component of another world or version, or one with imports that the sandbox does
    /// not offer; `plugin-trap` or `limit` if `describe` fails.
    pub async fn load(sandbox: &Sandbox, path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(sandbox, path, &LoadOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// As of [`load`](Self::load).
    pub async fn load_with(sandbox: &Sandbox, path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        Self::from_source(sandbox, path.as_ref(), options).await
    }

    /// The same for bytes in memory, from `origin`.
    ///
    /// # Errors
    /// As of [`load`](Self::load).
    pub async fn from_bytes(
        sandbox: &Sandbox,
        origin: impl Into<PathBuf>,
        bytes: Vec<u8>,
        options: &LoadOptions,
    ) -> Result<Self> {
        let origin = origin.into();
        let fetched = Fetched::new(origin, bytes);
        Self::loaded(sandbox, fetched, options, Instant::now()).await
    }

    /// The same for any source.
    ///
    /// # Errors
    /// As of [`load`](Self::load), or the source or the admission refused it.
    pub async fn from_source(
        sandbox: &Sandbox,
        source: &(impl PluginSource + ?Sized),
        options: &LoadOptions,
    ) -> Result<Self> {
        let started = Instant::now();
        let fetched = source.fetch().await?;
        let plugin = Self::loaded(sandbox, fetched, options, started).await?;
        source.accept(&plugin)?;
        Ok(plugin)
    }

    async fn loaded(
        sandbox: &Sandbox,
        fetched: Fetched,
        options: &LoadOptions,
        started: Instant,
    ) -> Result<Self> {
        let Fetched {
            origin,
            bytes,
            holders,
        } = fetched;
        let path = origin.as_path();
        let digest = digest(&bytes);
        let size = bytes.len() as u64;
        let admission = options.admission.as_ref().filter(|_| holders.is_none());
        let mut holders = holders.unwrap_or_default();
        if let Some(admission) = admission {
            holders = admission.admit(&Candidate {
                origin: path,
                digest: &digest,
                bytes: &bytes,
            })?;
        }
        holders.push(digest.clone());
        check_kind(path, &bytes)?;
        let component = interfaces::compiled(sandbox, path, bytes).await?;
        let compile = started.elapsed();
        let started = Instant::now();
        let Interfaces { imports, exports } = Interfaces::of(sandbox, &component);
        check_contract(path, &imports, &exports, options.empty_wasi)?;
        let differs = |error: wasmtime::Error| {
            mismatch(path, &format!("it differs from the contract: {error:#}"))
                .with_hint("build it from the `wit/` of this contract's version")
        };
        let interface = format!("{PROVIDER}@{CONTRACT_VERSION}");
        let nonblocking = format!("{NONBLOCKING}@{CONTRACT_VERSION}");
        let nonblocking = (!sandbox.guests_wait()).then_some(nonblocking.as_str());
        let guest_pre = sandbox
            .link(&component, options.empty_wasi)
            .and_then(|pre| GuestPre::new(pre, &interface, nonblocking))
            .and_then(|pre| pre.with_shared(|| sandbox.link_shared(&component, options.empty_wasi)))
            .map_err(differs)?;
        let check = started.elapsed();
        let started = Instant::now();
        let described = call::run(
            alone(sandbox, &guest_pre, options),
            async |store, guest| match guest.check(store) {
                Ok(()) => guest.describe(store).await.map(Ok),
                Err(error) => Ok(Err(error)),
            },
        );
        let info = described.await?.map_err(differs)?;
        let timings = LoadTimings {
            compile,
            check,
            describe: started.elapsed(),
        };
        check_info(path, &info)?;
        let path = path.to_owned();
        let inner = Inner {
            path,
            digest,
            holders,
            size,
            initial_memory_bytes: initial_memory_bytes(&component),
            imports,
            exports,
            info,
            sandbox: sandbox.clone(),
            guest_pre: Arc::new(guest_pre),
            options: options.clone(),
            timings,
        };
        let plugin = Self(Arc::new(inner));
        if let Some(admission) = admission {
            admission.accept(&plugin)?;
        }
        Ok(plugin)
    }

    /// Its description.
    #[must_use]
    pub fn info(&self) -> &ProviderInfo {
        &self.0.info
    }

    /// The file that it was loaded from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// `sha256:` and the digest of the file, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// Its holders, as grants name them: its digest, and the signers that its source and the admission have added.
    #[must_use]
    pub fn holders(&self) -> &[String] {
        &self.0.holders
    }

    /// The file's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The memory that an instance begins with, to compare with `max-memory-bytes`.
    #[must_use]
    pub fn initial_memory_bytes(&self) -> u64 {
        self.0.initial_memory_bytes
    }

    /// The interfaces that it imports, with versions.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.0.imports
    }

    /// The interfaces that it exports, with versions.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.0.exports
    }

    /// The version of the contract that it implements.
    #[must_use]
    pub fn contract_version(&self) -> &str {
        self.0
            .exports
            .iter()
            .find_map(|name| version_of(name, PROVIDER))
            .unwrap_or(CONTRACT_VERSION)
    }

    /// Whether the host waits for its responses, and calls it only when data has arrived: it exports `nonblocking`,
    /// and the sandbox allows it.
    #[must_use]
    pub fn is_nonblocking(&self) -> bool {
        self.0.guest_pre.is_nonblocking()
    }

    /// The durations of the loading steps.
    #[must_use]
    pub fn load_timings(&self) -> LoadTimings {
        self.0.timings
    }

    /// Calls `describe` again in a fresh instance: whether it still responds, and what an instance costs.
    ///
    /// # Errors
    /// `plugin-trap` or `limit` if the call fails.
    pub async fn describe(&self) -> Result<ProviderInfo> {
        let context = alone(&self.0.sandbox, &self.0.guest_pre, &self.0.options);
        call::run(context, async |store, guest| guest.describe(store).await).await
    }

    /// The sandbox that it is loaded into.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    pub(crate) fn guest_pre(&self) -> &Arc<GuestPre> {
        &self.0.guest_pre
    }

    pub(crate) fn admission(&self) -> Option<Arc<dyn Admission>> {
        self.0.options.admission.clone()
    }

    pub(crate) fn empty_wasi(&self) -> bool {
        self.0.options.empty_wasi
    }
}

impl GrantHolder for Plugin {
    fn info(&self) -> &ProviderInfo {
        &self.0.info
    }

    fn holders(&self) -> &[String] {
        &self.0.holders
    }

    fn digest(&self) -> &str {
        &self.0.digest
    }

    fn path(&self) -> &Path {
        &self.0.path
    }
}

/// The largest of its memories; others are of a few pages.
fn initial_memory_bytes(component: &Component) -> u64 {
    const PAGE: u64 = 64 * 1024;
    let required = component.resources_required();
    let pages = required.and_then(|required| required.max_initial_memory_size);
    pages.unwrap_or(0).saturating_mul(PAGE)
}

/// The context of a call without a host: no egress and no credential.
fn alone<'a>(sandbox: &Sandbox, guest_pre: &'a GuestPre, options: &LoadOptions) -> Context<'a> {
    let settings = Settings {
        limits: options.limits.clone(),
        ..Settings::default()
    };
    let context = RequestContext::new(
        Arc::new(settings),
        Arc::new(Listed::default()),
        CredentialState::Missing,
        None,
    );
    let hooks = EgressHooks::new(None, context.clone());
    let call = CallState::new(context, hooks);
    Context::new(sandbox, guest_pre, State::new(call, options.empty_wasi))
}

/// A plugin's id becomes a key of files and flags, so it must have the form that the contract requires.
fn check_info(path: &Path, info: &ProviderInfo) -> Result<()> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if info.id.is_empty() || info.id.len() > 64 || !info.id.bytes().all(plain) || info.id.starts_with('-') {
        let id: String = info.id.chars().take(64).collect();
        return Err(mismatch(
            path,
            &format!("its id {id:?} is not of lower-case letters, digits and `-`"),
        ));
    }
    Ok(())
}
