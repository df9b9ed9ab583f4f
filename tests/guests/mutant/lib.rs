//! A sound provider, that of `templates/rust-plugin`, with one planted fault that the conformance kit has to find.
//!
//! The faults were written from the contract's sentences, not from the kit's checks. The plugin's own setting `fault`, or
//! the bytes that a test writes into the built file, select the fault.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
macro_rules! sound {
    ($($name:ident = $file:literal),*) => {
        $(#[path = $file] #[allow(dead_code, reason = "a planted fault goes around a part of it")] mod $name;)*
    };
}

#[cfg(target_family = "wasm")]
sound! {
    chat = "../../../templates/rust-plugin/src/chat.rs",
    decode = "../../../templates/rust-plugin/src/decode.rs",
    error = "../../../templates/rust-plugin/src/error.rs",
    facts = "../../../templates/rust-plugin/src/facts.rs",
    models = "../../../templates/rust-plugin/src/models.rs",
    reference = "../../../templates/rust-plugin/src/reference.rs",
    request = "../../../templates/rust-plugin/src/request.rs",
    runtime = "../../../templates/rust-plugin/src/runtime.rs",
    sound_http = "../../../templates/rust-plugin/src/http.rs"
}

#[cfg(target_family = "wasm")]
#[path = "../contract.rs"]
mod sound_contract;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
mod contract;
#[cfg(target_family = "wasm")]
mod fault;
#[cfg(target_family = "wasm")]
mod faulty_chat;
#[cfg(target_family = "wasm")]
mod faulty_error;
#[cfg(target_family = "wasm")]
mod faulty_models;
#[cfg(target_family = "wasm")]
mod faulty_reference;
#[cfg(target_family = "wasm")]
mod faulty_request;
#[cfg(target_family = "wasm")]
mod http;
