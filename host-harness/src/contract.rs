//! The contract's types and calls on the host's side, generated from `wit/`.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated code; its documentation stands in wit/provider.wit"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "model-provider",
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

pub use bindings::exports::openclaw::model_provider::provider::Progress;
pub use bindings::openclaw::model_provider::{settings, types};
/// The generated calls, for who drives a component without a [`Host`](crate::Host), as the benches do.
pub use bindings::{ModelProvider, ModelProviderPre};

pub use types::*;

/// A request that asks nothing yet and leaves everything open.
#[must_use]
pub fn blank_request() -> ChatRequest {
    ChatRequest {
        model: String::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        tool_choice: None,
        response_format: None,
        reasoning_effort: None,
        max_output_tokens: None,
        temperature: None,
        top_p: None,
        frequency_penalty: None,
        presence_penalty: None,
        seed: None,
        stop: Vec::new(),
        extras: Vec::new(),
    }
}

/// A question in one text, asked of a model.
#[must_use]
pub fn question(model: impl Into<String>, text: impl Into<String>) -> ChatRequest {
    ChatRequest {
        model: model.into(),
        messages: vec![Message::User(vec![ContentPart::Text(text.into())])],
        ..blank_request()
    }
}
