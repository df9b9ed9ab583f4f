//! Members that a request carries beside the fields of the contract (`extras`): where each stands on the wire, and which
//! are sent on. A member that nobody here knows is sent on; it is never a reason to refuse a request.
//!
//! The extras of a tool and of a tool call are members of the tool and of the call. Those of the function within it come
//! as one object under the key `function`, so that none leaves at another depth than it came from. `return` is the
//! function's wherever it stands: the contract names it among the extras of a tool.

use alloc::{string::ToString, vec::Vec};

use super::writer::Writer;
use crate::{
    contract::types::{Extra, ToolCall},
    json,
};

/// The key under which members of a function come.
pub(super) const FUNCTION: &str = "function";

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a message.
    Message,
    /// In a part with media.
    Media,
    /// In a tool call.
    Call,
    /// In the function of a tool call.
    CalledFunction,
    /// In a tool.
    Tool,
    /// In the function of a tool.
    Function,
    /// In a JSON schema.
    Schema,
}

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
        Place::Call => matches!(key, "id" | "type" | FUNCTION),
        Place::CalledFunction => matches!(key, "name" | "arguments"),
        Place::Tool => matches!(key, "type" | FUNCTION),
        Place::Function => matches!(key, "name" | "description" | "parameters" | "strict"),
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
        Place::CalledFunction => key == "parsed_arguments",
        Place::Media | Place::Tool | Place::Function | Place::Schema => false,
    }
}

/// Whether a member leaves with the request.
pub(super) fn is_sent(place: Place, extra: &Extra) -> bool {
    !extra.key.is_empty()
        && !is_written(place, &extra.key)
        && !is_of_responses(place, &extra.key)
        && json::is_value(&extra.value_json)
}

/// Whether a member says in the client's words what the contract has a field or a case for, and is used as such.
pub(super) fn is_spelling(place: Place, extra: &Extra) -> bool {
    match place {
        Place::Message => is_developer_role(extra),
        Place::Call => extra.key == "type" && json::text(&extra.value_json).is_some(),
        _ => false,
    }
}

/// The role of a system message as newer clients call it.
pub(super) fn is_developer_role(extra: &Extra) -> bool {
    extra.key == "role" && json::text(&extra.value_json).as_deref() == Some("developer")
}

/// The type of a call, as JSON.
pub(super) fn call_type(call: &ToolCall) -> &str {
    let named = call
        .extras
        .iter()
        .find(|extra| extra.key == "type" && is_spelling(Place::Call, extra));
    named.map_or("\"function\"", |extra| &extra.value_json)
}

/// The extras of a tool or a call by where they stand: in it, and in its function.
pub(super) fn by_depth(place: Place, extras: &[Extra]) -> (Vec<Extra>, Vec<Extra>) {
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    for extra in extras {
        if extra.key == FUNCTION && json::is_object(&extra.value_json) {
            json::members(&extra.value_json, &mut |key, value| {
                inner.push(Extra {
                    key: key.to_string(),
                    value_json: value.to_string(),
                });
            });
        } else if place == Place::Tool && extra.key == "return" {
            inner.push(extra.clone());
        } else {
            outer.push(extra.clone());
        }
    }
    (outer, inner)
}

/// Whether the member at this place is the first of its name.
pub(super) fn is_first(extras: &[Extra], at: usize) -> bool {
    let (earlier, rest) = extras.split_at_checked(at).unwrap_or_default();
    rest.first()
        .is_some_and(|extra| earlier.iter().all(|earlier| earlier.key != extra.key))
}

/// Writes the members that are sent, each name once, behind what is written already.
pub(super) fn write(place: Place, extras: &[Extra], out: &mut Writer<'_>) {
    for (at, extra) in extras.iter().enumerate() {
        if is_sent(place, extra) && is_first(extras, at) {
            out.name(&extra.key);
            out.raw(&extra.value_json);
        }
    }
}
