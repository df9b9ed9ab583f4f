//! A plugin that never waits, and violates the rules of such plugins on request. Never for production.
//!
//! The last part of its reference names the violation: `nonblocking/a/never` never finishes.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
extern crate alloc;

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
#[path = "../../../crates/component-shell/src/runtime.rs"]
mod runtime;
#[cfg(target_family = "wasm")]
#[allow(dead_code, reason = "others send bodies and look at heads")]
#[path = "../web.rs"]
mod web;

/// The contract with the interface of plugins that never wait.
#[cfg(target_family = "wasm")]
mod contract {
    #[allow(
        missing_docs,
        unsafe_code,
        unreachable_pub,
        clippy::all,
        clippy::mem_forget,
        clippy::allow_attributes_without_reason,
        reason = "generated code; its documentation is in wit/provider.wit"
    )]
    pub mod bindings {
        wit_bindgen::generate!({
            path: "../../../wit",
            world: "nonblocking-model-provider",
            pub_export_macro: true,
            generate_unused_types: true,
        });
    }

    pub(crate) use bindings::exports::openclaw::model_provider::{nonblocking, provider};
    pub(crate) use bindings::openclaw::model_provider::{settings, types};
}
