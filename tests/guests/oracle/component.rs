//! The exports: chat measures what the prompt says; the rest is minimal.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::cell::RefCell;

use wasi::http::types::ErrorCode;

use crate::{
    contract::{
        provider::{Completion as Exported, Guest, GuestCompletion, Progress},
        settings,
        types::{
            AssistantPart, ChatEvent, ChatRequest, ChatResponse, ContentPart, CredentialSpec, DiscoveryMode,
            Endpoint, Error, ErrorKind, FinishReason, Message, ModelCatalog, ModelRef, ModelSource,
            ProviderInfo, Routing, Summary, Usage,
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
            id: "huggingface".to_owned(),
            name: "Oracle".to_owned(),
            version: "1.0.0".to_owned(),
            docs_url: None,
            default_base_url: "https://router.huggingface.co/v1".to_owned(),
            endpoints: vec![Endpoint {
                method: "POST".to_owned(),
                path: "/chat/completions".to_owned(),
            }],
            default_model: None,
            policies: Vec::new(),
            credential: Some(CredentialSpec {
                env_vars: vec!["HF_TOKEN".to_owned()],
                header: "authorization".to_owned(),
                prefix: "Bearer ".to_owned(),
                label: "A key".to_owned(),
                note: None,
                help_url: None,
            }),
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
            canonical: format!("huggingface/{reference}"),
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
            content: vec![AssistantPart::Text(measure(&request)?)],
            summary: summary(&request),
        })
    }

    fn chat_stream(request: ChatRequest) -> Result<Exported, Error> {
        Ok(Exported::new(Completion(RefCell::new(request))))
    }
}

struct Completion(RefCell<ChatRequest>);

impl GuestCompletion for Completion {
    fn read(&self, _: u32, _: u32) -> Result<Progress, Error> {
        let request = self.0.borrow();
        Ok(Progress {
            events: vec![ChatEvent::Text(measure(&request)?)],
            finished: Some(summary(&request)),
        })
    }
}

/// What can be learnt of each line of the prompt.
fn measure(request: &ChatRequest) -> Result<String, Error> {
    let text = request.messages.iter().find_map(|message| match message {
        Message::User(user) => user.content.iter().find_map(|part| match part {
            ContentPart::Text(text) => Some(text.as_str()),
            _ => None,
        }),
        _ => None,
    });
    let lines = text.unwrap_or_default().lines();
    let learnt: Result<Vec<String>, ErrorCode> = lines.map(repeated).collect();
    learnt.map(|lines| lines.join("\n")).map_err(failed)
}

/// Has a body echoed, and returns how it could be read.
fn repeated(line: &str) -> Result<String, ErrorCode> {
    let body = line.replace('~', "").replace('^', "\n");
    let base = settings::get().base_url.unwrap_or_default();
    let headers: [(&str, &[u8]); 1] = [("content-type", b"text/plain")];
    let writing = web::begin(&base, "/chat/completions", &headers, true)?;
    writing.write(body.as_bytes());
    let future = writing.sent();
    let answer = web::answer(&future)?;
    if answer.response.status() != 200 {
        return Err(ErrorCode::HttpProtocolError);
    }
    let mut sizes = Vec::new();
    let mut stars = 0;
    while let Some(piece) = answer.next()? {
        sizes.push(piece.len().to_string());
        stars += piece.iter().filter(|byte| **byte == b'*').count();
    }
    Ok(format!("{} stars {stars}", sizes.join(" ")))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(code: ErrorCode) -> Error {
    Error {
        kind: ErrorKind::Internal,
        message: format!("the exchange failed: {code:?}"),
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

fn summary(request: &ChatRequest) -> Summary {
    Summary {
        finish_reason: FinishReason::Stop,
        raw_finish_reason: None,
        usage: Usage {
            input_tokens: None,
            cached_input_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
        },
        model: request.model.clone(),
        backend: None,
        request_id: None,
        attempts: 1,
        warnings: Vec::new(),
        extras: Vec::new(),
    }
}
