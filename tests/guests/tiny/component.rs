//! The whole provider: its description, its one model, and chat over server-sent events.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::cell::RefCell;

use serde_json::{Value, json};
use wasi::{clocks::monotonic_clock, http::types::ErrorCode, io::poll};

use crate::{
    contract::{
        provider::{Completion as Exported, Guest, GuestCompletion, Progress},
        settings::{self, CredentialState},
        types::*,
    },
    web::{self, WebResponse},
};

const BASE_URL: &str = "https://api.tiny.example/llm";
const NAME: &str = "tiny/small/one";
const ID: &str = "small/one";
/// The model's name at the server.
const WIRE_ID: &str = "Qwen/Qwen3-8B";

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

fn error(kind: ErrorKind, message: impl Into<String>, sent: bool) -> Error {
    Error {
        kind,
        message: message.into(),
        hint: None,
        retryable: false,
        retry_after_ms: None,
        request_sent: sent,
        attempts: u32::from(sent),
        status: None,
        code: None,
        backend: None,
        request_id: None,
        suggestions: Vec::new(),
        extras: Vec::new(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(code: ErrorCode) -> Error {
    error(
        ErrorKind::Transport,
        format!("the exchange broke off: {code:?}"),
        true,
    )
}

fn model() -> Model {
    Model {
        id: ID.to_owned(),
        display_name: "Small One".to_owned(),
        alias: None,
        source: ModelSource::Bundled,
        input: vec!["text".to_owned()],
        output: vec!["text".to_owned()],
        reasoning: Some(false),
        context_window: Some(8192),
        max_output_tokens: None,
        price: None,
        supports_tools: Some(false),
        supports_structured_output: None,
        routes: Vec::new(),
        picks: Vec::new(),
        extras: Vec::new(),
    }
}

impl Guest for Component {
    type Completion = Completion;

    fn describe() -> ProviderInfo {
        ProviderInfo {
            id: "tiny".to_owned(),
            name: "Tiny".to_owned(),
            version: "1.0.0".to_owned(),
            docs_url: None,
            default_base_url: BASE_URL.to_owned(),
            default_model: Some(NAME.to_owned()),
            policies: Vec::new(),
            credential: Some(CredentialSpec {
                env_vars: vec!["TINY_KEY".to_owned()],
                header: "x-tiny-key".to_owned(),
                prefix: "Key ".to_owned(),
                label: "Tiny's key".to_owned(),
                note: None,
                help_url: None,
            }),
            endpoints: vec![Endpoint {
                method: "POST".to_owned(),
                path: "/chat/completions".to_owned(),
            }],
            extras: Vec::new(),
        }
    }

    fn list_models(mode: DiscoveryMode) -> Result<ModelCatalog, Error> {
        let wanted = mode != DiscoveryMode::ConfiguredOnly;
        Ok(ModelCatalog {
            models: if wanted { vec![model()] } else { Vec::new() },
            source: if wanted {
                ModelSource::Bundled
            } else {
                ModelSource::Configured
            },
            warnings: Vec::new(),
        })
    }

    fn resolve_ref(reference: String) -> Result<ModelRef, Error> {
        if reference != NAME && reference != ID {
            let mut unknown = error(
                ErrorKind::InvalidReference,
                format!("`{reference}` is not `{NAME}`"),
                false,
            );
            unknown.suggestions.push(NAME.to_owned());
            return Err(unknown);
        }
        Ok(ModelRef {
            model: ID.to_owned(),
            routing: Routing::Default,
            canonical: NAME.to_owned(),
            wire_id: WIRE_ID.to_owned(),
            display_name: model().display_name,
            alias: None,
            provider_locked: false,
            metadata: Some(model()),
            warnings: Vec::new(),
        })
    }

    fn chat_complete(request: ChatRequest) -> Result<ChatResponse, Error> {
        let mut reading = Reading::begin(&request)?;
        let mut text = String::new();
        loop {
            let progress = reading.read(usize::MAX, u32::MAX)?;
            for event in progress.events {
                if let ChatEvent::Text(more) = event {
                    text.push_str(&more);
                }
            }
            if let Some(summary) = progress.finished {
                let content = vec![AssistantPart::Text(text)];
                return Ok(ChatResponse { content, summary });
            }
        }
    }

    fn chat_stream(request: ChatRequest) -> Result<Exported, Error> {
        let reading = Reading::begin(&request)?;
        Ok(Exported::new(Completion(RefCell::new(reading))))
    }
}

struct Completion(RefCell<Reading>);

impl GuestCompletion for Completion {
    fn read(&self, max_events: u32, max_wait_ms: u32) -> Result<Progress, Error> {
        self.0.borrow_mut().read(max_events as usize, max_wait_ms)
    }
}

/// One response in flight. Fields drop in this order.
struct Reading {
    answer: Option<WebResponse>,
    sent: wasi::http::types::FutureIncomingResponse,
    bytes: Vec<u8>,
    events: Vec<ChatEvent>,
    summary: Summary,
    ended: Option<Result<(), Error>>,
}

impl Reading {
    fn begin(request: &ChatRequest) -> Result<Self, Error> {
        let model = Component::resolve_ref(request.model.clone())?;
        let snapshot = settings::get();
        if snapshot.credential == CredentialState::Missing {
            return Err(error(
                ErrorKind::Unauthenticated,
                "there is no key; set TINY_KEY",
                false,
            ));
        }
        let mut messages = Vec::new();
        for message in &request.messages {
            let Message::User(user) = message else {
                return Err(error(ErrorKind::Unsupported, "only a person may speak", false));
            };
            for part in &user.content {
                let ContentPart::Text(text) = part else {
                    return Err(error(ErrorKind::Unsupported, "only text", false));
                };
                messages.push(json!({"role": "user", "content": text}));
            }
        }
        let body = json!({
            "model": model.wire_id, "messages": messages, "stream": true,
            "stream_options": {"include_usage": true},
        });
        let base = snapshot.base_url.unwrap_or_else(|| BASE_URL.to_owned());
        let headers: [(&str, &[u8]); 1] = [("content-type", b"application/json")];
        let base = base.trim_end_matches('/');
        let writing = web::begin(base, "/chat/completions", &headers, true).map_err(broken)?;
        writing.write(body.to_string().as_bytes());
        Ok(Self {
            answer: None,
            sent: writing.sent(),
            bytes: Vec::new(),
            events: Vec::new(),
            summary: Summary {
                finish_reason: FinishReason::Other,
                raw_finish_reason: None,
                usage: Usage {
                    input_tokens: None,
                    cached_input_tokens: None,
                    output_tokens: None,
                    reasoning_tokens: None,
                },
                model: model.canonical,
                backend: None,
                request_id: None,
                attempts: 1,
                warnings: Vec::new(),
                extras: Vec::new(),
            },
            ended: None,
        })
    }

    fn read(&mut self, max_events: usize, max_wait_ms: u32) -> Result<Progress, Error> {
        let timer = (max_wait_ms != u32::MAX)
            .then(|| monotonic_clock::subscribe_duration(u64::from(max_wait_ms) * 1_000_000));
        while self.events.is_empty() && self.ended.is_none() {
            let ready = match &self.answer {
                Some(answer) => answer.stream.subscribe(),
                None => self.sent.subscribe(),
            };
            match &timer {
                Some(timer) if !poll::poll(&[&ready, timer]).contains(&0) => break,
                _ => ready.block(),
            }
            drop(ready);
            if let Err(fault) = self.more() {
                self.ended = Some(Err(fault));
            }
        }
        let events: Vec<ChatEvent> = self
            .events
            .drain(..self.events.len().min(max_events.max(1)))
            .collect();
        match &self.ended {
            Some(Err(fault)) if events.is_empty() => Err(fault.clone()),
            Some(Ok(())) if self.events.is_empty() => Ok(Progress {
                events,
                finished: Some(self.summary.clone()),
            }),
            _ => Ok(Progress {
                events,
                finished: None,
            }),
        }
    }

    /// Takes what is ready.
    fn more(&mut self) -> Result<(), Error> {
        let Some(answer) = &self.answer else {
            let answer = web::answer(&self.sent).map_err(broken)?;
            if answer.response.status() != 200 {
                let mut refused = error(ErrorKind::Upstream, "the server refused", true);
                refused.status = Some(answer.response.status());
                return Err(refused);
            }
            self.answer = Some(answer);
            return Ok(());
        };
        let Some(piece) = answer.next().map_err(broken)? else {
            self.ended = Some(match self.summary.raw_finish_reason {
                Some(_) => Ok(()),
                None => Err(error(ErrorKind::Transport, "the response broke off", true)),
            });
            return Ok(());
        };
        self.bytes.extend_from_slice(&piece);
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            if let Some(data) = line.strip_prefix(b"data: ") {
                self.take(&serde_json::from_slice(data.trim_ascii()).unwrap_or_default());
            }
        }
        Ok(())
    }

    fn take(&mut self, chunk: &Value) {
        let count = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
        if let Some(n) = count(&chunk["usage"]["prompt_tokens"]) {
            self.summary.usage.input_tokens = Some(n);
            self.summary.usage.output_tokens = count(&chunk["usage"]["completion_tokens"]);
        }
        let choice = &chunk["choices"][0];
        if let Some(text) = choice["delta"]["content"]
            .as_str()
            .filter(|text| !text.is_empty())
        {
            self.events.push(ChatEvent::Text(text.to_owned()));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.summary.finish_reason = match reason {
                "stop" => FinishReason::Stop,
                "length" => FinishReason::Length,
                _ => FinishReason::Other,
            };
            self.summary.raw_finish_reason = Some(reason.to_owned());
        }
    }
}
