//! WASI shell of a provider component: moves bytes between the chat-completions core and `wasi:http`.
//!
//! It is thin on purpose: the core decides what to send, what a response means and when to retry; the shell performs
//! the I/O. It names no provider. It also has the allocator and the panic handler of a component without std: a crate
//! gets them by linking this one.

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
#[cfg(all(test, not(target_family = "wasm")))]
mod size_classes;

#[cfg(target_family = "wasm")]
pub use self::{
    chat::{Completion, Resolve, chat_complete, chat_start, chat_stream},
    models::get_models,
    settings::Imported,
};
