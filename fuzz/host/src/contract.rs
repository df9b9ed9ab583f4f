//! The contract's types, generated without an engine; the rest is the host's.

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "model-provider",
        additional_derives: [PartialEq],
        generate_unused_types: true,
    });
}

pub use bindings::openclaw::model_provider::types::*;

impl ChatRequest {
    /// As the host's builder begins: a model, and nothing else.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
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

    /// An assistant message: the parts of a response, given back.
    #[must_use]
    pub fn assistant_parts(content: Vec<AssistantPart>) -> Self {
        Self::Assistant(AssistantMessage {
            content,
            extras: Vec::new(),
        })
    }

    /// The result of the tool call of this id, as one text.
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
    /// A call of a tool with these arguments, JSON as text.
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
    #[must_use]
    pub fn new(mime_type: impl Into<String>, source: MediaSource) -> Self {
        Self {
            mime_type: mime_type.into(),
            source,
            extras: Vec::new(),
        }
    }
}
