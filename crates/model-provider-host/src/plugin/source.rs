//! Where a plugin's bytes come from, and who vouches for them. Knows no registry.
//!
//! A source gives bytes that were checked already, or leaves that to the [`Admission`] of whoever loads. Both come before
//! anything is compiled.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use futures::future::BoxFuture;

use super::{Plugin, file};
use crate::error::Result;

/// The bytes of a plugin.
pub struct Fetched {
    /// Where they came from, as errors and `inspect` say it: a path or a reference.
    pub origin: PathBuf,
    /// A component, if all is well.
    pub bytes: Vec<u8>,
    /// Who vouches for them, beside their digest: the names that grants are bound to. `None` if nobody has looked yet.
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

/// A place that a plugin is loaded from, at start or at a swap.
pub trait PluginSource: Send + Sync {
    /// Fetches it.
    ///
    /// # Errors
    /// It is not there, or not what it should be.
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>>;

    /// Judges what the plugin says of itself, before it is put into service.
    ///
    /// # Errors
    /// It is not taken.
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

/// What is known of a plugin before it is compiled.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// Where it came from.
    pub origin: &'a Path,
    /// `sha256:` and hexadecimal digits.
    pub digest: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Decides which plugins are loaded: a policy, a lock file, a list of denied digests.
pub trait Admission: Send + Sync + fmt::Debug {
    /// Judges bytes before they are compiled. Gives who vouches for them, beside their digest.
    ///
    /// # Errors
    /// They are not loaded.
    fn admit(&self, candidate: &Candidate<'_>) -> Result<Vec<String>>;

    /// Judges what the plugin says of itself, before it is put into service.
    ///
    /// # Errors
    /// It is not taken.
    fn accept(&self, plugin: &Plugin) -> Result<()> {
        let _ = plugin;
        Ok(())
    }
}
