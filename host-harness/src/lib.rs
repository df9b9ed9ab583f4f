//! A host for model-provider plugins: WebAssembly components of the world `openclaw:model-provider/model-provider`.
//!
//! It loads a component into a sandbox that the credential never enters, lists, resolves and chats through it, and
//! swaps it at run time without losing a request. It knows no provider: id, names, variables, header and models come
//! from the plugin.

pub mod cli;
pub mod component;
pub mod config;
pub mod contract;
pub mod cost;
pub mod fallback;
pub mod mock;
pub mod params;
pub mod serve;
pub mod settings;

mod asking;
mod bounds;
mod call;
mod completion;
mod drain;
mod edge;
mod error;
mod exports;
mod files;
mod generation;
mod grants;
mod host;
mod metrics;
mod openai;
mod plugin;
mod redact;
mod sandbox;
mod sanitize;
mod swap;
mod trace;
mod walk;
mod watch;
mod workspace;

pub use completion::Completion;
#[doc(hidden)]
pub use edge::bare_client;
pub use edge::{Origin, Proxies, Secret};
pub use error::{Error, Kind, Result};
pub use files::{private_dir, write_private};
pub use generation::GenerationInfo;
pub use grants::{Grant, GrantedEndpoint, Grants};
pub use host::{Answer, ChatOptions, Host, HostOptions};
pub use metrics::{Call, CallCount, MetricsSnapshot, Times};
pub use plugin::{CONTRACT_VERSION, LoadOptions, LoadTimings, Plugin};
pub use redact::forms::SHORTEST as SHORTEST_SEARCHED_SECRET;
pub use sandbox::{Limits, Sandbox, SandboxOptions, Used};
pub use settings::Settings;
pub use swap::SwapReport;
pub use trace::RequestId;
pub use watch::Watcher;
