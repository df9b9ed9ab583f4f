//! The egress of the sandbox: the one place where requests leave and responses come in.
//!
//! Deny by default. A request goes to the allowed origin or nowhere. The credential is added here, after everything
//! that the guest wrote, and redacted in everything that the guest receives. Nothing here knows a provider.
//!
//! Read in this order: `origin` and `address` (destination), `headers` (what a guest may set), `connector` with
//! `dial`, `proxy`, `tls` and `pool` (connections), `body` (size limits), `wasi_http_hooks` (request limits), `kept`
//! (requests of guests that may be replayed), and `client`, which combines them.

mod address;
mod body;
mod client;
mod clock_skew;
mod connection;
mod connector;
mod deny;
mod dial;
mod headers;
mod kept;
mod no_proxy;
mod origin;
mod pinned;
mod pool;
mod proxy;
#[cfg(test)]
mod tests;
mod tls;
mod wasi_http_hooks;

#[doc(hidden)]
pub use client::bare_client;
pub(crate) use client::{EgressClient, Policy};
pub(crate) use headers::OwnHeaders;
pub use origin::Origin;
pub use proxy::Proxies;
pub(crate) use proxy::ProxyRoute;
pub(crate) use wasi_http_hooks::EgressHooks;
