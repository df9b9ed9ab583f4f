//! Plugin sources and admission. Knows no registry.
//!
//! A source returns bytes that it has verified, or leaves that to the [`Admission`]. Both come before compilation.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use futures::future::BoxFuture;

use super::{Plugin, file};
use crate::error::Result;

/// The bytes of a plugin.
#[non_exhaustive]
pub struct Fetched {
    /// Their origin for errors and `inspect`: a path or a reference.
    pub origin: PathBuf,
    /// The component.
    pub bytes: Vec<u8>,
    /// Their holders beside the digest: the names that grants are bound to. `None` if nothing has been verified
    /// yet.
    pub holders: Option<Vec<String>>,
}

impl Fetched {
    /// Bytes of this origin that nothing has verified yet.
    #[must_use]
    pub fn new(origin: impl Into<PathBuf>, bytes: Vec<u8>) -> Self {
        Self {
            origin: origin.into(),
            bytes,
            holders: None,
        }
    }

    /// The same, verified: with its holders beside the digest.
    #[must_use]
    pub fn with_holders(mut self, holders: Vec<String>) -> Self {
        self.holders = Some(holders);
        self
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("origin", &self.origin)
            .field("holders", &self.holders)
            .finish_non_exhaustive()
    }
}

/// A source of plugins, at start or at a swap.
///
/// ```
/// use futures::{FutureExt as _, future::BoxFuture};
/// use model_provider_host::{Fetched, PluginSource, Result};
///
/// /// A plugin that is built into this program.
/// struct BuiltIn(&'static [u8]);
///
/// impl PluginSource for BuiltIn {
///     fn fetch(&self) -> BoxFuture<'_, Result<Fetched>> {
///         async { Ok(Fetched::new("built-in", self.0.to_vec())) }.boxed()
///     }
/// }
///
/// let fetched = BuiltIn(b"\0asm").fetch().now_or_never().expect("no wait")?;
/// assert_eq!(fetched.bytes, b"\0asm");
/// # Ok::<(), model_provider_host::Error>(())
/// ```
pub trait PluginSource: Send + Sync {
    /// Fetches it.
    ///
    /// # Errors
    /// It is missing or fails verification.
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>>;

    /// Judges the plugin's description before it is put into service.
    ///
    /// # Errors
    /// It is refused.
    fn accept(&self, plugin: &Plugin) -> Result<()> {
        let _ = plugin;
        Ok(())
    }
}

impl PluginSource for Path {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>> {
        Box::pin(async move { Ok(Fetched::new(self, file::read(self).await?)) })
    }
}

impl PluginSource for PathBuf {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>> {
        self.as_path().fetch()
    }
}

/// A path as text.
impl PluginSource for str {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>> {
        Path::new(self).fetch()
    }
}

/// A path as text.
impl PluginSource for String {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>> {
        self.as_str().fetch()
    }
}

/// A plugin before it is compiled.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// Its origin.
    pub origin: &'a Path,
    /// `sha256:` and hexadecimal digits.
    pub digest: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Decides which plugins are loaded: a policy, a lock file, a list of denied digests.
///
/// ```
/// use std::sync::Arc;
///
/// use model_provider_host::{Admission, Candidate, Error, ErrorKind, LoadOptions, Result};
///
/// /// Loads plugins of these digests only.
/// #[derive(Debug)]
/// struct Pinned(Vec<String>);
///
/// impl Admission for Pinned {
///     fn admit(&self, candidate: &Candidate<'_>) -> Result<Vec<String>> {
///         if self.0.iter().any(|digest| digest == candidate.digest) {
///             return Ok(Vec::new());
///         }
///         Err(Error::new(ErrorKind::PluginLoad, format!("{} is not pinned", candidate.digest)))
///     }
/// }
///
/// let options = LoadOptions::default().with_admission(Arc::new(Pinned(Vec::new())));
/// ```
pub trait Admission: Send + Sync + fmt::Debug {
    /// Judges bytes before they are compiled. Returns their holders beside the digest.
    ///
    /// # Errors
    /// They are refused.
    fn admit(&self, candidate: &Candidate<'_>) -> Result<Vec<String>>;

    /// Judges the plugin's description before it is put into service.
    ///
    /// # Errors
    /// It is refused.
    fn accept(&self, plugin: &Plugin) -> Result<()> {
        let _ = plugin;
        Ok(())
    }
}
