//! Core of a chat-completions upstream, sans I/O: requests in, bytes in, events out.
//!
//! It names no provider: what is particular to one comes in as an [`Upstream`]. It knows no WASI, clock or socket,
//! and does not panic on any input. A shell performs the steps that these modules request, and reports the results.

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
