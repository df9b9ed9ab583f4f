//! One line of a conversation: a prompt for the model, or a command. Parses lines, and must not know what commands do.

use std::path::PathBuf;

use model_provider_host::settings::nearest;
use openclaw_config::Environment;

/// A line typed by the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Nothing.
    Blank,
    /// A prompt for the model.
    Words(String),
    /// A command and its argument, trimmed.
    Command(Command, String),
    /// An unknown command, and the command probably meant.
    Unknown(String, Option<Command>),
}

/// The commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Model,
    Models,
    System,
    Image,
    Retry,
    New,
    Save,
    Quit,
}

impl Command {
    pub(super) const ALL: [Self; 9] = [
        Self::Model,
        Self::Models,
        Self::System,
        Self::Image,
        Self::Retry,
        Self::New,
        Self::Save,
        Self::Help,
        Self::Quit,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Help => "/help",
            Self::Model => "/model",
            Self::Models => "/models",
            Self::System => "/system",
            Self::Image => "/image",
            Self::Retry => "/retry",
            Self::New => "/new",
            Self::Save => "/save",
            Self::Quit => "/quit",
        }
    }

    /// Its argument and its effect.
    pub(super) fn help(self) -> (&'static str, &'static str) {
        match self {
            Self::Model => (
                "[REF]",
                "show or switch the model; tab completes references and aliases",
            ),
            Self::Models => ("[TEXT]", "list the models, or those that contain a text"),
            Self::System => ("[TEXT]", "show or set the system prompt; `-` removes it"),
            Self::Image => ("FILE", "attach a picture to the next prompt"),
            Self::Retry => ("", "send the last prompt again"),
            Self::New => ("", "start a new conversation"),
            Self::Save => (
                "FILE",
                "write the conversation to a new file: .json as a request, else as text",
            ),
            Self::Help => ("", "list the commands"),
            Self::Quit => ("", "quit, as Ctrl-D does"),
        }
    }
}

impl Typed {
    /// Parses a line. `"""` around a text is one way to type several lines; `//` starts a prompt that begins with `/`.
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Blank;
        }
        match text.strip_prefix('/') {
            Some(rest) if rest.starts_with('/') => Self::Words(joined(rest)),
            Some(rest) => command(text, rest),
            None => match joined(text) {
                words if words.trim().is_empty() => Self::Blank,
                words => Self::Words(words),
            },
        }
    }
}

/// The lines as typed, without each `\` that continued a line; `ends` are the texts that ended in such a `\`. A `\` at
/// the end of a pasted line is part of the text.
pub(super) fn continued(text: &str, ends: &[String]) -> String {
    let is_typed = |at: usize| {
        let (head, tail) = text.split_at(at);
        tail.starts_with("\\\n") && ends.iter().any(|end| end.strip_suffix('\\') == Some(head))
    };
    let typed = text.char_indices().filter(|(at, c)| *c == '\\' && is_typed(*at));
    let typed: Vec<usize> = typed.map(|(at, _)| at).collect();
    let kept = text.char_indices().filter(|(at, _)| !typed.contains(at));
    kept.map(|(_, c)| c).collect()
}

/// Whether the `\` at the end of this line continues it.
pub(super) fn is_continued(text: &str) -> bool {
    let text = text.trim_start();
    text.ends_with('\\') && !text.starts_with('/') && !text.starts_with(QUOTES)
}

/// Whether more lines are expected.
pub(super) fn is_unfinished(text: &str) -> bool {
    let text = text.trim_start();
    match text.strip_prefix(QUOTES) {
        Some(rest) => !rest.trim_end().ends_with(QUOTES),
        None => is_continued(text),
    }
}

/// The path as named, with `~` expanded to the home directory.
pub(super) fn file(typed: &str) -> PathBuf {
    Environment::process().expand_home(&file_name(typed))
}

/// A file name as typed, or as tab completion writes it: spaces are escaped with a backslash or in quotes. A text of
/// another form, or the name of an existing file, stays as it is.
fn file_name(text: &str) -> String {
    let is_as_it_is = cfg!(windows) || std::path::Path::new(text).exists();
    let words = (!is_as_it_is).then(|| shell_words::split(text).ok()).flatten();
    match words.as_deref() {
        Some([name]) => name.clone(),
        _ => text.to_owned(),
    }
}

const QUOTES: &str = "\"\"\"";

fn joined(text: &str) -> String {
    let quoted = text
        .strip_prefix(QUOTES)
        .and_then(|text| text.strip_suffix(QUOTES));
    match quoted {
        Some(inner) => inner.trim_matches('\n').to_owned(),
        None => text.to_owned(),
    }
}

fn command(text: &str, rest: &str) -> Typed {
    let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = format!("/{}", name.to_lowercase());
    let known = match name.as_str() {
        "/exit" | "/q" => Some(Command::Quit),
        "/?" => Some(Command::Help),
        _ => Command::ALL.into_iter().find(|command| command.name() == name),
    };
    if let Some(command) = known {
        return Typed::Command(command, argument.trim().to_owned());
    }
    let near = nearest(&name, Command::ALL.map(Command::name))
        .and_then(|near| Command::ALL.into_iter().find(|command| command.name() == near));
    let word = text.split_whitespace().next().unwrap_or_default();
    Typed::Unknown(word.to_owned(), near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_and_commands_are_distinguished() {
        let words = |text: &str| Typed::Words(text.to_owned());
        for (text, typed) in [
            (" \n", Typed::Blank),
            ("\"\"\"\n\"\"\"", Typed::Blank),
            (" hi ", words("hi")),
            ("docker run \\\n  -it", words("docker run \\\n  -it")),
            ("\"\"\"\none\n\"two\"\n\"\"\"", words("one\n\"two\"")),
            ("//etc is a folder", words("/etc is a folder")),
            ("a/b", words("a/b")),
            (
                "/MODEL  Big  One ",
                Typed::Command(Command::Model, "Big  One".to_owned()),
            ),
            ("/quit", Typed::Command(Command::Quit, String::new())),
            ("/exit", Typed::Command(Command::Quit, String::new())),
            (
                "/modle x",
                Typed::Unknown("/modle".to_owned(), Some(Command::Model)),
            ),
            ("/etc/passwd", Typed::Unknown("/etc/passwd".to_owned(), None)),
        ] {
            assert_eq!(Typed::read(text), typed, "{text:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn file_names_are_parsed_as_they_are_completed() {
        for (text, name) in [
            ("photo.png", "photo.png"),
            ("my\\ photo.png", "my photo.png"),
            ("\"my photo.png\"", "my photo.png"),
            ("'my photo.png'", "my photo.png"),
            ("my photo.png", "my photo.png"),
            ("it's.png", "it's.png"),
            ("", ""),
        ] {
            assert_eq!(file_name(text), name, "{text}");
        }
    }

    #[test]
    fn a_backslash_is_removed_where_a_line_was_continued_and_stays_where_it_was_pasted() {
        let ends = ["one\\", "one\\\ntwo \\\n x\\"].map(str::to_owned);
        assert_eq!(
            continued("one\\\ntwo \\\n x\\\nend", &ends),
            "one\ntwo \\\n x\nend"
        );
        assert_eq!(continued("a \\\nb", &[]), "a \\\nb");
        // What was edited afterwards is what it says now.
        assert_eq!(continued("won\\\ntwo", &ends), "won\\\ntwo");
    }

    #[test]
    fn several_lines_end_at_their_closing_mark() {
        for text in ["one\\", "\"\"\"", "\"\"\"a\nb", "one\\\ntwo\\", " \"\"\" a"] {
            assert!(is_unfinished(text), "{text:?}");
        }
        for text in [
            "",
            "one",
            "one\\\ntwo",
            "\"\"\"a\n\"\"\"",
            "\"\"\"a\"\"\"",
            "/save C:\\",
        ] {
            assert!(!is_unfinished(text), "{text:?}");
        }
    }
}
