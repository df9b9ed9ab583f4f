//! The contract's types and calls on the host's side, generated from `wit/`.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated code; its documentation stands in wit/provider.wit"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "model-provider",
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

pub use bindings::exports::openclaw::model_provider::provider::Progress;
pub use bindings::openclaw::model_provider::{settings, types};

pub use types::*;
