//! The settings of a composed gateway as a component: from `wasi:config/store`, or from a file that is built in
//! (`GATEWAY_SETTINGS` when it is compiled).
//!
//! It knows no provider and no HTTP. Names and values are those of `host-harness serve`, where both have them.

#![allow(
    dead_code,
    reason = "which of the two ways to read settings is used is decided by the build"
)]

mod read;

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod component;
