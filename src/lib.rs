//! OpenClaw's Hugging Face Inference provider.
//!
//! Two halves. [`protocol`] is the provider itself: references, catalog, requests, answers and errors as plain
//! functions and state machines over bytes, without any WASI. The shell, built only for wasm, exports it as the
//! component described in `wit/` and moves bytes between it and `wasi:http`. Both speak the types of [`contract`].

#![cfg_attr(target_family = "wasm", no_std)]

#[allow(unused_extern_crates, reason = "natively std brings it; on wasm nothing does")]
extern crate alloc;

pub mod contract;
pub mod protocol;
#[cfg(target_family = "wasm")]
mod shell;
