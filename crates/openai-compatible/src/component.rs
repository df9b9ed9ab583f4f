//! The exports of the component: each call to this provider, over the shell.

use alloc::{string::String, vec::Vec};

use chat_completions::{
    Resolved,
    contract::{
        bindings, export,
        nonblocking::{self, Step},
        provider::{Completion, CompletionBorrow, Guest},
        types::{ChatRequest, ChatResponse, DiscoveryMode, Error, ModelCatalog, ModelRef, ProviderInfo},
    },
    settings::Settings as _,
};
use component_shell::Imported;

use crate::{
    catalog::{self, MAX_LIST_BYTES},
    provider::{self, UPSTREAM},
    reference,
};

struct Component;

impl Guest for Component {
    type Completion = component_shell::Completion;

    fn describe() -> ProviderInfo {
        provider::describe()
    }

    fn list_models(discovery: DiscoveryMode) -> Result<ModelCatalog, Error> {
        let settings = Imported::SHOWN;
        let snapshot = settings.get();
        if let Err(why) = catalog::may_fetch_list(discovery, snapshot.credential) {
            return Ok(catalog::offline(discovery, &settings, why));
        }
        Ok(
            match component_shell::get_models(&UPSTREAM, &snapshot, MAX_LIST_BYTES) {
                Ok(body) => catalog::from_list(&body, &settings),
                Err(why) => catalog::offline(discovery, &settings, Vec::from([catalog::not_live(&why)])),
            },
        )
    }

    fn resolve_ref(text: String) -> Result<ModelRef, Error> {
        reference::understand(&text, &Imported::SHOWN).map(|resolved| resolved.model)
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        component_shell::chat_complete(&UPSTREAM, request, understand)
    }

    fn chat_stream(request: ChatRequest) -> Result<Completion, Error> {
        component_shell::chat_stream(&UPSTREAM, request, understand).map(Completion::new)
    }
}

impl nonblocking::Guest for Component {
    fn chat_start(request: ChatRequest, seed: u64) -> Result<Completion, Error> {
        component_shell::chat_start(&UPSTREAM, request, understand, seed).map(Completion::new)
    }

    fn try_read(of: CompletionBorrow<'_>, max_events: u32, waited_ms: u64) -> Result<Step, Error> {
        of.get::<component_shell::Completion>()
            .try_read(max_events, waited_ms)
    }
}

fn understand(text: &str) -> Result<Resolved, Error> {
    reference::understand(text, &Imported::SENT)
}

#[allow(unsafe_code, reason = "the exported symbols of the component, generated")]
mod exported {
    use super::{Component, bindings, export};
    export!(Component with_types_in bindings);
}
