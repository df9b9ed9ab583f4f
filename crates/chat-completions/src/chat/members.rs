//! Passthrough members of a request (`extras`): where each is written on the wire, and which are sent. An unknown
//! member is sent; it is never a reason to refuse a request.
//!
//! The extras of a tool and of a tool call are members of the tool and of the call. Those of the function within it
//! are one object under the key `function`, so that each is sent at its original depth. `return` always belongs to
//! the function: the contract names it among the extras of a tool.

use alloc::{borrow::ToOwned, vec::Vec};

use super::writer::Writer;
use crate::{
    contract::types::{Extra, ToolCall},
    json,
};

/// The key for members of a function.
pub(super) const FUNCTION: &str = "function";

/// The object that a member belongs to.
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

/// Members of responses, and of clients' own records of them, which requests do not have.
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

/// Whether a member is sent with the request.
pub(super) fn is_sent(place: Place, extra: &Extra) -> bool {
    !extra.key.is_empty()
        && !is_written(place, &extra.key)
        && !is_of_responses(place, &extra.key)
        && json::is_value(&extra.value_json)
}

/// Whether a member is an alternative spelling of a field or case of the contract, and is used as such.
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

/// The extras of a tool or a call, split into its own members and those of its function.
pub(super) fn by_depth(place: Place, extras: &[Extra]) -> (Vec<Extra>, Vec<Extra>) {
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    for extra in extras {
        if extra.key == FUNCTION && json::is_object(&extra.value_json) {
            json::members(&extra.value_json, &mut |key, value| {
                inner.push(Extra {
                    key: key.to_owned(),
                    value_json: value.to_owned(),
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

/// Whether the member at this index is the first of its name.
pub(super) fn is_first(extras: &[Extra], at: usize) -> bool {
    let (earlier, rest) = extras.split_at_checked(at).unwrap_or_default();
    rest.first()
        .is_some_and(|extra| earlier.iter().all(|earlier| earlier.key != extra.key))
}

/// Appends the members that are sent, each name once.
pub(super) fn write(place: Place, extras: &[Extra], out: &mut Writer<'_>) {
    for (at, extra) in extras.iter().enumerate() {
        if is_sent(place, extra) && is_first(extras, at) {
            out.name(&extra.key);
            out.raw(&extra.value_json);
        }
    }
}
