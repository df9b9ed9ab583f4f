//! The exports of the provider, each through its fault.

use alloc::{string::String, vec::Vec};

use chat_completions::{
    Resolved,
    contract::{
        bindings, export,
        nonblocking::{self, Step},
        provider::{Completion, CompletionBorrow, Guest, GuestCompletion, Progress},
        settings::CredentialState,
        types::{
            ChatEvent, ChatRequest, ChatResponse, DiscoveryMode, Error, ErrorKind, ModelCatalog, ModelRef,
            ProviderInfo,
        },
    },
    settings::Settings as _,
};
use component_shell::Imported;
use wasi::clocks::monotonic_clock;

use crate::{
    catalog::{self, MAX_LIST_BYTES},
    provider::{self, UPSTREAM},
    reference,
};

/// Longer than a call that returns at once.
const LONG_NS: u64 = 3_000_000_000;

struct Component;

/// Whether this fault is planted.
fn is(name: &str) -> bool {
    let extras = Imported::SHOWN.get().extras;
    extras
        .iter()
        .any(|extra| extra.key == "fault" && extra.value_json.trim_matches('"') == name)
}

struct Faulty(component_shell::Completion);

impl GuestCompletion for Faulty {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        self.0.read(max_events, max_wait_ms)
    }
}

impl Guest for Component {
    type Completion = Faulty;

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
        let text = match text.trim() {
            "" | "openai-compatible/" if is("nameless-accepted") => "anything",
            text => text,
        };
        reference::understand(text, &Imported::SHOWN).map(|resolved| resolved.model)
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        component_shell::chat_complete(&UPSTREAM, request, understand)
    }

    fn chat_stream(request: ChatRequest) -> Result<Completion, Error> {
        component_shell::chat_stream(&UPSTREAM, request, understand)
            .map(|completion| Completion::new(Faulty(completion)))
    }
}

impl nonblocking::Guest for Component {
    fn chat_start(request: ChatRequest, seed: u64) -> Result<Completion, Error> {
        let seed = if is("try-seed-ignored") {
            monotonic_clock::now()
        } else {
            seed
        };
        component_shell::chat_start(&UPSTREAM, request, understand, seed)
            .map(|completion| Completion::new(Faulty(completion)))
    }

    fn try_read(of: CompletionBorrow<'_>, max_events: u32, waited_ms: u64) -> Result<Step, Error> {
        if is("try-waits") {
            monotonic_clock::subscribe_duration(LONG_NS).block();
        }
        if is("try-asks-clock") {
            monotonic_clock::now();
        }
        let max_events = if is("try-max-events-ignored") {
            u32::MAX
        } else {
            max_events
        };
        let waited_ms = if is("try-waited-ignored") { 0 } else { waited_ms };
        let mut step = of.get::<Faulty>().0.try_read(max_events, waited_ms)?;
        if is("try-no-wake") {
            step.wake_after_ms = None;
        }
        if is("try-text-lost") {
            let events = &mut step.progress.events;
            events.retain(|event| !matches!(event, ChatEvent::Text(_)));
        }
        Ok(step)
    }
}

fn understand(text: &str) -> Result<Resolved, Error> {
    let is_missing = Imported::SHOWN.get().credential == CredentialState::Missing;
    if is("credential-demanded") && is_missing {
        return Err(Error::before_sending(
            ErrorKind::Unauthenticated,
            "There is no key.",
        ));
    }
    reference::understand(text, &Imported::SENT)
}

#[allow(
    unsafe_code,
    unreachable_pub,
    reason = "the exported symbols of the component, generated"
)]
mod exported {
    use super::{Component, bindings, export};
    export!(Component with_types_in bindings);
}
