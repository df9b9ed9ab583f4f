//! The messages of a request.
//!
//! A member that this dialect does not know is passed on in the `extras` of what it belongs to: the plugin knows which
//! of them can be sent, and names those that cannot.

use super::{
    media,
    json_path::{Node, invalid, unsupported},
};
use model_provider_host::{contract::{AssistantMessage, AssistantPart, ContentPart, Extra, Message, Reasoning, SystemMessage, ToolCall, ToolResult, UserMessage}, Result};

/// The keys of reasoning, as servers return it and clients give it back; the first that is not empty counts.
const REASONING: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_text"];
/// Where some clients keep members of a response that they have no field for.
const CLIENTS_OWN: &str = "provider_specific_fields";

pub(super) fn read_all(messages: &Node<'_>) -> Result<Vec<Message>> {
    messages.items()?.iter().map(read).collect()
}

fn read(message: &Node<'_>) -> Result<Message> {
    let role = message.need("role")?;
    match &*role.text()? {
        "system" | "developer" => Ok(Message::System(SystemMessage {
            content: content(&message.need("content")?)?,
            extras: message.others(&["role", "content"]),
        })),
        "user" => Ok(Message::User(UserMessage {
            content: content(&message.need("content")?)?,
            extras: message.others(&["role", "content"]),
        })),
        "assistant" => assistant(message),
        "tool" => Ok(Message::Tool(ToolResult {
            call_id: message.need("tool_call_id")?.string()?,
            content: match message.field("content") {
                Some(content) if !content.is_empty() => self::content(&content)?,
                _ => Vec::new(),
            },
            is_error: false,
            extras: message.others(&["role", "content", "tool_call_id"]),
        })),
        "function" => Err(unsupported(&format!(
            "`{}` is `function`, which `tool` has replaced",
            role.path()
        ))),
        _ => Err(role.wrong("`system`, `developer`, `user`, `assistant` or `tool`")),
    }
}

fn content(content: &Node<'_>) -> Result<Vec<ContentPart>> {
    if content.is_text() {
        return Ok(vec![ContentPart::Text(content.string()?)]);
    }
    let parts = content.items_or("text or a list of parts")?;
    if parts.is_empty() {
        return Err(content.wrong("text or a list of at least one part"));
    }
    parts.iter().map(part).collect()
}

fn part(part: &Node<'_>) -> Result<ContentPart> {
    let kind = part.need("type")?.text()?;
    match &*kind {
        "text" if part.others(&["type", "text"]).is_empty() => {
            Ok(ContentPart::Text(part.need("text")?.string()?))
        }
        "image_url" => image(part),
        _ => other(&kind, part),
    }
}

fn image(part: &Node<'_>) -> Result<ContentPart> {
    let image = part.need("image_url")?;
    let beside = part.others(&["type", "image_url"]);
    let (url, within) = if image.is_text() {
        (image, Vec::new())
    } else {
        (image.need("url")?, image.others(&["url"]))
    };
    // Which member stands where is known of the detail alone.
    if within.iter().any(|extra| extra.key != "detail") || beside.iter().any(|extra| extra.key == "detail") {
        return other("image_url", part);
    }
    let mut media = media::from_url(&url, "image")?;
    media.extras = within;
    media.extras.extend(beside);
    Ok(ContentPart::Media(media))
}

/// A part in the dialect's own form. The plugin knows which can be sent.
fn other(kind: &str, part: &Node<'_>) -> Result<ContentPart> {
    // Not in its own words, which may be anything.
    if part.field(kind).is_none() {
        return Err(invalid(&format!(
            "`{}` does not hold what its `type` says",
            part.path()
        )));
    }
    Ok(ContentPart::Other(Extra {
        key: kind.to_owned(),
        value_json: part.json(),
    }))
}

fn assistant(message: &Node<'_>) -> Result<Message> {
    let mut parts = Vec::new();
    parts.extend(reasoning(message)?.map(AssistantPart::Reasoning));
    match message.field("content") {
        None => {}
        Some(content) if content.is_text() => {
            let text = content.text()?;
            if !text.is_empty() {
                parts.push(AssistantPart::Text(text.into_owned()));
            }
        }
        Some(content) => {
            for part in content.items_or("text, null or a list of parts")? {
                parts.push(assistant_part(&part)?);
            }
        }
    }
    if let Some(calls) = message.field("tool_calls") {
        for call in calls.items()? {
            parts.push(AssistantPart::ToolCall(tool_call(&call)?));
        }
    }
    if let Some(call) = message.field("function_call").filter(|call| !call.is_empty()) {
        return Err(unsupported(&format!(
            "`{}` is the old form of a call, which `tool_calls` has replaced",
            call.path()
        )));
    }
    let known = ["role", "content", "tool_calls", "function_call"];
    let mut extras = message.others(&known);
    extras.retain(|extra| !REASONING.contains(&extra.key.as_str()));
    Ok(Message::Assistant(AssistantMessage {
        content: parts,
        extras,
    }))
}

/// The reasoning of a message: its own, else what a client kept of the response in a place of its own.
fn reasoning(message: &Node<'_>) -> Result<Option<Reasoning>> {
    let kept = message.field(CLIENTS_OWN);
    for holder in [Some(message), kept.as_ref()].into_iter().flatten() {
        let mut found = REASONING.iter().filter_map(|key| holder.field(key));
        if let Some(found) = found.find(|found| found.is_text() && !found.is_empty()) {
            return Ok(Some(Reasoning::new(found.string()?)));
        }
    }
    Ok(None)
}

/// A part of a response, as servers return it and clients give it back.
fn assistant_part(part: &Node<'_>) -> Result<AssistantPart> {
    let kind = part.need("type")?;
    match &*kind.text()? {
        "text" if part.others(&["type", "text"]).is_empty() => {
            Ok(AssistantPart::Text(part.need("text")?.string()?))
        }
        "thinking" => {
            let thinking = part.need("thinking")?;
            Ok(AssistantPart::Reasoning(Reasoning {
                text: plain_text(&thinking)?,
                signature: part.optional_text("signature")?,
                extras: part.others(&["type", "thinking", "signature"]),
            }))
        }
        kind @ ("text" | "refusal" | "redacted_thinking") => Ok(AssistantPart::Other(Extra {
            key: kind.to_owned(),
            value_json: part.json(),
        })),
        _ => Err(unsupported(&format!(
            "`{}` is not `text`, `thinking` or `refusal`, of which a response that is given back is made",
            kind.path()
        ))),
    }
}

/// Text, or the text of parts that are nothing else.
fn plain_text(content: &Node<'_>) -> Result<String> {
    if content.is_text() {
        return content.string();
    }
    let mut text = String::new();
    for part in content.items_or("text or a list of text parts")? {
        text += &part.need("text")?.text()?;
    }
    Ok(text)
}

fn tool_call(call: &Node<'_>) -> Result<ToolCall> {
    let function = call.need("function")?;
    let arguments_json = match function.field("arguments") {
        None => "{}".to_owned(),
        Some(arguments) if !arguments.is_text() => arguments.object_json()?,
        Some(arguments) => {
            // What is broken goes back as the text it is: the conversation has it, and cannot be mended here.
            let text = arguments.string()?;
            if text.trim().is_empty() {
                "{}".to_owned()
            } else {
                text
            }
        }
    };
    let mut extras = call.others(&["id", "type", "function"]);
    extras.extend(function.others(&["name", "arguments"]));
    Ok(ToolCall {
        id: call.need("id")?.string()?,
        name: function.need("name")?.string()?,
        arguments_json,
        extras,
    })
}
