//! A sound provider, that of `crates/openai-compatible` over the shell, with one planted fault that the conformance kit
//! has to find. The plugin's own setting `fault` selects it.
//!
//! It exports `nonblocking`, which the provider of `templates/rust-plugin` does not.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
#[path = "../../../crates/openai-compatible/src/catalog.rs"]
mod catalog;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
#[path = "../../../crates/openai-compatible/src/provider.rs"]
mod provider;
#[cfg(target_family = "wasm")]
#[path = "../../../crates/openai-compatible/src/reference.rs"]
mod reference;
#[cfg(target_family = "wasm")]
#[path = "../../../crates/openai-compatible/src/row.rs"]
mod row;
