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
pub struct Fetched {
    /// Their origin for errors and `inspect`: a path or a reference.
    pub origin: PathBuf,
    /// The component.
    pub bytes: Vec<u8>,
    /// Their holders beside the digest: the names that grants are bound to. `None` if nothing has been verified
    /// yet.
    pub holders: Option<Vec<String>>,
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
        Box::pin(async move {
            Ok(Fetched {
                origin: self.to_owned(),
                bytes: file::read(self).await?,
                holders: None,
            })
        })
    }
}

impl PluginSource for PathBuf {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>> {
        self.as_path().fetch()
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
