//! Members that a request carries beside the fields of the contract (`extras`): which are sent on, and which are
//! left out with a warning. A member that nobody here knows is sent on; it is never a reason to refuse a request.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{contract::types::{AssistantPart, ChatRequest, ContentPart, Extra, Message, ResponseFormat, Tool, Warning}, json};

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a message.
    Message,
    /// In a part with media.
    Media,
    /// In a tool call.
    Call,
    /// In a tool.
    Tool,
    /// In a JSON schema.
    Schema,
}

/// How many members a warning names.
const NAMED: usize = 8;

/// Members that are written from fields of the contract.
fn is_written(place: Place, key: &str) -> bool {
    match place {
        Place::Message => matches!(
            key,
            "role"
                | "content"
                | "tool_calls"
                | "tool_call_id"
                | "reasoning_content"
                | "reasoning"
                | "reasoning_text"
        ),
        Place::Media => matches!(key, "type" | "image_url"),
        Place::Call => matches!(key, "id" | "type" | "function"),
        Place::Tool => matches!(
            key,
            "type" | "function" | "name" | "description" | "parameters" | "strict"
        ),
        Place::Schema => matches!(key, "name" | "description" | "schema" | "strict"),
    }
}

/// Members of responses, and of clients' own records of them, that requests have no place for.
fn is_of_responses(place: Place, key: &str) -> bool {
    match place {
        Place::Message => matches!(
            key,
            "annotations"
                | "refusal"
                | "logprobs"
                | "executed_tools"
                | "images"
                | "audio"
                | "function_call"
                | "finish_reason"
                | "reasoning_details"
                | "thinking_blocks"
                | "provider_specific_fields"
        ),
        Place::Call => matches!(key, "index" | "provider_specific_fields"),
        Place::Media | Place::Tool | Place::Schema => false,
    }
}

/// Whether a member of a tool stands beside its function, and not within it.
pub(super) fn is_beside_function(key: &str) -> bool {
    matches!(
        key,
        "cache_control" | "defer_loading" | "allowed_callers" | "input_examples"
    )
}

/// Whether a member leaves with the request.
pub(super) fn is_sent(place: Place, extra: &Extra) -> bool {
    !extra.key.is_empty()
        && !is_written(place, &extra.key)
        && !is_of_responses(place, &extra.key)
        && json::is_value(&extra.value_json)
}

/// What is left out of a request, by name.
#[derive(Debug, Default)]
struct LeftOut {
    named: Vec<String>,
    count: usize,
}

impl LeftOut {
    fn look(&mut self, place: Place, at: &str, extras: &[Extra]) {
        for extra in extras {
            if is_sent(place, extra) || json::is_blank(&extra.value_json) {
                continue;
            }
            self.count += 1;
            if self.named.len() < NAMED {
                let key: String = extra.key.chars().take(64).collect();
                self.named.push(format!("{at}.{key}"));
            }
        }
    }
}

/// The warning about members that are left out; those that hold nothing are not worth one.
pub(super) fn left_out(request: &ChatRequest) -> Option<Warning> {
    let mut found = LeftOut::default();
    for (at, message) in request.messages.iter().enumerate() {
        let at = format!("messages[{at}]");
        match message {
            Message::System(system) => {
                found.look(Place::Message, &at, &system.extras);
                found.media(&at, &system.content);
            }
            Message::User(user) => {
                found.look(Place::Message, &at, &user.extras);
                found.media(&at, &user.content);
            }
            Message::Assistant(assistant) => {
                found.look(Place::Message, &at, &assistant.extras);
                for part in &assistant.content {
                    if let AssistantPart::ToolCall(call) = part {
                        found.look(Place::Call, &format!("{at}.tool_calls"), &call.extras);
                    }
                }
            }
            Message::Tool(result) => {
                found.look(Place::Message, &at, &result.extras);
                found.media(&at, &result.content);
            }
        }
    }
    for (at, tool) in request.tools.iter().enumerate() {
        if let Tool::Function(function) = tool {
            found.look(Place::Tool, &format!("tools[{at}]"), &function.extras);
        }
    }
    if let Some(ResponseFormat::JsonSchema(schema)) = &request.response_format {
        found.look(Place::Schema, "response_format.json_schema", &schema.extras);
    }
    if found.count == 0 {
        return None;
    }
    let more = found.count.saturating_sub(found.named.len());
    let mut message = format!(
        "Not sent, since requests have no place for it: {}",
        found.named.join(", ")
    );
    if more > 0 {
        message.push_str(&format!(" and {more} more"));
    }
    message.push('.');
    Some(Warning {
        code: "members-left-out".to_string(),
        message,
    })
}

impl LeftOut {
    fn media(&mut self, at: &str, parts: &[ContentPart]) {
        for part in parts {
            if let ContentPart::Media(media) = part {
                self.look(Place::Media, at, &media.extras);
            }
        }
    }
}
