//! The provider of the workspace with an attack in it, for tests of stores that calls share. Never for production.
//!
//! A word of the prompt names the attack, and the call of `try-read` from which on it comes: `attack:trap-3`. Without one
//! it is the provider.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod component;
