//! The exports: chat sends the request in the prompt; the rest is minimal.

use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};
use core::cell::RefCell;

use crate::{
    contract::{
        everything,
        provider::{Completion as Exported, Guest, GuestCompletion, Progress},
        types::{
            AssistantPart, ChatEvent, ChatRequest, ChatResponse, ContentPart, CredentialSpec, DiscoveryMode,
            Error, ErrorKind, FinishReason, Message, ModelCatalog, ModelRef, ModelSource, ProviderInfo,
            Routing, Summary, Usage,
        },
    },
    order,
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
            id: "egress".to_owned(),
            name: "Egress".to_owned(),
            version: "1.0.0".to_owned(),
            docs_url: None,
            default_base_url: "https://egress.example/v1".to_owned(),
            default_model: None,
            policies: Vec::new(),
            credential: Some(CredentialSpec {
                env_vars: vec!["EGRESS_KEY".to_owned()],
                header: "x-egress-key".to_owned(),
                prefix: String::new(),
                label: "A key".to_owned(),
                note: None,
                help_url: None,
            }),
            endpoints: everything(),
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
            canonical: format!("egress/{reference}"),
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
            content: vec![AssistantPart::Text(answer(&request)?)],
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
            events: vec![ChatEvent::Text(answer(&request)?)],
            finished: Some(summary(&request)),
        })
    }
}

fn answer(request: &ChatRequest) -> Result<String, Error> {
    let text = request.messages.iter().find_map(|message| match message {
        Message::User(user) => user.content.iter().find_map(|part| match part {
            ContentPart::Text(text) => Some(text.as_str()),
            _ => None,
        }),
        _ => None,
    });
    match order::send(text.unwrap_or_default()) {
        Err(learnt) if request.model != "tell" => Err(failed(&learnt)),
        Ok(told) | Err(told) => Ok(told),
    }
}

fn failed(learnt: &str) -> Error {
    Error {
        kind: ErrorKind::Internal,
        message: format!("the guest learnt: {learnt}"),
        hint: None,
        retryable: false,
        retry_after_ms: None,
        request_sent: false,
        attempts: 0,
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
