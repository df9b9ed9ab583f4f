//! A conversation as a file: the body of a chat completion that `--request` takes, or text to read.

use std::{io::Write as _, path::Path};

use serde_json::{Value, json};

use crate::{
    contract::{AssistantPart, ContentPart, MediaSource, Message},
    error::{Error, Kind, Result},
};

/// Writes a conversation to a file that is not there yet.
pub(super) fn write(path: &Path, model: &str, messages: &[Message]) -> Result<()> {
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let text = if is_json {
        format!("{:#}\n", request(model, messages))
    } else {
        transcript(model, messages)
    };
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            let message = format!("{} cannot be written: {error}", path.display());
            let error = Error::new(Kind::Configuration, message);
            if path.exists() {
                error.with_hint("name a file that is not there yet")
            } else {
                error
            }
        })
}

fn request(model: &str, messages: &[Message]) -> Value {
    let messages: Vec<Value> = messages
        .iter()
        .filter_map(|message| match message {
            Message::System(text) => Some(json!({ "role": "system", "content": text })),
            Message::User(parts) => Some(json!({ "role": "user", "content": content(parts) })),
            Message::Assistant(parts) => Some(json!({ "role": "assistant", "content": said(parts) })),
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
                    use base64::{Engine as _, engine::general_purpose::STANDARD};
                    format!("data:{};base64,{}", media.mime_type, STANDARD.encode(bytes))
                }
            };
            Some(json!({ "type": "image_url", "image_url": { "url": url } }))
        }
        ContentPart::Other(_) => None,
    };
    parts.iter().filter_map(part).collect()
}

/// The text of an answer.
pub(super) fn said(parts: &[AssistantPart]) -> String {
    parts
        .iter()
        .filter_map(|part| match part {
            AssistantPart::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn transcript(model: &str, messages: &[Message]) -> String {
    let mut text = format!("# {model}\n");
    for message in messages {
        let (who, what) = match message {
            Message::System(text) => ("System", text.clone()),
            Message::User(parts) => {
                let words = parts.iter().map(|part| match part {
                    ContentPart::Text(text) => text.as_str(),
                    ContentPart::Media(_) => "[picture]",
                    ContentPart::Other(_) => "[other]",
                });
                ("You", words.collect::<Vec<_>>().join("\n"))
            }
            Message::Assistant(parts) => ("Model", said(parts)),
            Message::Tool(_) => continue,
        };
        text += &format!("\n## {who}\n\n{}\n", what.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contract::Media, openai::request::ChatBody};

    fn conversation() -> Vec<Message> {
        let picture = Media {
            mime_type: "image/png".into(),
            source: MediaSource::Data(b"\x89PNG".to_vec()),
        };
        vec![
            Message::System("be brief".into()),
            Message::User(vec![
                ContentPart::Media(picture),
                ContentPart::Text("what is it?".into()),
            ]),
            Message::Assistant(vec![AssistantPart::Text("a picture".into())]),
            Message::User(vec![ContentPart::Text("thanks".into())]),
        ]
    }

    #[test]
    fn what_is_saved_as_json_can_be_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write(&path, "acme/m", &conversation()).unwrap();
        let file = ChatBody::parse(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(file.model.as_deref(), Some("acme/m"));
        assert_eq!(
            format!("{:?}", file.request.messages),
            format!("{:?}", conversation())
        );
    }

    #[test]
    fn a_transcript_is_readable_and_no_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.md");
        write(&path, "acme/m", &conversation()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("## You\n\n[picture]\nwhat is it?\n\n## Model\n\na picture\n"),
            "{text}"
        );
        let error = write(&path, "acme/m", &[]).unwrap_err();
        assert!(
            error.hint().is_some_and(|hint| hint.contains("not there yet")),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
