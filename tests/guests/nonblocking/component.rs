//! The exports. Each attack is a word, some with a number after `-`.

use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};
use core::{cell::RefCell, hint::black_box};

use wasi::http::types::{ErrorCode, FutureIncomingResponse};

use crate::{
    contract::{
        nonblocking::{self, Step},
        provider::{Completion as Exported, CompletionBorrow, Guest, GuestCompletion, Progress},
        settings,
        types::{
            AssistantPart, ChatEvent, ChatRequest, ChatResponse, DiscoveryMode, Endpoint, Error, ErrorKind,
            FinishReason, ModelCatalog, ModelRef, ModelSource, ProviderInfo, Routing, Summary, Usage,
        },
    },
    web,
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

impl Guest for Component {
    type Completion = Completion;

    fn describe() -> ProviderInfo {
        ProviderInfo {
            id: "nonblocking".to_owned(),
            name: "Nonblocking".to_owned(),
            version: "1.0.0".to_owned(),
            docs_url: None,
            default_base_url: "https://nonblocking.example/v1".to_owned(),
            endpoints: vec![Endpoint {
                method: "GET".to_owned(),
                path: String::new(),
            }],
            default_model: None,
            policies: Vec::new(),
            credential: None,
            extras: Vec::new(),
        }
    }

    fn list_models(_: DiscoveryMode) -> Result<ModelCatalog, Error> {
        Ok(ModelCatalog {
            models: Vec::new(),
            source: ModelSource::Bundled,
            warnings: Vec::new(),
        })
    }

    fn resolve_ref(reference: String) -> Result<ModelRef, Error> {
        Ok(ModelRef {
            model: reference.clone(),
            routing: Routing::Default,
            canonical: format!("nonblocking/{reference}"),
            wire_id: reference.clone(),
            display_name: reference,
            alias: None,
            provider_locked: false,
            metadata: None,
            warnings: Vec::new(),
        })
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        Ok(ChatResponse {
            content: vec![AssistantPart::Text("whole".to_owned())],
            summary: summary(&request.model),
        })
    }

    fn chat_stream(request: ChatRequest) -> Result<Exported, Error> {
        Ok(Completion::exported(&request, 0))
    }
}

impl nonblocking::Guest for Component {
    fn chat_start(request: ChatRequest, seed: u64) -> Result<Exported, Error> {
        Ok(Completion::exported(&request, seed))
    }

    fn try_read(of: CompletionBorrow<'_>, _: u32, waited_ms: u64) -> Result<Step, Error> {
        let mut reading = of.get::<Completion>().0.borrow_mut();
        reading.calls += 1;
        reading.waited_ms += waited_ms;
        reading.act()
    }
}

struct Completion(RefCell<Reading>);

struct Reading {
    model: String,
    seed: u64,
    calls: usize,
    waited_ms: u64,
    is_over: bool,
    /// A request whose response is never read. Fields drop in this order.
    unread: Option<web::WebResponse>,
    future: Option<FutureIncomingResponse>,
}

impl Completion {
    fn exported(request: &ChatRequest, seed: u64) -> Exported {
        Exported::new(Self(RefCell::new(Reading {
            model: request.model.clone(),
            seed,
            calls: 0,
            waited_ms: 0,
            is_over: false,
            unread: None,
            future: None,
        })))
    }
}

impl GuestCompletion for Completion {
    fn read(&self, _: u32, _: u32) -> Result<Progress, Error> {
        Ok(said("read", Some(&self.0.borrow().model)))
    }
}

impl Reading {
    fn act(&mut self) -> Result<Step, Error> {
        let attack = self.model.rsplit('/').next().unwrap_or_default();
        let (word, number) = attack.split_once('-').unwrap_or((attack, ""));
        let number: usize = number.parse().unwrap_or_default();
        let nothing = |wake_after_ms| {
            Ok(Step {
                progress: Progress {
                    events: Vec::new(),
                    finished: None,
                },
                wake_after_ms,
            })
        };
        // A call after the end is an error of the host, and traps.
        if self.is_over {
            core::arch::wasm32::unreachable();
        }
        match word {
            // Never finishes, and requests the next call at once.
            "never" => nothing(Some(0)),
            // Waits for nothing.
            "idle" => nothing(None),
            // In 49 days.
            "huge" => nothing(Some(u32::MAX)),
            "loop" => loop {
                black_box(self.calls);
            },
            // This many events, then a trap.
            "trap" if self.calls <= number => Ok(Step {
                progress: said("before", None),
                wake_after_ms: Some(0),
            }),
            "trap" => core::arch::wasm32::unreachable(),
            "ticks" if self.calls <= number => nothing(Some(20)),
            // Gets notified of a response that it does not read.
            "unread" if self.calls < number => {
                self.leave_unread().map_err(failed)?;
                nothing(None)
            }
            // Waits in the guest all the same.
            "blocks" => {
                let future = web::begin(&base_url(), "/models", &[], false)
                    .map_err(failed)?
                    .sent();
                let answer = web::answer(&future).map_err(failed)?;
                let mut length = 0;
                while let Some(piece) = answer.next().map_err(failed)? {
                    length += piece.len();
                }
                self.end(&format!("read {}", length > 0))
            }
            "seed" => self.end(&format!("{}", self.seed)),
            _ => self.end(&format!("{} calls {} ms", self.calls, self.waited_ms)),
        }
    }

    fn end(&mut self, words: &str) -> Result<Step, Error> {
        self.is_over = true;
        Ok(Step {
            progress: said(words, Some(&self.model)),
            wake_after_ms: Some(0),
        })
    }

    fn leave_unread(&mut self) -> Result<(), ErrorCode> {
        if self.unread.is_some() {
            return Ok(());
        }
        let future = match self.future.take() {
            Some(future) => future,
            None => web::begin(&base_url(), "/models", &[], false)?.sent(),
        };
        match web::look(&future)? {
            Some(answer) => self.unread = Some(answer),
            None => self.future = Some(future),
        }
        Ok(())
    }
}

fn base_url() -> String {
    settings::get().base_url.unwrap_or_default()
}

fn said(words: &str, ends: Option<&str>) -> Progress {
    Progress {
        events: vec![ChatEvent::Text(words.to_owned())],
        finished: ends.map(summary),
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
        backend: None,
        request_id: None,
        attempts: 1,
        warnings: Vec::new(),
        extras: Vec::new(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(code: ErrorCode) -> Error {
    Error {
        kind: ErrorKind::Internal,
        message: format!("the attack failed: {code:?}"),
        hint: None,
        retryable: false,
        retry_after_ms: None,
        request_sent: true,
        attempts: 1,
        status: None,
        code: None,
        backend: None,
        request_id: None,
        suggestions: Vec::new(),
        extras: Vec::new(),
    }
}
