//! The contract, as the probe exports it.

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code; it is documented in wit/provider.wit"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "model-provider",
        pub_export_macro: true,
        generate_unused_types: true,
    });
}

pub(crate) use bindings::exports::openclaw::model_provider::provider;
pub(crate) use bindings::openclaw::model_provider::{settings, types};
