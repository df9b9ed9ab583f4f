//! Hugging Face on top of the chat-completions core, sans I/O: references, catalog, policies, and its own words.
//!
//! Nothing here knows WASI, a clock or a socket, and nothing panics on any input. Requests, streams, errors and retries
//! are the core's; what it has to know of Hugging Face is [`provider::UPSTREAM`].

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
