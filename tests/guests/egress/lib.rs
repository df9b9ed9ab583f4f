//! A plugin that sends any request that its prompt describes, to test the egress policy. Never for production.
//!
//! The prompt is the request: `METHOD URL`, a line for each header, a blank line, the body; `\r`, `\n` and `\0` stand for
//! those characters. `@first-byte: MS` and `@between-bytes: MS` are the guest's own timeouts. The response is returned as
//! text. With `tell` as the model, a failure is returned as text too: what a guest can observe.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
#[path = "../contract.rs"]
#[allow(unused_imports, reason = "this guest reads no settings")]
mod contract;
#[cfg(target_family = "wasm")]
mod order;
#[cfg(target_family = "wasm")]
#[path = "../../../crates/component-shell/src/runtime.rs"]
mod runtime;
