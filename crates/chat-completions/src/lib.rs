//! Core of a chat-completions upstream, sans I/O: requests in, bytes in, events out.
//!
//! It names no provider: what is particular to one comes in as an [`Upstream`]. Nothing here knows WASI, a clock or a
//! socket, and nothing panics on any input. A shell performs what these modules ask for and reports what happened.

#![cfg_attr(target_family = "wasm", no_std)]

#[allow(unused_extern_crates, reason = "natively std brings it; on wasm nothing does")]
extern crate alloc;

#[cfg(test)]
mod cases;
pub mod chat;
pub mod contract;
pub mod error;
pub mod json;
pub mod model;
pub mod settings;
pub mod text;
mod upstream;
pub mod warning;

pub use chat_completions_wire as wire;
pub use upstream::{Header, Resolved, Upstream};
