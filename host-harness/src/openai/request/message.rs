//! The messages of a request.

use super::{
    media,
    node::{Node, invalid, unsupported},
};
use crate::{
    contract::{AssistantPart, ContentPart, Extra, Message, Reasoning, ToolCall, ToolResult},
    error::Result,
};

/// What an answer's message is made of, besides thoughts.
const OWN_KEYS: [&str; 3] = ["role", "content", "tool_calls"];
/// What answers may have besides, and clients give back with the whole message.
const OF_ANSWERS: [&str; 6] = [
    "annotations",
    "refusal",
    "logprobs",
    "executed_tools",
    "images",
    "audio",
];
/// The keys under which servers give thoughts, and clients give them back; the first that says something counts.
const THOUGHTS: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_text"];

pub(super) fn read_all(messages: &Node<'_>) -> Result<Vec<Message>> {
    messages.items()?.iter().map(read).collect()
}

fn read(message: &Node<'_>) -> Result<Message> {
    let role = message.need("role")?;
    match role.text()? {
        "system" | "developer" => {
            message.only(&["role", "content"])?;
            Ok(Message::system(plain_text(&message.need("content")?)?))
        }
        "user" => {
            message.only(&["role", "content"])?;
            Ok(Message::user_parts(content(&message.need("content")?)?))
        }
        "assistant" => assistant(message),
        "tool" => {
            message.only(&["role", "content", "tool_call_id", "name"])?;
            Ok(Message::Tool(ToolResult {
                call_id: message.need("tool_call_id")?.text()?.to_owned(),
                content: content(&message.need("content")?)?,
                is_error: false,
                extras: Vec::new(),
            }))
        }
        "function" => Err(unsupported(&format!(
            "`{}` is `function`, which `tool` has replaced",
            role.path()
        ))),
        _ => Err(role.wrong("`system`, `developer`, `user`, `assistant` or `tool`")),
    }
}

/// Text, or the text of parts that are nothing else.
fn plain_text(content: &Node<'_>) -> Result<String> {
    if content.is_text() {
        return Ok(content.text()?.to_owned());
    }
    let mut text = String::new();
    for part in content.items_or("text or a list of text parts")? {
        let kind = part.need("type")?;
        if kind.text()? != "text" {
            return Err(kind.wrong("`text`"));
        }
        text += part.need("text")?.text()?;
    }
    Ok(text)
}

fn content(content: &Node<'_>) -> Result<Vec<ContentPart>> {
    if content.is_text() {
        return Ok(vec![ContentPart::Text(content.text()?.to_owned())]);
    }
    let parts = content.items_or("text or a list of parts")?;
    if parts.is_empty() {
        return Err(content.wrong("text or a list of at least one part"));
    }
    parts.iter().map(part).collect()
}

fn part(part: &Node<'_>) -> Result<ContentPart> {
    let kind = part.need("type")?.text()?;
    match kind {
        "text" => {
            part.only(&["type", "text"])?;
            Ok(ContentPart::Text(part.need("text")?.text()?.to_owned()))
        }
        "image_url" => {
            let image = part.need("image_url")?;
            if image.is_text() {
                return Ok(ContentPart::Media(media::from_url(&image, "image")?));
            }
            let as_it_likes = image
                .field("detail")
                .is_none_or(|detail| matches!(detail.text(), Ok("auto")));
            let picture = media::from_url(&image.need("url")?, "image")?;
            // The contract has no place for the detail; the part in its own form has.
            if as_it_likes {
                Ok(ContentPart::Media(picture))
            } else {
                other(kind, part)
            }
        }
        _ => other(kind, part),
    }
}

/// A part in the dialect's own form: what it holds stands under its kind. The plugin knows what of it can be sent.
fn other<'a>(kind: &'a str, part: &Node<'a>) -> Result<ContentPart> {
    part.only(&["type", kind])?;
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
    let mut thoughts = THOUGHTS.iter().filter_map(|key| message.field(key));
    if let Some(thought) = thoughts.find(|thought| !thought.is_empty()) {
        parts.push(AssistantPart::Reasoning(Reasoning {
            text: thought.text()?.to_owned(),
            signature: None,
            extras: Vec::new(),
        }));
    }
    match message.field("content") {
        None => {}
        Some(content) if content.is_text() => {
            let text = content.text()?;
            if !text.is_empty() {
                parts.push(AssistantPart::Text(text.to_owned()));
            }
        }
        Some(content) => {
            for part in content.items_or("text, null or a list of parts")? {
                parts.push(said(&part)?);
            }
        }
    }
    if let Some(calls) = message.field("tool_calls") {
        for call in calls.items()? {
            parts.push(AssistantPart::ToolCall(tool_call(&call)?));
        }
    }
    for field in message.fields("an object")? {
        let key = field.key();
        if OWN_KEYS.contains(&key) || THOUGHTS.contains(&key) || field.is_empty() {
            continue;
        }
        if !OF_ANSWERS.contains(&key) {
            return Err(field.unsupported());
        }
        // The plugin knows what of it can be sent.
        parts.push(AssistantPart::Other(Extra {
            key: key.to_owned(),
            value_json: field.json(),
        }));
    }
    if parts.is_empty() && message.field("content").is_none() {
        return Err(invalid(&format!(
            "`{}` says nothing: it has neither `content` nor `tool_calls`",
            message.path()
        )));
    }
    Ok(Message::assistant_parts(parts))
}

/// A piece of an answer, as servers give it and clients give it back.
fn said(part: &Node<'_>) -> Result<AssistantPart> {
    let kind = part.need("type")?;
    match kind.text()? {
        "text" => {
            part.only(&["type", "text"])?;
            Ok(AssistantPart::Text(part.need("text")?.text()?.to_owned()))
        }
        "thinking" => {
            part.only(&["type", "thinking", "signature"])?;
            Ok(AssistantPart::Reasoning(Reasoning {
                text: plain_text(&part.need("thinking")?)?,
                signature: part.optional_text("signature")?,
                extras: Vec::new(),
            }))
        }
        // The plugin knows what of it can be sent.
        "refusal" => Ok(AssistantPart::Other(Extra {
            key: "refusal".to_owned(),
            value_json: part.json(),
        })),
        _ => Err(unsupported(&format!(
            "`{}` is not `text`, `thinking` or `refusal`, of which an answer that is given back is made",
            kind.path()
        ))),
    }
}

fn tool_call(call: &Node<'_>) -> Result<ToolCall> {
    call.only(&["id", "type", "function", "index"])?;
    let function = call.need("function")?;
    function.only(&["name", "arguments"])?;
    let arguments_json = match function.field("arguments") {
        None => "{}".to_owned(),
        Some(arguments) if !arguments.is_text() => arguments.object_json()?,
        Some(arguments) => {
            let text = arguments.text()?;
            if text.trim().is_empty() {
                "{}".to_owned()
            } else if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
                text.to_owned()
            } else {
                return Err(arguments.wrong("one JSON value as text"));
            }
        }
    };
    Ok(ToolCall {
        id: call.need("id")?.text()?.to_owned(),
        name: function.need("name")?.text()?.to_owned(),
        arguments_json,
        extras: Vec::new(),
    })
}
