//! The messages of a request.
//!
//! Members that this dialect does not know are passed on in the `extras` of their object: the plugin decides which
//! of them can be sent, and reports the rest.

use crate::{
    json::{Node, extras},
    media,
};
use provider_contract::{
    Result,
    contract::{
        AssistantMessage, AssistantPart, ContentPart, Extra, Message, Reasoning, SystemMessage, ToolCall,
        ToolResult, UserMessage,
    },
};

/// The fields of reasoning in responses that clients send back; the first that is not empty wins.
const REASONING: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_text"];
/// Where some clients store unknown members of a response.
const CLIENTS_OWN: &str = "provider_specific_fields";
/// Where other clients store the reasoning of a response in parts, and the text member of a part.
const IN_PARTS: [(&str, &str); 2] = [("reasoning_details", "text"), ("thinking_blocks", "thinking")];

pub(super) fn read_all(messages: &Node<'_>) -> Result<Vec<Message>> {
    // The id of a legacy function call, which has none, until its result follows.
    let mut called = None;
    let messages = messages.items()?.enumerate();
    messages
        .map(|(at, message)| read(&message, at, &mut called))
        .collect()
}

fn read(message: &Node<'_>, at: usize, called: &mut Option<String>) -> Result<Message> {
    let role = message.need("role")?;
    match &*role.text()? {
        word @ ("system" | "developer") => {
            let mut extras = message.unknown_fields(&["role", "content"]);
            if word == "developer" {
                // Some models distinguish the two; the plugin knows which.
                extras.push(extras::text("role", word));
            }
            Ok(Message::System(SystemMessage {
                content: content(&message.need("content")?)?,
                extras,
            }))
        }
        "user" => Ok(Message::User(UserMessage {
            content: content(&message.need("content")?)?,
            extras: message.unknown_fields(&["role", "content"]),
        })),
        "assistant" => assistant(message, at, called),
        "tool" => Ok(Message::Tool(ToolResult {
            call_id: message.need("tool_call_id")?.string()?,
            content: result(message)?,
            is_error: false,
            extras: message.unknown_fields(&["role", "content", "tool_call_id"]),
        })),
        "function" => Ok(Message::Tool(ToolResult {
            call_id: called
                .take()
                .ok_or_else(|| role.invalid("is `function`, but no `function_call` waits for its result"))?,
            content: result(message)?,
            is_error: false,
            extras: message.unknown_fields(&["role", "content"]),
        })),
        _ => Err(role.wrong("`system`, `developer`, `user`, `assistant` or `tool`")),
    }
}

fn result(message: &Node<'_>) -> Result<Vec<ContentPart>> {
    match message.field("content") {
        Some(content) if !content.is_empty() => self::content(&content),
        _ => Ok(Vec::new()),
    }
}

fn content(content: &Node<'_>) -> Result<Vec<ContentPart>> {
    if content.is_text() {
        return Ok(vec![ContentPart::Text(content.string()?)]);
    }
    let wants = "text or a list of at least one part";
    let parts: Vec<ContentPart> = content
        .items_or(wants)?
        .map(|item| part(&item))
        .collect::<Result<_>>()?;
    if parts.is_empty() {
        return Err(content.wrong(wants));
    }
    Ok(parts)
}

fn part(part: &Node<'_>) -> Result<ContentPart> {
    let kind = part.need("type")?.text()?;
    match &*kind {
        "text" if part.unknown_fields(&["type", "text"]).is_empty() => {
            Ok(ContentPart::Text(part.need("text")?.string()?))
        }
        "image_url" => image(part),
        // As in a newer dialect of the same service.
        "input_text" => input_text(part),
        "input_image" if part.field("image_url").is_some_and(|url| url.is_text()) => input_image(part),
        _ => other(&kind, part),
    }
}

fn input_text(part: &Node<'_>) -> Result<ContentPart> {
    let text = part.need("text")?;
    let beside = part.unknown_fields(&["type", "text"]);
    if beside.is_empty() {
        return Ok(ContentPart::Text(text.string()?));
    }
    let mut members = vec![extras::text("type", "text"), extras::text("text", &text.text()?)];
    members.extend(beside);
    Ok(ContentPart::Other(extras::object("text", &members)))
}

fn input_image(part: &Node<'_>) -> Result<ContentPart> {
    let mut media = media::from_url(&part.need("image_url")?, "image")?;
    media.extras = part.unknown_fields(&["type", "image_url"]);
    Ok(ContentPart::Media(media))
}

fn image(part: &Node<'_>) -> Result<ContentPart> {
    let image = part.need("image_url")?;
    let beside = part.unknown_fields(&["type", "image_url"]);
    let (url, within) = if image.is_text() {
        (image, Vec::new())
    } else {
        (image.need("url")?, image.unknown_fields(&["url"]))
    };
    // The member's position is known for `detail` only.
    if within.iter().any(|extra| extra.key != "detail") || beside.iter().any(|extra| extra.key == "detail") {
        return other("image_url", part);
    }
    let mut media = media::from_url(&url, "image")?;
    media.extras = within;
    media.extras.extend(beside);
    Ok(ContentPart::Media(media))
}

/// A part in the upstream's own form. The plugin decides which ones can be sent.
fn other(kind: &str, part: &Node<'_>) -> Result<ContentPart> {
    // The error does not repeat the type, which may be any text.
    if part.field(kind).is_none() {
        return Err(part.invalid("does not match its `type`"));
    }
    Ok(ContentPart::Other(Extra {
        key: kind.to_owned(),
        value_json: part.json(),
    }))
}

fn assistant(message: &Node<'_>, at: usize, called: &mut Option<String>) -> Result<Message> {
    let mut calls = Vec::new();
    if let Some(given) = message.field("tool_calls") {
        calls = given
            .items()?
            .map(|call| tool_call(&call))
            .collect::<Result<_>>()?;
    }
    if let Some(call) = message.field("function_call").filter(|call| !call.is_empty()) {
        let id = format!("function_call_{at}");
        *called = Some(id.clone());
        calls.push(function_call(id, &call)?);
    }
    let reasoning = reasoning(message, !calls.is_empty())?;
    let mut extras = message.unknown_fields(&["role", "content", "tool_calls", "function_call"]);
    // A duplicate of the reasoning is dropped; anything else is not dropped silently.
    let found = reasoning.as_ref().map_or("", |found| &found.text);
    let is_said =
        |extra: &Extra| [r#""""#, &extras::text("", found).value_json].contains(&&*extra.value_json);
    extras.retain(|extra| !REASONING.contains(&&*extra.key) || !is_said(extra));
    let mut content: Vec<AssistantPart> = reasoning.map(AssistantPart::Reasoning).into_iter().collect();
    content.extend(said(message)?);
    content.extend(calls.into_iter().map(AssistantPart::ToolCall));
    Ok(Message::Assistant(AssistantMessage { content, extras }))
}

/// The content of an assistant message.
fn said(message: &Node<'_>) -> Result<Vec<AssistantPart>> {
    let Some(content) = message.field("content") else {
        return Ok(Vec::new());
    };
    if !content.is_text() {
        let parts = content.items_or("text, null or a list of parts")?;
        return parts.map(|part| assistant_part(&part)).collect();
    }
    let text = content.string()?;
    let text = (!text.is_empty()).then_some(AssistantPart::Text(text));
    Ok(text.into_iter().collect())
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

/// A part of a response that the client sends back.
fn assistant_part(part: &Node<'_>) -> Result<AssistantPart> {
    let kind = part.need("type")?;
    match &*kind.text()? {
        "text" | "output_text" if part.unknown_fields(&["type", "text"]).is_empty() => {
            Ok(AssistantPart::Text(part.need("text")?.string()?))
        }
        "thinking" => {
            let thinking = part.need("thinking")?;
            Ok(AssistantPart::Reasoning(Reasoning {
                text: plain_text(&thinking)?,
                signature: part.optional_text("signature")?,
                extras: part.unknown_fields(&["type", "thinking", "signature"]),
            }))
        }
        kind @ ("text" | "refusal" | "redacted_thinking") => Ok(AssistantPart::Other(Extra {
            key: kind.to_owned(),
            value_json: part.json(),
        })),
        _ => Err(kind.unsupported(
            "is not `text`, `thinking` or `refusal`, of which a response that is given back is made",
        )),
    }
}

/// Text, or a list of text parts.
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
    let kind = call.optional_text("type")?.filter(|kind| kind != "function");
    if let Some(kind) = call.field("type")
        && call.field("function").is_none()
        && !matches!(&*kind.text()?, "function")
    {
        return Err(kind.unsupported("is not `function`: calls of other tools cannot be given back"));
    }
    let mut read = function_call(call.need("id")?.string()?, &call.need("function")?)?;
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
        arguments_json: arguments(function)?,
        extras: extras::of_function(function.unknown_fields(&["name", "arguments"])),
    })
}

fn arguments(function: &Node<'_>) -> Result<String> {
    match function.field("arguments") {
        None => Ok("{}".to_owned()),
        Some(arguments) if !arguments.is_text() => arguments.object_json(),
        Some(arguments) => {
            // Invalid JSON is sent back unchanged: it is part of the conversation, and cannot be repaired here.
            let text = arguments.string()?;
            Ok(if text.trim().is_empty() {
                "{}".to_owned()
            } else {
                text
            })
        }
    }
}
