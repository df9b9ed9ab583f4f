//! The contract's types and calls, generated from `wit/`.
//!
//! The types are the same with the feature `host` and without: plain data. With it they can be passed to a guest as well.

mod chat_request;

#[cfg(feature = "host")]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated code; its documentation is in wit/provider.wit"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "model-provider",
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

/// A world of the types alone: who links this exports and imports nothing by it.
#[cfg(not(feature = "host"))]
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code; its documentation is in wit/provider.wit"
)]
mod bindings {
    wit_bindgen::generate!({
        inline: "package openclaw:provider-contract; world data { import openclaw:model-provider/types@0.2.0; }",
        path: "wit",
        world: "openclaw:provider-contract/data",
        generate_all,
        additional_derives: [PartialEq],
        generate_unused_types: true,
    });
}

#[cfg(feature = "host")]
pub use bindings::exports::openclaw::model_provider::provider::Progress;
#[cfg(feature = "host")]
pub use bindings::openclaw::model_provider::settings;
/// The generated module, for `with` of other bindings; callers use its types from here.
#[doc(hidden)]
pub use bindings::openclaw::model_provider::types;
/// The generated calls, for programs that drive a component without a host, as the benches do.
#[cfg(feature = "host")]
pub use bindings::{ModelProvider, ModelProviderPre};

/// The kind of an error of the plugin, inside [`ErrorKind`](crate::ErrorKind).
pub use types::ErrorKind as ProviderErrorKind;
pub use types::{
    AssistantMessage, AssistantPart, ChatEvent, ChatRequest, ContentPart, CredentialSpec, DiscoveryMode,
    Endpoint, Error, Extra, FinishReason, FunctionTool, JsonSchema, Media, MediaSource, Message, Model,
    ModelCatalog, ModelRef, ModelSource, Policy, PolicyPick, Price, ProviderInfo, Reasoning, ResponseFormat,
    Route, Routing, Summary, SystemMessage, Tool, ToolCall, ToolCallDelta, ToolCallEnd, ToolCallStart,
    ToolChoice, ToolResult, Usage, UserMessage, Warning,
};

/// Whether a provider works without its credential, as the fact `credential-optional` of its `extras` says. The
/// plugin then gets `not-required` where there is no credential, also for a remote base URL.
#[must_use]
pub fn is_credential_optional(info: &ProviderInfo) -> bool {
    let mut facts = info.extras.iter();
    facts.any(|fact| fact.key == "credential-optional" && fact.value_json.trim() == "true")
}

impl Message {
    /// A system message of one text.
    #[must_use]
    pub fn system(text: impl Into<String>) -> Self {
        Self::System(SystemMessage {
            content: vec![ContentPart::Text(text.into())],
            extras: Vec::new(),
        })
    }

    /// A user message of one text.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self::user_parts(vec![ContentPart::Text(text.into())])
    }

    /// A user message of several parts.
    #[must_use]
    pub fn user_parts(content: Vec<ContentPart>) -> Self {
        Self::User(UserMessage {
            content,
            extras: Vec::new(),
        })
    }

    /// An assistant message of one text.
    #[must_use]
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::assistant_parts(vec![AssistantPart::Text(text.into())])
    }

    /// An assistant message with the parts of a response, for the next turn.
    #[must_use]
    pub fn assistant_parts(content: Vec<AssistantPart>) -> Self {
        Self::Assistant(AssistantMessage {
            content,
            extras: Vec::new(),
        })
    }

    /// The result of the tool call of this id, as one text.
    ///
    /// ```
    /// use provider_contract::contract::{AssistantPart, ChatRequest, Message, ToolCall};
    ///
    /// let call = ToolCall::new("call_1", "weather", r#"{"city":"Oslo"}"#);
    /// let request = ChatRequest::new("Qwen/Qwen3-8B")
    ///     .function("weather", "Current weather of a city", r#"{"type":"object"}"#)
    ///     .user("How is the weather in Oslo?")
    ///     .message(Message::assistant_parts(vec![AssistantPart::ToolCall(call)]))
    ///     .message(Message::tool_result("call_1", "4 °C, rain"));
    /// assert_eq!(request.messages.len(), 3);
    /// ```
    #[must_use]
    pub fn tool_result(call_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Tool(ToolResult {
            call_id: call_id.into(),
            content: vec![ContentPart::Text(text.into())],
            is_error: false,
            extras: Vec::new(),
        })
    }
}

impl ToolCall {
    /// A tool call with these arguments, JSON as text.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments_json: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            arguments_json: arguments_json.into(),
            extras: Vec::new(),
        }
    }
}

impl Reasoning {
    /// Reasoning as text, without a signature.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            signature: None,
            extras: Vec::new(),
        }
    }
}

impl Media {
    /// An image, audio, video or file of this media type.
    ///
    /// ```
    /// use provider_contract::contract::{ChatRequest, ContentPart, Media, MediaSource};
    ///
    /// let image = Media::new("image/png", MediaSource::Url("https://example.com/a.png".to_owned()));
    /// let request = ChatRequest::new("Qwen/Qwen3-VL-8B-Instruct").user_parts(vec![
    ///     ContentPart::Text("What is this?".to_owned()),
    ///     ContentPart::Media(image),
    /// ]);
    /// assert_eq!(request.messages.len(), 1);
    /// ```
    #[must_use]
    pub fn new(mime_type: impl Into<String>, source: MediaSource) -> Self {
        Self {
            mime_type: mime_type.into(),
            source,
            extras: Vec::new(),
        }
    }
}
