//! WASI shell of a provider component: moves bytes between the chat-completions core and `wasi:http`.
//!
//! Thin on purpose. What to send, what a response means and when to try again is the core's matter; here is how. It
//! names no provider. Also the allocator and the end of a panic that a component without std brings along: whoever
//! links this crate has them.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod chat;
#[cfg(target_family = "wasm")]
mod failure;
#[cfg(target_family = "wasm")]
mod http;
#[cfg(target_family = "wasm")]
mod models;
#[cfg(target_family = "wasm")]
mod runtime;
#[cfg(target_family = "wasm")]
mod settings;

#[cfg(target_family = "wasm")]
pub use self::{
    chat::{Completion, Resolve, chat_complete, chat_stream},
    models::get_models,
    settings::Imported,
};
