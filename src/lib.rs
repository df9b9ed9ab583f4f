//! OpenClaw's Hugging Face Inference provider, as a component.
//!
//! The behaviour is in the crate `huggingface-protocol`, on the core `chat-completions`: plain functions and state
//! machines over bytes, without WASI. `component-shell` moves bytes between them and `wasi:http`. For wasm alone,
//! they become the component that `wit/` describes. All use the contract's types.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod metadata;
