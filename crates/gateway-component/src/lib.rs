//! A gateway as a component: chat completions, Responses and Messages over `wasi:http`, onto whatever provider it is composed
//! with. An engine runs as many instances as it likes; they share nothing.
//!
//! It knows no provider, no engine and no token. What clients speak is the crate `dialects`, as it is for `host-harness
//! serve`.

#[cfg(target_family = "wasm")]
mod access;
#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod body;
#[cfg(target_family = "wasm")]
mod completion;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod models;
#[cfg(target_family = "wasm")]
mod output;
#[cfg(target_family = "wasm")]
mod request;
