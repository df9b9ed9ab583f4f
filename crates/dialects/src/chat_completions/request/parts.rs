//! The content parts of a message, in the forms that clients of three dialects send. Knows no messages.

use crate::{
    json::{Node, extras},
    media,
};
use provider_contract::{
    Result,
    contract::{AssistantPart, ContentPart, Extra, Reasoning, ToolCall},
};

use super::calls;

/// What a content has to be.
pub(super) const WANTED: &str = "text or a list of at least one part";
/// Members of a text in a response.
const OF_RESPONSES: [&str; 2] = ["annotations", "logprobs"];

/// Text, or a list of at least one part.
pub(super) fn content(content: &Node<'_>) -> Result<Vec<ContentPart>> {
    if content.is_text() {
        return Ok(vec![ContentPart::Text(content.string()?)]);
    }
    let parts: Vec<ContentPart> = content
        .items_or(WANTED)?
        .map(|item| part(&item))
        .collect::<Result<_>>()?;
    if parts.is_empty() {
        return Err(content.wrong(WANTED));
    }
    Ok(parts)
}

pub(super) fn part(part: &Node<'_>) -> Result<ContentPart> {
    if part.is_text() {
        return Ok(ContentPart::Text(part.string()?));
    }
    let kind = part.need("type")?.text()?;
    match &*kind {
        "text" if part.unknown_fields(&["type", "text"]).is_empty() => {
            Ok(ContentPart::Text(part.need("text")?.string()?))
        }
        "image_url" => image(part),
        // As in newer dialects of the same service, and in that of another one.
        "input_text" | "output_text" => text(part),
        "input_image" => input_image(part),
        "input_file" => file(part),
        "image" if part.field("source").is_some() => source_image(part),
        _ => other(&kind, part),
    }
}

/// A text part of any name. What a response adds to one means nothing to a model.
pub(crate) fn text(part: &Node<'_>) -> Result<ContentPart> {
    let text = part.need("text")?;
    let mut beside = part.unknown_fields(&["type", "text"]);
    beside.retain(|extra| !OF_RESPONSES.contains(&&*extra.key));
    if beside.is_empty() {
        return Ok(ContentPart::Text(text.string()?));
    }
    let mut members = vec![extras::text("type", "text"), extras::text("text", &text.text()?)];
    members.extend(beside);
    Ok(ContentPart::Other(extras::object("text", &members)))
}

/// The image is a URL, or an object with one.
fn input_image(part: &Node<'_>) -> Result<ContentPart> {
    let image = part.need("image_url")?;
    let (url, within) = if image.is_text() {
        (image, Vec::new())
    } else {
        (image.need("url")?, image.unknown_fields(&["url"]))
    };
    let mut media = media::from_url(&url, "image")?;
    media.extras = part.unknown_fields(&["type", "image_url"]);
    let is_new = |extra: &Extra| media.extras.iter().all(|known| known.key != extra.key);
    let within: Vec<Extra> = within.into_iter().filter(is_new).collect();
    media.extras.extend(within);
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
        media::check_url(&url)?;
        return other("image_url", part);
    }
    let mut media = media::from_url(&url, "image")?;
    media.extras = within;
    media.extras.extend(beside);
    Ok(ContentPart::Media(media))
}

/// An image as the Messages API has it.
fn source_image(part: &Node<'_>) -> Result<ContentPart> {
    let mut media = media::from_source(&part.need("source")?)?;
    media.extras = part.unknown_fields(&["type", "source"]);
    Ok(ContentPart::Media(media))
}

/// A file of the Responses API, in the form that upstreams of chat completions accept.
pub(crate) fn file(part: &Node<'_>) -> Result<ContentPart> {
    let members = [
        extras::text("type", "file"),
        extras::object("file", &part.unknown_fields(&["type"])),
    ];
    Ok(ContentPart::Other(extras::object("file", &members)))
}

/// A part in the upstream's own form. The plugin decides which ones can be sent.
fn other(kind: &str, part: &Node<'_>) -> Result<ContentPart> {
    // The error does not repeat the type, which may be any text.
    if part.field(kind).is_none() {
        return Err(part.invalid("does not match its `type`"));
    }
    Ok(ContentPart::Other(whole(kind, part)))
}

fn whole(kind: &str, part: &Node<'_>) -> Extra {
    Extra {
        key: kind.to_owned(),
        value_json: part.json(),
    }
}

/// The content of an assistant message: text, null or a list of parts. Empty text gives no part.
pub(super) fn said(message: &Node<'_>) -> Result<Vec<AssistantPart>> {
    let Some(content) = message.field("content") else {
        return Ok(Vec::new());
    };
    if !content.is_text() {
        let parts = content.items_or("text, null or a list of parts")?;
        return parts.map(|part| said_part(&part)).collect();
    }
    let text = content.string()?;
    let text = (!text.is_empty()).then_some(AssistantPart::Text(text));
    Ok(text.into_iter().collect())
}

/// A part of a response that the client sends back. The plugin decides which unknown ones can be sent, and warns about
/// the rest.
fn said_part(part: &Node<'_>) -> Result<AssistantPart> {
    if part.is_text() {
        return Ok(AssistantPart::Text(part.string()?));
    }
    let kind = part.need("type")?.text()?;
    match &*kind {
        "text" | "output_text" | "input_text" => Ok(match text(part)? {
            ContentPart::Text(text) => AssistantPart::Text(text),
            ContentPart::Other(other) => AssistantPart::Other(other),
            ContentPart::Media(media) => AssistantPart::Media(media),
        }),
        "thinking" => {
            let thinking = part.need("thinking")?;
            Ok(AssistantPart::Reasoning(Reasoning {
                text: plain_text(&thinking)?,
                signature: part.optional_text("signature")?,
                extras: part.unknown_fields(&["type", "thinking", "signature"]),
            }))
        }
        "reasoning" if part.field("reasoning").is_some_and(|said| said.is_text()) => {
            Ok(AssistantPart::Reasoning(Reasoning {
                extras: part.unknown_fields(&["type", "reasoning"]),
                ..Reasoning::new(part.need("reasoning")?.string()?)
            }))
        }
        "tool_use" => Ok(AssistantPart::ToolCall(tool_use(part)?)),
        _ => Ok(AssistantPart::Other(whole(&kind, part))),
    }
}

/// A call as the Messages API has it.
fn tool_use(part: &Node<'_>) -> Result<ToolCall> {
    Ok(ToolCall {
        id: part.optional_text("id")?.unwrap_or_default(),
        name: part.need("name")?.string()?,
        arguments_json: calls::arguments(part.field("input").as_ref())?,
        extras: part.unknown_fields(&["type", "id", "name", "input"]),
    })
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
