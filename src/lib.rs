//! OpenClaw's Hugging Face Inference provider, as a component.
//!
//! What it says and means is the crate `huggingface-protocol`, on the core `chat-completions`: plain functions and state
//! machines over bytes, without any WASI. `component-shell` moves bytes between them and `wasi:http`. Here, for wasm alone, they
//! become the component that is described in `wit/`. All speak the contract's types.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod metadata;
