//! The shell for WASI 0.2: exports the protocol as a component and moves bytes between it and `wasi:http`.
//!
//! Thin on purpose. What to send, what an answer means and when to try again is the protocol's matter; here is how.

mod failure;
mod http;
mod list;
mod runtime;
mod settings;

use alloc::string::String;

use crate::{
    contract::{
        provider::{Completion, Guest, GuestCompletion, Progress},
        types::{ChatRequest, ChatResponse, DiscoveryMode, Error, ModelCatalog, ModelRef, ProviderInfo},
    },
    protocol::{provider, reference},
};

struct Component;

impl Guest for Component {
    type Completion = C;

    fn describe() -> ProviderInfo {
        provider::describe()
    }

    fn list_models(discovery: DiscoveryMode) -> Result<ModelCatalog, Error> {
        Ok(list::list_models(discovery))
    }

    fn resolve_ref(text: String) -> Result<ModelRef, Error> {
        reference::resolve(&text, &settings::Imported)
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        core::arch::wasm32::unreachable()
    }

    fn chat_stream(request: ChatRequest) -> Result<Completion, Error> {
        core::arch::wasm32::unreachable()
    }
}
struct C;
impl GuestCompletion for C {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        core::arch::wasm32::unreachable()
    }
}

#[allow(unsafe_code, reason = "the exported symbols of the component")]
mod export {
    use super::Component;
    crate::contract::export!(Component with_types_in crate::contract::bindings);
}
