//! The exports: the harmless behaviour of every export, and where the attacks start.

use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};
use core::cell::RefCell;

use wasi::http::types::ErrorCode;

use crate::{
    attacks::act,
    contract::{
        everything,
        provider::{Completion as Exported, Guest, GuestCompletion, Progress},
        settings,
        types::{
            AssistantPart, ChatEvent, ChatRequest, ChatResponse, CredentialSpec, DiscoveryMode, Endpoint,
            Error, ErrorKind, FinishReason, Model, ModelCatalog, ModelRef, ModelSource, ProviderInfo,
            Routing, Summary, Usage,
        },
    },
    orders::order,
    texts::{self, text},
};

struct Component;

#[allow(
    unsafe_code,
    unreachable_pub,
    reason = "the exported symbols of the component, generated"
)]
mod exported {
    use super::Component;
    crate::contract::bindings::export!(Component with_types_in crate::contract::bindings);
}

fn ordered(name: &str, otherwise: &str) -> String {
    order(name).unwrap_or_else(|| otherwise.to_owned())
}

fn id() -> String {
    ordered("id", "hostile")
}

/// Every capability, or what a provider needs if it passes for another; and what is ordered on top.
fn endpoints() -> Vec<Endpoint> {
    let endpoint = |(method, path): (&str, &str)| Endpoint {
        method: method.to_owned(),
        path: path.to_owned(),
    };
    let mut all = match order("id") {
        None => everything(),
        Some(_) => [("GET", "/models"), ("POST", "/chat/completions")]
            .map(endpoint)
            .into(),
    };
    let more = order("endpoint");
    all.extend(more.iter().filter_map(|more| more.split_once(' ')).map(endpoint));
    all
}

fn default_model() -> String {
    let model = format!("{}/a/{}", id(), ordered("default-model", "fine"));
    match order("canonical") {
        Some(_) => text(&model),
        None => model,
    }
}

/// The last part of a reference.
fn attack_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(code: ErrorCode) -> Error {
    Error {
        kind: ErrorKind::Internal,
        message: text(&format!("the attack failed: {code:?}")),
        hint: texts::wanted().then(|| text("a hint")),
        retryable: false,
        retry_after_ms: None,
        request_sent: true,
        attempts: 1,
        status: None,
        code: None,
        backend: None,
        request_id: None,
        suggestions: texts::wanted().then(|| text("a/fine")).into_iter().collect(),
        extras: Vec::new(),
    }
}

fn model(name: &str) -> Model {
    Model {
        id: name.to_owned(),
        display_name: text(name),
        alias: None,
        source: ModelSource::Bundled,
        input: Vec::new(),
        output: Vec::new(),
        reasoning: None,
        context_window: None,
        max_output_tokens: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        routes: Vec::new(),
        picks: Vec::new(),
        extras: Vec::new(),
    }
}

fn summary(model: &str) -> Summary {
    Summary {
        finish_reason: FinishReason::Stop,
        raw_finish_reason: None,
        usage: Usage {
            input_tokens: None,
            cached_input_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
        },
        model: model.to_owned(),
        backend: texts::wanted().then(|| text("east")),
        request_id: texts::wanted().then(|| text("r-1")),
        attempts: 1,
        warnings: texts::warnings(),
        extras: Vec::new(),
    }
}

/// Its harmless text: its version, so that a test can see which build responded.
fn words() -> String {
    text(&format!("hostile {}", ordered("version", "1.0.0")))
}

impl Guest for Component {
    type Completion = Completion;

    fn describe() -> ProviderInfo {
        let _ = act(&ordered("describe", ""));
        ProviderInfo {
            id: id(),
            name: text("Hostile"),
            version: text(&ordered("version", "1.0.0")),
            docs_url: None,
            default_base_url: ordered("base-url", "https://hostile.example/v1"),
            default_model: Some(default_model()),
            policies: texts::policies(),
            credential: Some(CredentialSpec {
                env_vars: if texts::wanted() {
                    vec![ordered("env", "HOSTILE_KEY"), text("HOSTILE_KEY")]
                } else {
                    vec![ordered("env", "HOSTILE_KEY")]
                },
                header: ordered("header", "x-hostile-key"),
                prefix: ordered("prefix", ""),
                label: text("A key"),
                note: texts::wanted().then(|| text("A note")),
                help_url: texts::wanted().then(|| text("https://hostile.example/")),
            }),
            endpoints: endpoints(),
            extras: Vec::new(),
        }
    }

    fn list_models(_: DiscoveryMode) -> Result<ModelCatalog, Error> {
        let wanted = settings::get()
            .extras
            .into_iter()
            .find(|extra| extra.key == "list");
        let attack = wanted.map_or_else(
            || ordered("list", ""),
            |extra| extra.value_json.trim_matches('"').to_owned(),
        );
        act(&attack).map_err(failed)?;
        let mut models = vec![model("a/fine")];
        if let Some(mib) = attack.strip_prefix("rows-").and_then(|n| n.parse().ok()) {
            // Repeating the same text costs the guest little, and the host all of it.
            models = vec![model(&"x".repeat(1024 * 1024)); mib];
        }
        Ok(ModelCatalog {
            models,
            source: ModelSource::Bundled,
            warnings: texts::warnings(),
        })
    }

    fn resolve_ref(reference: String) -> Result<ModelRef, Error> {
        let attack = attack_of(&reference);
        act(attack).map_err(failed)?;
        if attack == "unknown" {
            return Err(failed(ErrorCode::HttpRequestDenied));
        }
        let canonical = format!("{}/a/{attack}", id());
        Ok(ModelRef {
            model: format!("a/{attack}"),
            routing: Routing::Default,
            canonical: if order("canonical").is_some() {
                text(&canonical)
            } else {
                canonical
            },
            wire_id: format!("a/{attack}"),
            display_name: words(),
            alias: None,
            provider_locked: false,
            metadata: None,
            warnings: texts::warnings(),
        })
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        act(&ordered("chat", attack_of(&request.model))).map_err(failed)?;
        Ok(ChatResponse {
            content: vec![AssistantPart::Text(words())],
            summary: summary(&request.model),
        })
    }

    fn chat_stream(request: ChatRequest) -> Result<Exported, Error> {
        let attack = ordered("chat", attack_of(&request.model));
        // The prompt stays in memory, where a thief would look for it.
        let kept = format!("{:?}", request.messages);
        let reading = attack.strip_prefix("read.");
        if reading.is_none() {
            act(&attack).map_err(failed)?;
        }
        Ok(Exported::new(Completion(RefCell::new(Reading {
            model: request.model,
            attack: reading.unwrap_or_default().to_owned(),
            reads: 0,
            given: 0,
            _prompt: kept,
        }))))
    }
}

struct Completion(RefCell<Reading>);

struct Reading {
    model: String,
    attack: String,
    reads: u32,
    given: usize,
    _prompt: String,
}

impl GuestCompletion for Completion {
    fn read(&self, max_events: u32, _: u32) -> Result<Progress, Error> {
        let mut reading = self.0.borrow_mut();
        reading.reads += 1;
        let (word, number) = reading.attack.split_once('-').unwrap_or((&reading.attack, ""));
        match (word, number.parse::<usize>()) {
            // This many events, as many at once as allowed.
            ("events", Ok(most)) => {
                let now = most.saturating_sub(reading.given).min(max_events as usize);
                reading.given += now;
                return Ok(Progress {
                    events: vec![ChatEvent::Text("x".to_owned()); now],
                    finished: (reading.given >= most).then(|| summary(&reading.model)),
                });
            }
            // This many events at once, whatever is allowed.
            ("flood", Ok(many)) => {
                return Ok(Progress {
                    events: vec![ChatEvent::Text("x".to_owned()); many],
                    finished: Some(summary(&reading.model)),
                });
            }
            // An event first, and the attack at the next read.
            ("then", _) if reading.reads == 1 => {
                return Ok(Progress {
                    events: vec![ChatEvent::Text(words())],
                    finished: None,
                });
            }
            ("then", _) => {
                act(reading.attack.trim_start_matches("then-")).map_err(failed)?;
            }
            _ => {
                act(&reading.attack).map_err(failed)?;
            }
        }
        Ok(Progress {
            events: vec![ChatEvent::Text(words())],
            finished: Some(summary(&reading.model)),
        })
    }
}

/// Runs when the component is instantiated, before any export is called.
extern "C" fn at_start() {
    if let Some(attack) = order("start") {
        let _ = act(&attack);
    }
}

#[used]
#[allow(
    unsafe_code,
    reason = "names the list of functions that run at the start; the static is one of them"
)]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = at_start;
