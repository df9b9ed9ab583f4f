//! Hugging Face on top of the chat-completions core, sans I/O: references, catalog, routing policies, hints.
//!
//! It knows no WASI, clock or socket, and does not panic on any input. Requests, streams, errors and retries are the
//! core's; [`provider::UPSTREAM`] describes Hugging Face to it.

#![cfg_attr(target_family = "wasm", no_std)]

#[allow(unused_extern_crates, reason = "natively std brings it; on wasm nothing does")]
extern crate alloc;

mod bill_to;
#[cfg(test)]
mod cases;
pub mod catalog;
mod hints;
pub mod provider;
pub mod reference;
pub mod warning;

pub use chat_completions::{contract, settings};
