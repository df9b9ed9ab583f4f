//! The shell for WASI 0.2: exports the protocol as a component and moves bytes between it and `wasi:http`.
//!
//! Thin on purpose. What to send, what an answer means and when to try again is the protocol's matter; here is how.

mod chat;
mod failure;
mod http;
mod list;
mod metadata;
mod runtime;
mod settings;

use alloc::string::String;

use huggingface_protocol::{
    contract::{
        nonblocking::{self, Step},
        provider::{self as exports, CompletionBorrow, Guest},
        types::{ChatRequest, ChatResponse, DiscoveryMode, Error, ModelCatalog, ModelRef, ProviderInfo},
    },
    provider, reference,
};

struct Component;

impl Guest for Component {
    type Completion = chat::Completion;

    fn describe() -> ProviderInfo {
        provider::describe()
    }

    fn list_models(discovery: DiscoveryMode) -> Result<ModelCatalog, Error> {
        Ok(list::list_models(discovery))
    }

    fn resolve_ref(text: String) -> Result<ModelRef, Error> {
        reference::resolve(&text, &settings::Imported::SHOWN)
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        chat::chat_complete(request)
    }

    fn chat_stream(request: ChatRequest) -> Result<exports::Completion, Error> {
        chat::chat_stream(request).map(exports::Completion::new)
    }
}

impl nonblocking::Guest for Component {
    fn chat_start(request: ChatRequest, seed: u64) -> Result<exports::Completion, Error> {
        chat::chat_start(request, seed).map(exports::Completion::new)
    }

    fn try_read(of: CompletionBorrow<'_>, max_events: u32, waited_ms: u64) -> Result<Step, Error> {
        of.get::<chat::Completion>().try_read(max_events, waited_ms)
    }
}

#[allow(unsafe_code, reason = "the exported symbols of the component, generated")]
mod exported {
    use super::Component;
    huggingface_protocol::contract::export!(Component with_types_in huggingface_protocol::contract::bindings);
}
