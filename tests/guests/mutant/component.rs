//! The exports, each through its fault.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::sync::atomic::{AtomicU32, Ordering};

use crate::{
    contract::{
        provider::{Completion as Exported, Guest},
        types::{ChatRequest, ChatResponse, DiscoveryMode, Error, ModelCatalog, ModelRef, ProviderInfo},
    },
    facts, fault,
    faulty_chat::{self, Completion},
    faulty_error, faulty_models, faulty_reference,
};

struct Component;

#[allow(
    unsafe_code,
    unreachable_pub,
    reason = "the exported symbols of the component, generated"
)]
mod exported {
    use super::Component;
    crate::sound_contract::bindings::export!(Component with_types_in crate::sound_contract::bindings);
}

/// The number of calls in this instance.
static CALLS: AtomicU32 = AtomicU32::new(0);

impl Guest for Component {
    type Completion = Completion;

    fn describe() -> ProviderInfo {
        let mut info = facts::describe();
        let calls = CALLS.fetch_add(1, Ordering::Relaxed);
        if fault::is_built_in("describe-id") {
            info.id = "Example_One".to_string();
        }
        if fault::is_built_in("describe-changes") && calls > 0 {
            info.name.push('!');
        }
        if fault::is_built_in("describe-reads-settings") {
            let _ = crate::contract::settings::get();
        }
        if fault::is_built_in("describe-default-model") {
            info.default_model = Some("not a reference".to_string());
        }
        if fault::is_built_in("describe-endpoints") {
            info.endpoints.truncate(1);
        }
        if fault::is_built_in("describe-path") {
            for endpoint in &mut info.endpoints {
                endpoint.path.push('/');
            }
        }
        if fault::is_built_in("describe-method") {
            for endpoint in &mut info.endpoints {
                endpoint.method.make_ascii_lowercase();
            }
        }
        if fault::is_built_in("describe-base-url") {
            info.default_base_url = "api.example.com".to_string();
        }
        if fault::is_built_in("describe-extras") {
            let extra = crate::contract::types::Extra {
                key: "terms".to_string(),
                value_json: "accepted".to_string(),
            };
            info.extras = Vec::from([extra]);
        }
        info
    }

    fn list_models(mode: DiscoveryMode) -> Result<ModelCatalog, Error> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        faulty_models::list(mode)
    }

    fn resolve_ref(reference: String) -> Result<ModelRef, Error> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        faulty_reference::resolve(&reference).map_err(faulty_error::spoiled)
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        faulty_chat::complete(request)
    }

    fn chat_stream(request: ChatRequest) -> Result<Exported, Error> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        faulty_chat::stream(request).map(Exported::new)
    }
}
