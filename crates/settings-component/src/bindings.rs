//! The exported interfaces and, unless a file is built in, the store of the engine.

#[cfg(built_in)]
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::mem_forget,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub(crate) mod generated {
    wit_bindgen::generate!({
        path: ["../../wit", "../gateway-component/wit"],
        world: "openclaw:gateway/settings-built-in",
        generate_all,
        pub_export_macro: true,
        generate_unused_types: true,
    });
}

#[cfg(not(built_in))]
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::mem_forget,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub(crate) mod generated {
    wit_bindgen::generate!({
        path: ["../../wit", "../gateway-component/wit"],
        world: "openclaw:gateway/settings-from-store",
        generate_all,
        pub_export_macro: true,
        generate_unused_types: true,
    });
}

pub(crate) use generated::exports::openclaw::{gateway::configuration, model_provider::settings};
#[cfg(not(built_in))]
pub(crate) use generated::wasi::config::store;

pub(crate) use generated::export;
