//! A plugin that checks its host's side of the contract, and reports it as its model list: one row for each check.
//!
//! It knows no host. A row's id is `probe/` and the check, its display name `passed` or what was expected and found.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod checks;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod contract;
#[cfg(target_family = "wasm")]
mod network;
#[cfg(target_family = "wasm")]
#[path = "../../crates/component-shell/src/runtime.rs"]
mod runtime;
#[cfg(target_family = "wasm")]
#[path = "../../tests/guests/web.rs"]
#[allow(dead_code, reason = "the probe reads no body")]
mod web;
