//! The contract's types and calls, generated from `wit/`.

#[allow(
    clippy::all,
    unsafe_code,
    reason = "generated code; it is documented in wit/provider.wit"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "model-provider",
        pub_export_macro: true,
        generate_unused_types: true,
    });
}

pub(crate) use bindings::exports::openclaw::model_provider::provider;
pub(crate) use bindings::openclaw::model_provider::{settings, types};
