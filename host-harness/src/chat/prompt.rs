//! The prompt: builds a request from arguments, files and standard input.

use std::{
    io::{IsTerminal as _, stdin},
    path::Path,
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::{args::ChatArgs, request_file};
use dialects::chat_completions::request::{check_prompt, invalid};
use model_provider_host::{
    Result,
    contract::{ChatRequest, ContentPart, Message},
    files, sanitize,
};

/// A user who pipes text in has started by then. A program that starts this one may leave its end of the pipe open and
/// never write.
const PATIENCE: Duration = Duration::from_secs(3);

/// A request and the model named for it.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) request: ChatRequest,
    pub(super) model: Option<String>,
}

/// Builds the request: the request file's messages, then those of the arguments; piped text follows the prompt. `say`
/// gets warnings for the user.
pub(super) async fn question(args: &ChatArgs, say: impl Fn(&str)) -> Result<Question> {
    let file_is_stdin = args
        .request
        .as_deref()
        .is_some_and(|path| path.as_os_str() == "-");
    let prompt_is_stdin = match args.prompt.as_deref() {
        Some(prompt) => prompt == "-",
        None => args.request.is_none() && !stdin().is_terminal(),
    };
    if file_is_stdin && prompt_is_stdin {
        return Err(invalid(
            "the request and the prompt cannot both come from standard input",
        ));
    }
    let file = match &args.request {
        None => None,
        Some(path) if file_is_stdin => Some(request_file::read(
            Path::new("from standard input"),
            &standard_input().await?,
        )?),
        Some(path) => Some(request_file::read(
            path,
            &request_file::read_file("request", path)?,
        )?),
    };
    let prompt = if prompt_is_stdin {
        Some(text_of(standard_input().await?)?)
    } else if let Some(prompt) = &args.prompt
        && !file_is_stdin
        && is_piped(&stdin())
    {
        match beside(tokio::io::stdin(), PATIENCE).await? {
            Some(text) if text.is_empty() => Some(prompt.clone()),
            Some(text) => Some(format!("{prompt}\n\n{text}")),
            None => {
                say("no input from standard input in 3 s; the prompt is sent without it");
                Some(prompt.clone())
            }
        }
    } else {
        args.prompt.clone()
    };
    if prompt.is_none() && args.request.is_none() {
        let error = invalid("there is no prompt");
        return Err(error.with_hint("give it as an argument, pipe it in, or name a file with `--request`"));
    }
    let mut parts = Vec::new();
    for path in &args.image {
        parts.push(ContentPart::Media(request_file::picture(path)?));
    }
    if let Some(prompt) = prompt.filter(|prompt| !prompt.trim().is_empty()) {
        parts.push(ContentPart::Text(prompt));
    }
    let (mut request, named) = match file {
        Some(file) => {
            if !file.left_out.is_empty() {
                let named: Vec<&str> = file.left_out.iter().take(10).map(String::as_str).collect();
                let named = sanitize::line(&named.join(", ")).into_owned();
                say(&format!(
                    "left out of the request file, because nothing here passes it on: {named}"
                ));
            }
            (file.request, file.model)
        }
        None => (ChatRequest::new(""), None),
    };
    if !parts.is_empty() {
        request.messages.push(Message::user_parts(parts));
    }
    check_prompt(&request.messages)
        .map_err(|error| error.with_hint("give a prompt, or a request file with at least one message"))?;
    if let Some(system) = &args.system {
        request.messages.insert(0, Message::system(system));
    }
    Ok(Question {
        request,
        model: args.model.clone().or(named),
    })
}

/// Whether standard input is a file or a pipe that may have data: no terminal, and no device like `/dev/null`.
#[cfg(unix)]
fn is_piped(stdin: &impl std::os::fd::AsFd) -> bool {
    use rustix::fs::FileType;
    let kind = rustix::fs::fstat(stdin).map(|stat| FileType::from_raw_mode(stat.st_mode));
    kind.is_ok_and(|kind| matches!(kind, FileType::Fifo | FileType::RegularFile | FileType::Socket))
}

#[cfg(not(unix))]
fn is_piped(stdin: &impl std::io::IsTerminal) -> bool {
    !stdin.is_terminal()
}

/// The text piped in beside a prompt; `None` if there is neither data nor an end of file within this time.
async fn beside(mut from: impl AsyncRead + Unpin, patience: Duration) -> Result<Option<String>> {
    let mut first = [0; 4096];
    let Ok(read) = tokio::time::timeout(patience, from.read(&mut first)).await else {
        return Ok(None);
    };
    let read = read.map_err(|error| unread(&error))?;
    let mut bytes = first.get(..read).unwrap_or_default().to_vec();
    if read > 0 {
        bytes.extend(whole(from).await?);
    }
    text_of(bytes).map(Some)
}

async fn standard_input() -> Result<Vec<u8>> {
    whole(tokio::io::stdin()).await
}

async fn whole(from: impl AsyncRead + Unpin) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = files::MAX_BYTES;
    from.take(most + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| unread(&error))?;
    if bytes.len() as u64 > most {
        return Err(invalid(&format!("standard input has more than {most} bytes")));
    }
    Ok(bytes)
}

fn text_of(bytes: Vec<u8>) -> Result<String> {
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| invalid("the prompt from standard input is not UTF-8 text"))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn unread(error: &std::io::Error) -> model_provider_host::Error {
    invalid(&format!("standard input cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn args() -> ChatArgs {
        ChatArgs {
            prompt: Some("hi".into()),
            model: None,
            system: None,
            image: Vec::new(),
            request: None,
            no_stream: false,
            no_fallback: false,
        }
    }

    fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(name);
        std::fs::write(&path, content).expect("written");
        (dir, path)
    }

    #[tokio::test]
    async fn a_prompt_follows_the_system_prompt_and_the_images() {
        let (_dir, picture) = file("a.jpg", b"\x89PNG\r\n\x1a\n");
        let args = ChatArgs {
            system: Some("be brief".into()),
            image: vec![picture],
            ..args()
        };
        let question = question(&args, |_| ()).await.expect("a request");
        let [system, Message::User(user)] = question.request.messages.as_slice() else {
            panic!("{:?}", question.request.messages);
        };
        assert_eq!(*system, Message::system("be brief"));
        let [ContentPart::Media(media), ContentPart::Text(text)] = user.content.as_slice() else {
            panic!("{user:?}");
        };
        assert_eq!((media.mime_type.as_str(), text.as_str()), ("image/png", "hi"));
    }

    #[tokio::test]
    async fn text_piped_in_beside_a_prompt_is_read_whole_and_an_idle_pipe_times_out() {
        let patience = Duration::from_millis(50);
        let long = "x".repeat(10_000) + "\n";
        let read = beside(long.as_bytes(), patience).await.expect("read");
        assert_eq!(read.as_deref(), Some(long.trim_end()));
        assert_eq!(
            beside(&b""[..], patience).await.expect("read").as_deref(),
            Some("")
        );
        let (_silent, open) = tokio::io::duplex(64);
        assert_eq!(beside(open, patience).await.expect("no fault"), None);
        let error = beside(&b"\xff"[..], patience).await.expect_err("no text");
        assert!(error.message().contains("UTF-8"), "{error}");
    }

    #[tokio::test]
    async fn the_model_argument_overrides_the_request_file() {
        let (_dir, path) = file(
            "r.json",
            br#"{"model":"in/file","messages":[{"role":"user","content":"x"}]}"#,
        );
        let from_file = ChatArgs {
            prompt: None,
            request: Some(path),
            ..args()
        };
        let model = |question: Question| question.model;
        assert_eq!(
            question(&from_file, |_| ())
                .await
                .map(model)
                .expect("a request")
                .as_deref(),
            Some("in/file")
        );
        let named = ChatArgs {
            model: Some("by/name".into()),
            ..from_file
        };
        assert_eq!(
            question(&named, |_| ())
                .await
                .map(model)
                .expect("a request")
                .as_deref(),
            Some("by/name")
        );
    }

    #[tokio::test]
    async fn a_request_without_a_prompt_is_refused() {
        let (_dir, text) = file("a.png", b"no picture");
        let missing = PathBuf::from("/no/such/file");
        for wrong in [
            ChatArgs {
                prompt: Some(" \n".into()),
                ..args()
            },
            ChatArgs {
                image: vec![text],
                ..args()
            },
            ChatArgs {
                image: vec![missing.clone()],
                ..args()
            },
            ChatArgs {
                request: Some(missing),
                ..args()
            },
            ChatArgs {
                prompt: Some("-".into()),
                request: Some("-".into()),
                ..args()
            },
        ] {
            let error = question(&wrong, |_| ()).await.expect_err("there is no prompt");
            assert_eq!(error.kind().as_str(), "invalid-request", "{error}");
        }
    }
}
