//! A plugin that attacks its host, on request. Never for production.
//!
//! The last part of its reference names the attack: `hostile/a/memory-200` takes 200 MiB. Its description, and its
//! behaviour without a reference, are in `orders.rs`, which tests rewrite in the built file.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod attacks;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
#[path = "../contract.rs"]
mod contract;
#[cfg(target_family = "wasm")]
mod orders;
#[cfg(target_family = "wasm")]
#[path = "../../../crates/component-shell/src/runtime.rs"]
mod runtime;
#[cfg(target_family = "wasm")]
mod texts;
#[cfg(target_family = "wasm")]
#[path = "../web.rs"]
mod web;
