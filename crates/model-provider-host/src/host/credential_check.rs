//! Visits every string and byte of a request and of the settings, to search them before a guest sees them.

use crate::{
    contract::{
        AssistantPart, ChatRequest, ContentPart, Extra, Media, MediaSource, Message, ResponseFormat, Tool,
        ToolChoice,
    },
    settings::Settings,
};

/// The location of the first string of the guest-visible settings for which `see` returns true.
pub(crate) fn any_setting(settings: &Settings, see: impl Fn(&[u8]) -> bool) -> Option<String> {
    let text = |text: &str| see(text.as_bytes());
    let extra = |extra: &Extra| text(&extra.key) || text(&extra.value_json);
    if settings.base_url.as_ref().is_some_and(|url| text(url.as_str())) {
        return Some("the base URL".to_owned());
    }
    if let Some((name, _)) = settings.extras.iter().find(|(_, json)| text(json)) {
        return Some(format!("the setting `{name}`"));
    }
    if settings.extras.keys().any(|name| text(name)) {
        return Some("the name of a setting".to_owned());
    }
    let models = &settings.models;
    let model = models.configured().iter().position(|model| {
        text(&model.id)
            || model.display_name.as_deref().is_some_and(text)
            || model.input.iter().any(|input| text(input))
            || model.extras.iter().any(extra)
            || model.price.as_ref().is_some_and(|price| {
                text(&price.input) || text(&price.output) || price.cached_input.as_deref().is_some_and(text)
            })
    });
    if let Some(at) = model {
        return Some(format!("the configured model number {}", at + 1));
    }
    let alias = models
        .aliases()
        .iter()
        .position(|alias| text(&alias.alias) || text(&alias.reference));
    alias.map(|at| format!("the alias number {}", at + 1))
}

/// Whether its strings and bytes exceed this size in total.
pub(crate) fn is_larger(request: &ChatRequest, than: usize) -> bool {
    let total = std::cell::Cell::new(0_usize);
    any(request, |bytes| {
        total.set(total.get().saturating_add(bytes.len()));
        total.get() > than
    })
}

/// Calls `see` with each, until it returns true; returns whether it did.
pub(crate) fn any(request: &ChatRequest, see: impl Fn(&[u8]) -> bool) -> bool {
    let text = |text: &str| see(text.as_bytes());
    let extra = |extra: &Extra| text(&extra.key) || text(&extra.value_json);
    let extras = |extras: &[Extra]| extras.iter().any(extra);
    let media = |media: &Media| {
        text(&media.mime_type)
            || extras(&media.extras)
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
            text(&thought.text) || thought.signature.as_deref().is_some_and(text) || extras(&thought.extras)
        }
        AssistantPart::ToolCall(call) => {
            text(&call.id) || text(&call.name) || text(&call.arguments_json) || extras(&call.extras)
        }
        AssistantPart::Media(shown) => media(shown),
        AssistantPart::Other(other) => extra(other),
    };
    let message = |message: &Message| match message {
        Message::System(system) => system.content.iter().any(content) || extras(&system.extras),
        Message::User(user) => user.content.iter().any(content) || extras(&user.extras),
        Message::Assistant(model) => model.content.iter().any(said) || extras(&model.extras),
        Message::Tool(result) => {
            text(&result.call_id) || result.content.iter().any(content) || extras(&result.extras)
        }
    };
    let format = |format: &ResponseFormat| match format {
        ResponseFormat::Text | ResponseFormat::JsonObject => false,
        ResponseFormat::JsonSchema(schema) => {
            text(&schema.name)
                || text(&schema.schema_json)
                || schema.description.as_deref().is_some_and(text)
                || extras(&schema.extras)
        }
        ResponseFormat::Other(other) => extra(other),
    };
    let tool = |tool: &Tool| match tool {
        Tool::Function(tool) => {
            text(&tool.name)
                || text(&tool.parameters_json)
                || tool.description.as_deref().is_some_and(text)
                || extras(&tool.extras)
        }
        Tool::Other(other) => extra(other),
    };
    let choice = |choice: &ToolChoice| match choice {
        ToolChoice::Auto | ToolChoice::None | ToolChoice::Required => false,
        ToolChoice::Named(name) => text(name),
        ToolChoice::Other(other) => extra(other),
    };
    text(&request.model)
        || request.messages.iter().any(message)
        || request.tools.iter().any(tool)
        || request.tool_choice.as_ref().is_some_and(choice)
        || request.response_format.as_ref().is_some_and(format)
        || request.reasoning_effort.as_deref().is_some_and(text)
        || request.stop.iter().any(|stop| text(stop))
        || request.extras.iter().any(extra)
}
