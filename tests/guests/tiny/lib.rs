//! A second provider, as small as possible: another id, header, prefix, variable and address, one model. It shows that the
//! host knows none.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
#[path = "../contract.rs"]
mod contract;
#[cfg(target_family = "wasm")]
#[path = "../../../crates/component-shell/src/runtime.rs"]
mod runtime;
#[cfg(target_family = "wasm")]
#[path = "../web.rs"]
mod web;
