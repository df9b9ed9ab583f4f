//! The content parts of an item.

use crate::{
    json::{Node, extras},
    media,
};
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
    let kind = part.need("type")?;
    match &*kind.text()? {
        "input_text" | "output_text" | "text" => text(part),
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

fn text(part: &Node<'_>) -> Result<ContentPart> {
    let text = part.need("text")?;
    // Annotations and log probabilities of an earlier response mean nothing to a model.
    let beside = part.unknown_fields(&["type", "text", "annotations", "logprobs"]);
    if beside.is_empty() {
        return Ok(ContentPart::Text(text.string()?));
    }
    let mut members = vec![extras::text("type", "text"), extras::text("text", &text.text()?)];
    members.extend(beside);
    Ok(ContentPart::Other(extras::object("text", &members)))
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

/// In the form that upstreams of chat completions accept.
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
    let members = part.unknown_fields(&["type"]);
    let file = extras::object("file", &members);
    let members = [extras::text("type", "file"), file];
    Ok(ContentPart::Other(extras::object("file", &members)))
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
    let kind = part.need("type")?;
    match &*kind.text()? {
        "output_text" | "input_text" | "text" => Ok(match text(part)? {
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
        _ => Err(kind
            .unsupported("is not `output_text` or `refusal`, of which a message that is given back is made")),
    }
}
