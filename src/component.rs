//! The exports of the component: each call to the provider, over the shell.

use alloc::{string::String, vec::Vec};

use chat_completions::{Resolved, settings::Settings as _};
use component_shell::Imported;
use huggingface_protocol::{
    catalog,
    contract::{
        provider::{Completion, Guest},
        types::{ChatRequest, ChatResponse, DiscoveryMode, Error, ModelCatalog, ModelRef, ProviderInfo},
    },
    provider::{self, UPSTREAM},
    reference,
};

struct Component;

impl Guest for Component {
    type Completion = component_shell::Completion;

    fn describe() -> ProviderInfo {
        provider::describe()
    }

    /// Asks if it may, and gives the bundled list with the reason if that brings nothing.
    fn list_models(discovery: DiscoveryMode) -> Result<ModelCatalog, Error> {
        let snapshot = Imported.get();
        if let Err(why) = catalog::should_ask(discovery, snapshot.credential) {
            return Ok(catalog::offline(discovery, &Imported, why));
        }
        Ok(
            match component_shell::get_models(&UPSTREAM, &snapshot, catalog::MAX_LIST_BYTES) {
                Ok(body) => catalog::from_list(&body, &Imported),
                Err(why) => catalog::offline(discovery, &Imported, Vec::from([catalog::not_live(&why)])),
            },
        )
    }

    fn resolve_ref(text: String) -> Result<ModelRef, Error> {
        reference::resolve(&text, &Imported)
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        component_shell::chat_complete(&UPSTREAM, request, understand)
    }

    fn chat_stream(request: ChatRequest) -> Result<Completion, Error> {
        component_shell::chat_stream(&UPSTREAM, request, understand).map(Completion::new)
    }
}

fn understand(text: &str) -> Result<Resolved, Error> {
    reference::understand(text, &Imported)
}

#[allow(unsafe_code, reason = "the exported symbols of the component, generated")]
mod exported {
    use super::Component;
    huggingface_protocol::contract::export!(Component with_types_in huggingface_protocol::contract::bindings);
}
