//! A host for model-provider plugins: WebAssembly components of the world `openclaw:model-provider/model-provider`.
//!
//! It loads a component into a sandbox that the credential never enters, lists, resolves and chats through it, and
//! swaps it at run time without losing a request. It knows no provider: id, names, variables, header and models come
//! from the plugin, what a plugin may have from [`Grants`].

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
mod request_context;
mod request_span;
mod resource_usage;
mod sandbox;
mod secret;

#[doc(hidden)]
pub use egress::bare_client;
pub use egress::{Origin, Proxies};
pub use error::{Error, Kind, Result};
pub use files::{private_dir, write_private};
pub use grants::{AllowedEndpoints, Grant, GrantedEndpoint, Grants, endpoint_words};
pub use host::{
    Answer, ChatOptions, Host, HostOptions, chat_stream::Completion, generation::GenerationInfo,
    swap::SwapReport, watch::Watcher,
};
pub use limits::Limits;
pub use metrics::{Call, CallCount, MetricsSnapshot, PAGE_TYPE, Times};
pub use plugin::{CONTRACT_VERSION, LoadOptions, LoadTimings, Plugin};
pub use redact::forms::SHORTEST as SHORTEST_SEARCHED_SECRET;
pub use request_span::RequestId;
pub use resource_usage::Used;
pub use sandbox::{Sandbox, SandboxOptions};
pub use secret::Secret;
pub use settings::Settings;
