//! The provider and the configuration that this component is composed with.

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::mem_forget,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod generated {
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "openclaw:gateway/gateway",
        generate_all,
        with: { "openclaw:model-provider/types@0.2.0": provider_contract::contract::types },
    });
}

pub(crate) use generated::openclaw::{
    gateway::configuration::{self, Options},
    model_provider::{provider, settings},
};
