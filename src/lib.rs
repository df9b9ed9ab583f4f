//! OpenClaw's Hugging Face Inference provider, as a component.
//!
//! Two halves. The provider itself is the crate `huggingface-protocol` (`crates/huggingface-protocol`): plain functions and state
//! machines over bytes, without any WASI. The shell here, built only for wasm, exports it as the component described
//! in `wit/` and moves bytes between it and `wasi:http`. Both speak the contract's types.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod shell;
