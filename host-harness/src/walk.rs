//! Walks over every text and byte of a request: what is looked at before a guest may see it.

use crate::contract::{
    AssistantPart, ChatRequest, ContentPart, Extra, Media, MediaSource, Message, ResponseFormat, ToolChoice,
};

/// Calls `see` with each, until it says true; true if it did.
pub(crate) fn any(request: &ChatRequest, see: impl Fn(&[u8]) -> bool) -> bool {
    let text = |text: &str| see(text.as_bytes());
    let extra = |extra: &Extra| text(&extra.key) || text(&extra.value_json);
    let media = |media: &Media| {
        text(&media.mime_type)
            || match &media.source {
                MediaSource::Url(url) => text(url),
                MediaSource::Data(data) => see(data),
            }
    };
    let content = |part: &ContentPart| match part {
        ContentPart::Text(said) => text(said),
        ContentPart::Media(shown) => media(shown),
        ContentPart::Other(other) => extra(other),
    };
    let said = |part: &AssistantPart| match part {
        AssistantPart::Text(said) => text(said),
        AssistantPart::Reasoning(thought) => {
            text(&thought.text) || thought.signature.as_deref().is_some_and(text)
        }
        AssistantPart::ToolCall(call) => text(&call.id) || text(&call.name) || text(&call.arguments_json),
        AssistantPart::Media(shown) => media(shown),
        AssistantPart::Other(other) => extra(other),
    };
    let message = |message: &Message| match message {
        Message::System(said) => text(said),
        Message::User(parts) => parts.iter().any(content),
        Message::Assistant(parts) => parts.iter().any(said),
        Message::Tool(result) => text(&result.call_id) || result.content.iter().any(content),
    };
    let format = |format: &ResponseFormat| match format {
        ResponseFormat::Text | ResponseFormat::JsonObject => false,
        ResponseFormat::JsonSchema(schema) => {
            text(&schema.name) || text(&schema.schema_json) || schema.description.as_deref().is_some_and(text)
        }
    };
    text(&request.model)
        || request.messages.iter().any(message)
        || request.tools.iter().any(|tool| {
            text(&tool.name) || text(&tool.parameters_json) || tool.description.as_deref().is_some_and(text)
        })
        || matches!(&request.tool_choice, Some(ToolChoice::Named(name)) if text(name))
        || request.response_format.as_ref().is_some_and(format)
        || request.reasoning_effort.as_deref().is_some_and(text)
        || request.stop.iter().any(|stop| text(stop))
        || request.extras.iter().any(extra)
}
