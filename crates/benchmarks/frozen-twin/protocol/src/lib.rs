//! The provider's protocol, sans I/O: requests in, bytes in, events out.
//!
//! Nothing here knows WASI, a clock or a socket, and nothing panics on any input. The shell performs what these
//! modules ask for and reports what happened.

#![cfg_attr(target_family = "wasm", no_std)]

#[allow(unused_extern_crates, reason = "natively std brings it; on wasm nothing does")]
extern crate alloc;
pub mod catalog;
pub mod chat;
pub mod contract;
pub mod error;
mod json;
pub mod provider;
pub mod reference;
pub mod settings;
mod text;
pub mod warning;

pub use frozen_wire as wire;
