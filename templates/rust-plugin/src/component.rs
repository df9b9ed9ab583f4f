//! The component: each export of the contract, in one line.

use alloc::string::String;
use core::cell::RefCell;

use crate::{
    chat::Chat,
    contract::{
        provider::{Completion as Exported, Guest, GuestCompletion, Progress},
        types::{ChatRequest, ChatResponse, DiscoveryMode, Error, ErrorKind, ModelCatalog, ModelRef, ProviderInfo},
    },
    error, facts, models, reference,
};

struct Component;

#[allow(unsafe_code, reason = "the exported symbols of the component, generated")]
mod exported {
    use super::Component;
    crate::contract::bindings::export!(Component with_types_in crate::contract::bindings);
}

impl Guest for Component {
    type Completion = Completion;

    fn describe() -> ProviderInfo {
        facts::describe()
    }

    fn list_models(mode: DiscoveryMode) -> Result<ModelCatalog, Error> {
        Ok(models::list(mode))
    }

    fn resolve_ref(reference: String) -> Result<ModelRef, Error> {
        reference::resolve(&reference)
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        Chat::begin(&request)?.collect()
    }

    fn chat_stream(request: ChatRequest) -> Result<Exported, Error> {
        Ok(Exported::new(Completion(RefCell::new(Chat::begin(&request)?))))
    }
}

struct Completion(RefCell<Chat>);

impl GuestCompletion for Completion {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        match self.0.try_borrow_mut() {
            Ok(mut chat) => chat.read(max_events as usize, max_wait_ms),
            Err(_) => Err(error::new(ErrorKind::Internal, "a read is under way already")),
        }
    }
}
