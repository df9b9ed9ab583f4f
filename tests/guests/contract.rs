//! The contract, as a guest of the tests exports it.

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
        world: "model-provider",
        pub_export_macro: true,
        generate_unused_types: true,
    });
}

pub(crate) use bindings::exports::openclaw::model_provider::provider;
pub(crate) use bindings::openclaw::model_provider::{settings, types};

/// Allows every method and path: restrictions are up to the tests.
#[allow(dead_code, reason = "one of the plugins sends one kind of request only")]
pub(crate) fn everything() -> alloc::vec::Vec<types::Endpoint> {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .iter()
        .map(|method| types::Endpoint {
            method: alloc::string::String::from(*method),
            path: alloc::string::String::new(),
        })
        .collect()
}
