//! A host for model-provider plugins: WebAssembly components of the world `openclaw:model-provider/model-provider`.
//!
//! ```no_run
//! use model_provider_host::{Grants, Host, HostOptions, Plugin, Sandbox, contract::{ChatEvent, ChatRequest}};
//!
//! # async fn run(grants: Grants) -> model_provider_host::Result<()> {
//! let sandbox = Sandbox::new(&Default::default())?;
//! let plugin = Plugin::load(&sandbox, "provider.wasm").await?;
//! let options = HostOptions::from_env(&plugin, grants)?;
//! let host = Host::start(plugin, options)?;
//!
//! let mut response = host.chat(ChatRequest::new("Qwen/Qwen3-8B").user("Hello!")).await?;
//! while let Some(event) = response.next().await? {
//!     if let ChatEvent::Text(text) = event {
//!         print!("{text}");
//!     }
//! }
//! host.swap("provider-next.wasm").await?; // responses in flight finish in the old version
//! # Ok(()) }
//! ```
//!
//! # Overview
//!
//! * [`Sandbox`]: a wasmtime engine with its limits. One for a process is enough.
//! * [`Plugin`]: a component that is loaded and compiled; [`Plugin::info`] says what it needs.
//! * [`Grants`]: what plugins may have: an origin, endpoints, environment variables, a header for the credential.
//! * [`Host`]: a plugin in service: lists models, resolves references, chats, and swaps the plugin at run time.
//! * [`Settings`]: base URL, aliases, timeouts and limits of a host; [`HostOptions`] also hold the credential.
//! * [`failover`]: fallback models with cooldowns. [`Error`]: one type for all failures, with predicates.
//!
//! The credential never enters the sandbox: the host attaches it to outgoing requests, and redacts it in everything
//! that comes back. The crate knows no provider: ids, names, variables, header and models come from the plugin.
//!
//! # Features
//!
//! None is on by default.
//!
//! * `metrics`: counters, [`Host::metrics`](Host#method.metrics) and a page for Prometheus.
//! * `watch`: `Watcher`, a hot swap whenever the plugin's file is replaced.
//!
//! Needs a tokio runtime.

pub mod contract;
pub mod cost;
pub mod credential_text;
pub mod error;
pub mod failover;
pub mod files;
pub mod redact;
pub mod request_defaults;
pub mod sanitize;
pub mod settings;

mod bounds;
mod egress;
pub mod grants;
mod host;
mod limits;
pub mod metrics;
mod plugin;
mod principal;
mod request_context;
mod request_span;
mod resource_usage;
mod sandbox;
mod secret;
mod trace_parent;

#[doc(hidden)]
pub use egress::bare_client;
pub use egress::{Origin, Proxies};
pub use error::{Error, ErrorKind, Result};
pub use grants::{AllowedEndpoints, Grant, GrantHolder, GrantedEndpoint, Grants, format_endpoints};
#[cfg(feature = "watch")]
pub use host::watch::Watcher;
pub use host::{
    ChatOptions, ChatResponse, Host, HostOptions, chat_stream::ChatStream, generation::GenerationInfo,
    pending_update::PendingUpdate, swap::SwapReport,
};
pub use limits::Limits;
#[cfg(feature = "metrics")]
pub use metrics::MetricsSnapshot;
pub use plugin::{
    Admission, CONTRACT_VERSION, Candidate, Fetched, Interfaces, LoadOptions, LoadTimings, Plugin,
    PluginSource,
};
pub use principal::Principal;
pub use request_span::RequestId;
pub use resource_usage::ResourceUsage;
pub use sandbox::{Sandbox, SandboxOptions};
pub use secret::Secret;
pub use settings::Settings;
pub use trace_parent::TraceParent;
