//! The messages of a request.
//!
//! Members that this dialect does not know are passed on in the `extras` of their object: the plugin decides which
//! of them can be sent, and reports the rest.

use super::{
    calls::{self, Pending},
    parts,
};
use crate::{
    chat_completions::origins::Origin,
    json::{Node, extras},
};
use provider_contract::{
    Result,
    contract::{
        AssistantMessage, AssistantPart, ContentPart, Extra, Message, Reasoning, SystemMessage, ToolResult,
        UserMessage,
    },
};

/// The fields of reasoning in responses that clients send back; the first that is not empty wins.
const REASONING: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_text"];
/// Where some clients store unknown members of a response.
const CLIENTS_OWN: &str = "provider_specific_fields";
/// Where other clients store the reasoning of a response in parts, and the text member of a part.
const IN_PARTS: [(&str, &str); 2] = [("reasoning_details", "text"), ("thinking_blocks", "thinking")];

/// The messages, and where each is in the body.
pub(super) fn read_all(messages: &Node<'_>) -> Result<(Vec<Message>, Vec<Origin>)> {
    let (mut pending, mut read) = (Pending::default(), Vec::new());
    let mut origins = Vec::new();
    for (at, message) in messages.items()?.enumerate() {
        let role = message.need("role")?;
        match &*role.text()? {
            "tool" => read.push(tool(&message, &mut pending)?),
            "function" => read.push(function(&message, &role, &mut pending)?),
            "user" => origins.extend(user(&message, at, &mut pending, &mut read)?),
            word => {
                read.extend(pending.end());
                read.push(match word {
                    "system" | "developer" => system(&message, word)?,
                    "assistant" => assistant(&message, at, &mut pending)?,
                    _ => return Err(role.wrong("`system`, `developer`, `user`, `assistant` or `tool`")),
                });
            }
        }
        origins.resize(read.len(), Origin::Message(at));
    }
    let last = origins.last().cloned().unwrap_or(Origin::Message(0));
    read.extend(pending.end());
    origins.resize(read.len(), last);
    Ok((read, origins))
}

fn system(message: &Node<'_>, role: &str) -> Result<Message> {
    let mut extras = message.unknown_fields(&["role", "content"]);
    if role == "developer" {
        // Some models distinguish the two; the plugin knows which.
        extras.push(extras::text("role", role));
    }
    Ok(Message::System(SystemMessage {
        content: parts::content(&message.need("content")?)?,
        extras,
    }))
}

/// A user message, after the tool results in it. Returns where they are, if there are any.
fn user(
    message: &Node<'_>,
    at: usize,
    pending: &mut Pending,
    read: &mut Vec<Message>,
) -> Result<Vec<Origin>> {
    let content = message.need("content")?;
    let extras = message.unknown_fields(&["role", "content"]);
    let (mut said, mut rest, mut origins) = (Vec::new(), Vec::new(), Vec::new());
    if content.is_text() {
        said = parts::content(&content)?;
    } else {
        let mut has_parts = false;
        for (index, part) in content.items_or(parts::WANTED)?.enumerate() {
            has_parts = true;
            if part.field("type").is_some_and(|kind| is(&kind, "tool_result")) {
                read.push(tool_result(&part, pending)?);
                origins.push(Origin::Result(at, index));
            } else {
                said.push(parts::part(&part)?);
                rest.push(index);
            }
        }
        if !has_parts {
            return Err(content.wrong(parts::WANTED));
        }
    }
    if !said.is_empty() {
        let ended = pending.end();
        let before = read.len();
        read.extend(ended);
        read.push(Message::User(UserMessage {
            content: said,
            extras,
        }));
        if !origins.is_empty() {
            origins.resize(origins.len() + read.len() - before, Origin::Rest(at, rest));
        }
    }
    Ok(origins)
}

/// A tool's result as the Messages API has it: a part of a user message.
fn tool_result(part: &Node<'_>, pending: &mut Pending) -> Result<Message> {
    let id = part.optional_text("tool_use_id")?;
    Ok(Message::Tool(ToolResult {
        call_id: (pending.answered(id, None))
            .ok_or_else(|| part.invalid("has no `tool_use_id`, and no tool call waits for a result"))?,
        content: result(part)?,
        is_error: part.optional_flag("is_error")?.unwrap_or_default(),
        extras: part.unknown_fields(&["type", "tool_use_id", "content", "is_error"]),
    }))
}

fn is(node: &Node<'_>, word: &str) -> bool {
    node.text().is_ok_and(|text| text == word)
}

fn tool(message: &Node<'_>, pending: &mut Pending) -> Result<Message> {
    const ID: &str = "tool_call_id";
    let id = message.optional_text(ID)?;
    let name = message.optional_text("name")?;
    let call_id = match pending.answered(id, name.as_deref()) {
        Some(id) => id,
        None => message.need(ID)?.string()?,
    };
    Ok(Message::Tool(ToolResult {
        call_id,
        content: result(message)?,
        is_error: false,
        extras: message.unknown_fields(&["role", "content", ID]),
    }))
}

fn function(message: &Node<'_>, role: &Node<'_>, pending: &mut Pending) -> Result<Message> {
    Ok(Message::Tool(ToolResult {
        call_id: (pending.answered_legacy())
            .ok_or_else(|| role.invalid("is `function`, but no `function_call` waits for its result"))?,
        content: result(message)?,
        is_error: false,
        extras: message.unknown_fields(&["role", "content"]),
    }))
}

fn result(message: &Node<'_>) -> Result<Vec<ContentPart>> {
    match message.field("content") {
        Some(content) if !content.is_empty() => parts::content(&content),
        _ => Ok(Vec::new()),
    }
}

fn assistant(message: &Node<'_>, at: usize, pending: &mut Pending) -> Result<Message> {
    let mut said = parts::said(message)?;
    let calls = calls::of_message(message, &mut said, at, pending)?;
    let has_calls = !calls.is_empty() || said.iter().any(|part| matches!(part, AssistantPart::ToolCall(_)));
    let reasoning = reasoning(message, has_calls)?;
    let mut extras = message.unknown_fields(&["role", "content", "tool_calls", "function_call"]);
    // A duplicate of the reasoning is dropped; anything else is not dropped silently.
    let found = reasoning.as_ref().map_or("", |found| &found.text);
    let is_said =
        |extra: &Extra| [r#""""#, &extras::text("", found).value_json].contains(&&*extra.value_json);
    extras.retain(|extra| !REASONING.contains(&&*extra.key) || !is_said(extra));
    let mut content: Vec<AssistantPart> = reasoning.map(AssistantPart::Reasoning).into_iter().collect();
    content.extend(said);
    content.extend(calls.into_iter().map(AssistantPart::ToolCall));
    Ok(Message::Assistant(AssistantMessage { content, extras }))
}

/// The reasoning of a message: its own, else what a client stored in its own field. For a message with tool calls
/// also empty reasoning, which some backends require, and reasoning that is stored in parts.
fn reasoning(message: &Node<'_>, has_calls: bool) -> Result<Option<Reasoning>> {
    let kept = message.field(CLIENTS_OWN);
    for holder in [Some(message), kept.as_ref()].into_iter().flatten() {
        let mut found = REASONING.iter().filter_map(|key| holder.field(key));
        if let Some(found) = found.find(|found| found.is_text() && !found.is_empty()) {
            return Ok(Some(Reasoning::new(found.string()?)));
        }
    }
    if !has_calls {
        return Ok(None);
    }
    let in_parts = IN_PARTS
        .iter()
        .find_map(|(key, text)| text_in_parts(message, key, text));
    let is_blank = |key: &&str| message.field(key).is_some_and(|found| found.is_text());
    let blank = REASONING.iter().any(is_blank).then(String::new);
    Ok(in_parts.or(blank).map(Reasoning::new))
}

/// The text of the parts under a key, if there is any.
fn text_in_parts(message: &Node<'_>, key: &str, text: &str) -> Option<String> {
    let parts = message.field(key)?.items().ok()?;
    let found: String = parts.filter_map(|part| part.field(text)?.string().ok()).collect();
    (!found.is_empty()).then_some(found)
}
