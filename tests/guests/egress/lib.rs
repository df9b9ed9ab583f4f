//! A plugin that sends whatever request its prompt says, to see what the edge makes of it. Nothing of it ever serves a
//! person.
//!
//! The prompt is the request: `METHOD URL`, a line for each header, a blank line, the body; `\r`, `\n` and `\0` stand for
//! those characters. `@first-byte: MS` and `@between-bytes: MS` are limits of the guest's own. The answer is what came back, as text. With `tell` for a model, a failure is told as an answer as
//! well: what a guest learns of it.

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
