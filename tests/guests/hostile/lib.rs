//! A plugin that does what a plugin must not do, on request. Nothing of it ever serves a person.
//!
//! What it is to do is the last part of the reference that it is given: `hostile/a/memory-200` takes 200 MiB. What it
//! says of itself, and what it does without a reference, stands in [`orders`], which tests rewrite in the built file.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
#[path = "../contract.rs"]
mod contract;
#[cfg(target_family = "wasm")]
mod deeds;
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
