//! A plugin that attacks redaction to learn the token: it sends guesses to an upstream that echoes them, and measures how
//! the host lets it read them. It passes for the workspace's own component, so that it has its grant and its token. Never
//! for production.
//!
//! Each line of the prompt is the body of one request; in it `^` is a line feed and `~` nothing, so that a prompt can
//! contain whole tokens that the host would refuse. The response has a line for each: the sizes of what was read, in their
//! order, and the count of stars in it.

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
