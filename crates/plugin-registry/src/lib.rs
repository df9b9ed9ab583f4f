//! Plugins as OCI artifacts: pulled, verified before anything is compiled, pinned in a lock file, and published.
//!
//! Knows no provider and no engine. With the feature `host` it is a source of plugins for `model-provider-host`.

mod auth;
mod cache;
mod client;
mod digest;
mod error;
mod facts;
#[cfg(feature = "host")]
pub mod host;
mod http;
mod limits;
mod lock;
mod manifest;
mod metadata;
mod policy;
mod publish;
mod reference;
mod referrers;
mod registry;
mod signature;

pub use auth::Credentials;
pub use cache::Cache;
pub use client::{Client, ClientOptions, Resolved};
pub use digest::Digest;
pub use error::{Error, ErrorKind, Result};
pub use facts::{Access, Change, Endpoint, Facts};
pub use limits::Limits;
pub use lock::{Entry, Lock, Pin};
pub use manifest::{
    CONFIG_TYPE, ComponentFacts, Descriptor, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, Manifest, WasmConfig,
};
pub use metadata::Metadata;
pub use policy::{Follow, Policy, Require};
pub use publish::{Artifact, Published, SBOM_TYPE};
pub use reference::{Reference, SCHEME};
pub use registry::{Pulled, Registry};
pub use signature::{CosignSignature, Key, MINISIGN_TYPE, Signatures};
