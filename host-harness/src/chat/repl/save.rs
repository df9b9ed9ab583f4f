//! A conversation as a file: the body of a chat completion that `--request` takes, or readable text.

use std::{io::Write as _, path::Path};

use dialects::chat_completions::conversation::{self, assistant_text};
use model_provider_host::{
    Error, ErrorKind, Result,
    contract::{ContentPart, Message},
};

/// Writes a conversation to a new file that only the user may read.
pub(super) fn write(path: &Path, model: &str, messages: &[Message]) -> Result<()> {
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let text = if is_json {
        format!("{:#}\n", conversation::body(model, messages))
    } else {
        transcript(model, messages)
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    // The conversation is private to the user until they share it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            let message = format!("{} cannot be written: {error}", path.display());
            let error = Error::new(ErrorKind::Configuration, message);
            if path.exists() {
                error.with_hint("name a file that is not there yet")
            } else {
                error
            }
        })
}

fn words(parts: &[ContentPart]) -> String {
    let words = parts.iter().map(|part| match part {
        ContentPart::Text(text) => text.as_str(),
        ContentPart::Media(_) => "[picture]",
        ContentPart::Other(_) => "[other]",
    });
    words.collect::<Vec<_>>().join("\n")
}

fn transcript(model: &str, messages: &[Message]) -> String {
    let mut text = format!("# {model}\n");
    for message in messages {
        let (who, what) = match message {
            Message::System(system) => ("System", words(&system.content)),
            Message::User(user) => ("You", words(&user.content)),
            Message::Assistant(assistant) => ("Model", assistant_text(&assistant.content)),
            Message::Tool(_) => continue,
        };
        text += &format!("\n## {who}\n\n{}\n", what.trim());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialects::chat_completions::request::ChatBody;
    use model_provider_host::contract::{Media, MediaSource};

    fn conversation() -> Vec<Message> {
        let picture = Media::new("image/png", MediaSource::Data(b"\x89PNG".to_vec()));
        vec![
            Message::system("be brief"),
            Message::user_parts(vec![
                ContentPart::Media(picture),
                ContentPart::Text("what is it?".into()),
            ]),
            Message::assistant("\n\na picture"),
            Message::user("thanks"),
        ]
    }

    #[test]
    fn a_conversation_saved_as_json_can_be_sent_again() {
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
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "a conversation is the user's alone");
        }
        let error = write(&path, "acme/m", &[]).unwrap_err();
        assert!(
            error.hint().is_some_and(|hint| hint.contains("not there yet")),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
