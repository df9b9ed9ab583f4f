//! Serializes a conversation of the contract as the body of an OpenAI chat completion: the inverse of
//! [`super::request`].

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use provider_contract::contract::{AssistantPart, ContentPart, MediaSource, Message};

/// The body that continues a conversation with a model. Tool results are left out.
#[must_use]
pub fn body(model: &str, messages: &[Message]) -> Value {
    let messages: Vec<Value> = messages
        .iter()
        .filter_map(|message| match message {
            Message::System(system) => Some(json!({ "role": "system", "content": content(&system.content) })),
            Message::User(user) => Some(json!({ "role": "user", "content": content(&user.content) })),
            Message::Assistant(model) => {
                Some(json!({ "role": "assistant", "content": assistant_text(&model.content) }))
            }
            Message::Tool(_) => None,
        })
        .collect();
    json!({ "model": model, "messages": messages })
}

fn content(parts: &[ContentPart]) -> Value {
    if let [ContentPart::Text(text)] = parts {
        return text.as_str().into();
    }
    let part = |part: &ContentPart| match part {
        ContentPart::Text(text) => Some(json!({ "type": "text", "text": text })),
        ContentPart::Media(media) => {
            let url = match &media.source {
                MediaSource::Url(url) => url.clone(),
                MediaSource::Data(bytes) => {
                    format!("data:{};base64,{}", media.mime_type, STANDARD.encode(bytes))
                }
            };
            Some(json!({ "type": "image_url", "image_url": { "url": url } }))
        }
        ContentPart::Other(_) => None,
    };
    parts.iter().filter_map(part).collect()
}

/// The text of a response.
#[must_use]
pub fn assistant_text(parts: &[AssistantPart]) -> String {
    parts
        .iter()
        .filter_map(|part| match part {
            AssistantPart::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}
