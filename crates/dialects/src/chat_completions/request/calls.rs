//! Tool calls of the history, and which result belongs to which call.
//!
//! Calls of some clients have no ids: their results follow them in order, or name their tool.

use crate::json::{Node, extras};
use provider_contract::{
    Result,
    contract::{AssistantPart, Message, ToolCall, ToolResult},
};

/// The calls of the last assistant message that have no result yet.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<Call>);

#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The client gave an id.
    Given,
    /// The id is generated.
    Generated,
    /// `function_call`, which has no id and needs no result.
    Legacy,
}

impl Pending {
    /// Adds a call of the message at this index, and gives it an id if it has none.
    pub(super) fn add(&mut self, call: &mut ToolCall, at: usize) {
        let origin = if call.id.is_empty() {
            call.id = format!("call_{at}_{}", self.0.len());
            Origin::Generated
        } else {
            Origin::Given
        };
        self.push(call, origin);
    }

    /// Adds the `function_call` of the message at this index.
    pub(super) fn add_legacy(&mut self, call: &mut ToolCall, at: usize) {
        call.id = format!("function_call_{at}");
        self.push(call, Origin::Legacy);
    }

    fn push(&mut self, call: &ToolCall, origin: Origin) {
        self.0.push(Call {
            id: call.id.clone(),
            name: call.name.clone(),
            origin,
        });
    }

    /// The id of the call that a result belongs to: its own, unless no call has it; else that of the call of this
    /// name, else that of the first call.
    pub(super) fn answered(&mut self, id: Option<String>, name: Option<&str>) -> Option<String> {
        let id = id.filter(|id| !id.is_empty());
        if let Some(id) = id {
            if let Some(at) = self.0.iter().position(|call| call.id == id) {
                self.0.remove(at);
                return Some(id);
            }
            let found = self.like(name, |call| call.origin == Origin::Generated);
            return Some(found.map_or(id, |at| self.0.remove(at).id));
        }
        let at = self.like(name, |_| true)?;
        Some(self.0.remove(at).id)
    }

    /// The id of the `function_call` that waits for its result.
    pub(super) fn answered_legacy(&mut self) -> Option<String> {
        let is_legacy = |call: &Call| call.origin == Origin::Legacy;
        let at = self.0.iter().position(is_legacy)?;
        Some(self.0.remove(at).id)
    }

    fn like(&self, name: Option<&str>, is_candidate: impl Fn(&Call) -> bool) -> Option<usize> {
        let of_name = |call: &Call| is_candidate(call) && name == Some(&*call.name);
        let named = self.0.iter().position(of_name);
        named.or_else(|| self.0.iter().position(is_candidate))
    }

    /// Ends the turn. A `function_call` without a result, which the old form allows, gets an empty one.
    pub(super) fn end(&mut self) -> impl Iterator<Item = Message> + use<> {
        let calls = std::mem::take(&mut self.0).into_iter();
        let unanswered = calls.filter(|call| call.origin == Origin::Legacy);
        unanswered.map(|call| {
            Message::Tool(ToolResult {
                call_id: call.id,
                content: Vec::new(),
                is_error: false,
                extras: Vec::new(),
            })
        })
    }
}

/// The calls of an assistant message: `tool_calls` without those that the content has already, else `function_call`,
/// which repeats them.
pub(super) fn of_message(
    message: &Node<'_>,
    said: &mut [AssistantPart],
    at: usize,
    pending: &mut Pending,
) -> Result<Vec<ToolCall>> {
    let mut in_content = Vec::new();
    for part in said {
        if let AssistantPart::ToolCall(call) = part {
            pending.add(call, at);
            in_content.push(call.id.clone());
        }
    }
    let mut calls = Vec::new();
    if let Some(given) = message.field("tool_calls") {
        for call in given.items()? {
            let mut call = tool_call(&call)?;
            if call.id.is_empty() || !in_content.contains(&call.id) {
                pending.add(&mut call, at);
                calls.push(call);
            }
        }
    }
    let legacy = message.field("function_call").filter(|call| !call.is_empty());
    if let Some(call) = legacy
        && calls.is_empty()
        && in_content.is_empty()
    {
        let mut call = function_call(String::new(), &call)?;
        pending.add_legacy(&mut call, at);
        calls.push(call);
    }
    Ok(calls)
}

fn tool_call(call: &Node<'_>) -> Result<ToolCall> {
    let kind = call
        .optional_text("type")?
        .filter(|kind| !matches!(kind.as_str(), "" | "function"));
    if let Some(kind) = call.field("type")
        && call.field("function").is_none()
        && !matches!(&*kind.text()?, "" | "function")
    {
        return Err(kind.unsupported("is not `function`: calls of other tools cannot be given back"));
    }
    let id = call.optional_text("id")?.unwrap_or_default();
    let mut read = function_call(id, &call.need("function")?)?;
    // Unknown members: first those of the call, then those of its function, under a key of their own.
    let of_function = std::mem::replace(&mut read.extras, call.unknown_fields(&["id", "type", "function"]));
    read.extras.extend(of_function);
    read.extras.extend(kind.map(|kind| extras::text("type", &kind)));
    Ok(read)
}

/// A call of this id with this function.
fn function_call(id: String, function: &Node<'_>) -> Result<ToolCall> {
    Ok(ToolCall {
        id,
        name: function.need("name")?.string()?,
        arguments_json: arguments(function.field("arguments").as_ref())?,
        extras: extras::of_function(function.unknown_fields(&["name", "arguments"])),
    })
}

/// Arguments as JSON text. Whatever they are, they are part of the conversation, and cannot be repaired here.
pub(crate) fn arguments(arguments: Option<&Node<'_>>) -> Result<String> {
    match arguments {
        None => Ok("{}".to_owned()),
        Some(arguments) if !arguments.is_text() => Ok(arguments.json()),
        Some(arguments) => {
            let text = arguments.string()?;
            Ok(if text.trim().is_empty() {
                "{}".to_owned()
            } else {
                text
            })
        }
    }
}
