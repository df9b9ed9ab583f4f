//! The exports: those of the provider, and the attacks.

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec, vec::Vec};
use core::{
    cell::Cell,
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use chat_completions::{Resolved, settings::Settings as _};
use component_shell::Imported;
use huggingface_protocol::{
    catalog,
    contract::{
        nonblocking::{self, Step},
        provider::{Completion, CompletionBorrow, Guest, GuestCompletion, Progress},
        types::{
            ChatEvent, ChatRequest, ChatResponse, ContentPart, DiscoveryMode, Error, Message, ModelCatalog,
            ModelRef, ProviderInfo,
        },
    },
    provider::{self, UPSTREAM},
    reference,
};
use wasi::clocks::monotonic_clock;

const MIB: usize = 1024 * 1024;

/// The responses that this instance has begun: another instance has begun fewer.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

struct Component;

struct Attacked {
    response: component_shell::Completion,
    word: String,
    number: usize,
    reads: Cell<usize>,
}

impl Attacked {
    fn new(response: component_shell::Completion, (word, number): (String, usize)) -> Self {
        Self {
            response,
            word,
            number,
            reads: Cell::new(0),
        }
    }
}

impl Drop for Attacked {
    fn drop(&mut self) {
        if self.word == "drop" {
            core::arch::wasm32::unreachable();
        }
    }
}

/// The attack that the last message names, and its number.
fn attack(request: &ChatRequest) -> (String, usize) {
    let Some(Message::User(user)) = request.messages.last() else {
        return (String::new(), 0);
    };
    let texts = user.content.iter().filter_map(|part| match part {
        ContentPart::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let mut words = texts.flat_map(str::split_whitespace);
    let Some(word) = words.find_map(|word| word.strip_prefix("attack:")) else {
        return (String::new(), 0);
    };
    let (word, number) = word.split_once('-').unwrap_or((word, ""));
    (word.to_owned(), number.parse().unwrap_or_default())
}

impl GuestCompletion for Attacked {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        self.response.read(max_events, max_wait_ms)
    }
}

impl Guest for Component {
    type Completion = Attacked;

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
            match component_shell::get_models(&UPSTREAM, &snapshot, catalog::MAX_LIST_BYTES) {
                Ok(body) => catalog::from_list(&body, &settings),
                Err(why) => catalog::offline(discovery, &settings, Vec::from([catalog::not_live(&why)])),
            },
        )
    }

    fn resolve_ref(text: String) -> Result<ModelRef, Error> {
        reference::resolve(&text, &Imported::SHOWN)
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        component_shell::chat_complete(&UPSTREAM, request, understand)
    }

    fn chat_stream(request: ChatRequest) -> Result<Completion, Error> {
        let attack = attack(&request);
        component_shell::chat_stream(&UPSTREAM, request, understand)
            .map(|response| Completion::new(Attacked::new(response, attack)))
    }
}

impl nonblocking::Guest for Component {
    fn chat_start(request: ChatRequest, seed: u64) -> Result<Completion, Error> {
        BEGUN.fetch_add(1, Relaxed);
        let attack = attack(&request);
        if attack.0 == "start" {
            core::arch::wasm32::unreachable();
        }
        component_shell::chat_start(&UPSTREAM, request, understand, seed)
            .map(|response| Completion::new(Attacked::new(response, attack)))
    }

    fn try_read(of: CompletionBorrow<'_>, max_events: u32, waited_ms: u64) -> Result<Step, Error> {
        let attacked = of.get::<Attacked>();
        attacked.reads.set(attacked.reads.get() + 1);
        let is_now = attacked.reads.get() > attacked.number;
        match attacked.word.as_str() {
            "trap" if is_now => core::arch::wasm32::unreachable(),
            "loop" if is_now => loop {
                black_box(attacked.reads.get());
            },
            // Reads a clock, which no plugin does that never waits.
            "clock" => {
                black_box(monotonic_clock::now());
            }
            // Takes this many MiB of memory, and leaves them taken.
            "memory" if attacked.reads.get() == 1 => {
                black_box(Box::leak(vec![1_u8; attacked.number * MIB].into_boxed_slice()));
            }
            _ => {}
        }
        let mut step = attacked.response.try_read(max_events, waited_ms)?;
        if attacked.word == "odd" {
            // What other responses the instance has had shows in this one.
            let begun = BEGUN.load(Relaxed);
            for event in &mut step.progress.events {
                if let ChatEvent::Text(text) = event {
                    text.push_str(&format!(" ({begun})"));
                }
            }
        }
        Ok(step)
    }
}

fn understand(text: &str) -> Result<Resolved, Error> {
    reference::understand(text, &Imported::SENT)
}

#[allow(
    unsafe_code,
    unreachable_pub,
    reason = "the exported symbols of the component, generated"
)]
mod exported {
    use super::Component;
    huggingface_protocol::contract::export!(Component with_types_in huggingface_protocol::contract::bindings);
}
