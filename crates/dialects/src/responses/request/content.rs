//! The content parts of an item.

use crate::{chat_completions::request::parts, json::Node, media};
use provider_contract::{
    Result,
    contract::{AssistantPart, ContentPart, Extra},
};

/// Text, or a list of parts; an empty text gives no part.
pub(super) fn content(content: &Node<'_>) -> Result<Vec<ContentPart>> {
    if content.is_text() {
        return Ok(vec![ContentPart::Text(content.string()?)]);
    }
    let parts = content.items_or("text or a list of parts")?;
    parts.map(|item| part(&item)).collect()
}

fn part(part: &Node<'_>) -> Result<ContentPart> {
    if part.is_text() {
        return Ok(ContentPart::Text(part.string()?));
    }
    let kind = part.need("type")?;
    match &*kind.text()? {
        "input_text" | "output_text" | "text" => parts::text(part),
        "input_image" => image(part),
        "input_file" => file(part),
        "input_audio" => {
            part.need("input_audio")?;
            Ok(ContentPart::Other(Extra {
                key: "input_audio".to_owned(),
                value_json: part.json(),
            }))
        }
        _ => Err(kind.unsupported("is not `input_text`, `input_image`, `input_file` or `input_audio`")),
    }
}

fn image(part: &Node<'_>) -> Result<ContentPart> {
    if let Some(id) = part.field("file_id") {
        return Err(
            id.unsupported("names a stored file, and none are stored here; send the image in `image_url`")
        );
    }
    let mut media = media::from_url(&part.need("image_url")?, "image")?;
    media.extras = part.unknown_fields(&["type", "image_url"]);
    Ok(ContentPart::Media(media))
}

fn file(part: &Node<'_>) -> Result<ContentPart> {
    for (key, what) in [
        ("file_id", "names a stored file, and none are stored here"),
        ("file_url", "names a file elsewhere, which upstreams do not fetch"),
    ] {
        if let Some(given) = part.field(key) {
            return Err(given.unsupported(&format!("{what}; send the file in `file_data`")));
        }
    }
    part.need("file_data")?.text()?;
    parts::file(part)
}

/// Assistant content that the client sends back.
pub(super) fn said(content: &Node<'_>) -> Result<Vec<AssistantPart>> {
    if content.is_text() {
        let text = content.string()?;
        let text = (!text.is_empty()).then_some(AssistantPart::Text(text));
        return Ok(text.into_iter().collect());
    }
    let parts = content.items_or("text or a list of parts")?;
    parts.map(|part| said_part(&part)).collect()
}

fn said_part(part: &Node<'_>) -> Result<AssistantPart> {
    if part.is_text() {
        return Ok(AssistantPart::Text(part.string()?));
    }
    let kind = part.need("type")?;
    match &*kind.text()? {
        "output_text" | "input_text" | "text" => Ok(match parts::text(part)? {
            ContentPart::Text(text) => AssistantPart::Text(text),
            ContentPart::Other(other) => AssistantPart::Other(other),
            ContentPart::Media(media) => AssistantPart::Media(media),
        }),
        "refusal" => {
            part.need("refusal")?.text()?;
            Ok(AssistantPart::Other(Extra {
                key: "refusal".to_owned(),
                value_json: part.json(),
            }))
        }
        // The plugin warns about what it does not send.
        kind => Ok(AssistantPart::Other(Extra {
            key: kind.to_owned(),
            value_json: part.json(),
        })),
    }
}
