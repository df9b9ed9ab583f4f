//! Line editor: editing, history, completion, several lines. Runs on a thread of its own, since reading keys blocks.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use rustyline::{
    CompletionType, Config, Context, Editor as Line, Helper,
    completion::{Completer, FilenameCompleter, Pair},
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::DefaultHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};
use tokio::sync::mpsc as channel;

use super::command::{self, Command};
use crate::output::models::reference;
use model_provider_host::{
    Error, ErrorKind, Result,
    contract::{ModelCatalog, ProviderInfo, settings::ModelAlias},
    sanitize,
};

/// Entries of the history.
const REMEMBERED: usize = 1000;

/// The outcome of a read.
#[derive(Debug)]
pub(super) enum Input {
    /// A line.
    Text(String),
    /// Ctrl-C: the line is discarded.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    Ended,
}

/// The names that `/model` completes: references and aliases.
pub(super) type Names = Arc<Mutex<Vec<String>>>;

/// The names of a list: every alias, and every reference without suffix, by each policy and by each backend.
pub(super) fn names(info: &ProviderInfo, aliases: &[ModelAlias], catalog: &ModelCatalog) -> Vec<String> {
    let mut names: Vec<String> = aliases.iter().map(|alias| alias.alias.clone()).collect();
    for model in &catalog.models {
        let reference = reference(info, model);
        let policies = info.policies.iter().map(|policy| policy.suffix.as_str());
        let backends = model.routes.iter().map(|route| route.backend.as_str());
        let suffixes = policies.chain(backends);
        names.extend(suffixes.map(|suffix| format!("{reference}:{suffix}")));
        names.push(reference);
    }
    // A completion is shown unescaped, and becomes part of the line.
    names.retain(|name| sanitize::name(name) == name.as_str());
    names.sort_unstable();
    names.dedup();
    names
}

enum Order {
    Read(String),
    Remember(String),
}

/// The handle to the editor's thread.
pub(super) struct Editor {
    orders: mpsc::Sender<Order>,
    inputs: channel::UnboundedReceiver<Input>,
}

impl Editor {
    /// Starts an editor whose history is stored in a file that only the user may read.
    pub(super) fn start(history: PathBuf, names: Names) -> Result<Self> {
        let failure = |error: &dyn std::fmt::Display| {
            Error::new(
                ErrorKind::Configuration,
                format!("the terminal cannot be used: {error}"),
            )
            .with_hint("give the prompt as an argument, or pipe it in")
        };
        let (orders, to_do) = mpsc::channel();
        let (done, inputs) = channel::unbounded_channel();
        let (ready, is_ready) = mpsc::channel();
        let config = Config::builder()
            .max_history_size(REMEMBERED)
            .map_err(|error| failure(&error))?
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            .build();
        thread::spawn(move || {
            let line = Line::<Assistance, DefaultHistory>::with_config(config);
            let mut line = match line {
                Ok(line) => line,
                Err(error) => {
                    let _ = ready.send(Err(error.to_string()));
                    return;
                }
            };
            let _ = ready.send(Ok(()));
            line.set_helper(Some(Assistance {
                names,
                files: FilenameCompleter::new(),
                ends: Mutex::default(),
            }));
            // A missing or broken history must not prevent a conversation.
            let _ = line.load_history(&history);
            serve(&mut line, &to_do, &done, &history);
        });
        match is_ready.recv() {
            Ok(Ok(())) => Ok(Self { orders, inputs }),
            Ok(Err(error)) => Err(failure(&error)),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Waits for a line.
    pub(super) async fn read(&mut self, prompt: &str) -> Input {
        if self.orders.send(Order::Read(prompt.to_owned())).is_err() {
            return Input::Ended;
        }
        self.inputs.recv().await.unwrap_or(Input::Ended)
    }

    /// Adds a line to the history.
    pub(super) fn remember(&self, text: &str) {
        let _ = self.orders.send(Order::Remember(text.to_owned()));
    }
}

fn serve(
    line: &mut Line<Assistance, DefaultHistory>,
    orders: &mpsc::Receiver<Order>,
    done: &channel::UnboundedSender<Input>,
    history: &std::path::Path,
) {
    while let Ok(order) = orders.recv() {
        let prompt = match order {
            Order::Read(prompt) => prompt,
            Order::Remember(text) => {
                // Each line is written immediately, so that a closed terminal loses none. Only the user may read the file.
                if line.add_history_entry(text).unwrap_or(false) {
                    let _ = line.append_history(history);
                }
                continue;
            }
        };
        let read = line.readline(&prompt);
        let ends = line.helper().map(Assistance::take_ends).unwrap_or_default();
        let input = match read {
            Ok(text) => Input::Text(command::continued(&text, &ends)),
            Err(ReadlineError::Interrupted) => Input::Interrupted,
            Err(ReadlineError::Signal(_)) => Input::Text(String::new()),
            Err(_) => Input::Ended,
        };
        if done.send(input).is_err() {
            return;
        }
    }
}

/// Completion, hints and continuation of lines.
struct Assistance {
    names: Names,
    files: FilenameCompleter,
    /// The texts whose final `\` continued a line. Pasted text arrives whole and is not among them.
    ends: Mutex<Vec<String>>,
}

impl Assistance {
    fn ends(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_ends(&self) -> Vec<String> {
        std::mem::take(&mut *self.ends())
    }
}

impl Helper for Assistance {}
impl Highlighter for Assistance {}

impl Hinter for Assistance {
    type Hint = String;
}

impl Validator for Assistance {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        Ok(if command::is_unfinished(text) {
            if command::is_continued(text) {
                self.ends().push(text.to_owned());
            }
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Completer for Assistance {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..at).unwrap_or(line);
        let Some((name, argument)) = typed.split_once(' ') else {
            return Ok((0, commands(typed)));
        };
        let start = name.len() + 1;
        if name == Command::Model.name() {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok((start, matching(&names, argument)));
        }
        if name == Command::Image.name() || name == Command::Save.name() {
            let (start, files) = self.files.complete(line, at, context)?;
            return Ok((start, harmless(files)));
        }
        Ok((at, Vec::new()))
    }
}

fn commands(typed: &str) -> Vec<Pair> {
    if !typed.starts_with('/') {
        return Vec::new();
    }
    let known = Command::ALL.iter().map(|command| command.name());
    known.filter(|name| name.starts_with(typed)).map(pair).collect()
}

/// Without file names that would control the terminal: completions are shown, and become part of the line, unescaped.
fn harmless(mut files: Vec<Pair>) -> Vec<Pair> {
    let is_harmless = |text: &str| sanitize::flat(text) == text;
    files.retain(|file| is_harmless(&file.display) && is_harmless(&file.replacement));
    files
}

fn pair(name: &str) -> Pair {
    Pair {
        display: name.to_owned(),
        replacement: name.to_owned(),
    }
}

/// Names that start with the typed text, in any case; else names with a part after a `/` that does.
fn matching(names: &[String], typed: &str) -> Vec<Pair> {
    let typed = typed.trim_start().to_lowercase();
    let whole = names
        .iter()
        .filter(|name| name.to_lowercase().starts_with(&typed));
    let whole: Vec<Pair> = whole.map(|name| pair(name)).collect();
    if !whole.is_empty() {
        return whole;
    }
    let inner = |name: &&String| {
        name.to_lowercase().match_indices('/').any(|(at, _)| {
            name.to_lowercase()
                .get(at + 1..)
                .is_some_and(|rest| rest.starts_with(&typed))
        })
    };
    names.iter().filter(inner).map(|name| pair(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_completed_by_alias_reference_and_part_of_it() {
        let names = ["Big One", "acme/org/big", "acme/org/small"].map(str::to_owned);
        let found = |typed: &str| -> Vec<String> {
            matching(&names, typed)
                .into_iter()
                .map(|pair| pair.replacement)
                .collect()
        };
        assert_eq!(found("big"), ["Big One"]);
        assert_eq!(found("ACME/org/b"), ["acme/org/big"]);
        assert_eq!(found("small"), ["acme/org/small"]);
        assert_eq!(found("org/"), ["acme/org/big", "acme/org/small"]);
        assert!(found("none").is_empty());
        assert_eq!(found("").len(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn files_whose_names_control_a_terminal_are_not_completed() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "a b.png",
            "é.png",
            "\u{1b}]0;t\u{7}.png",
            "\u{202e}gnp.png",
            "c\nd.png",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let typed = format!("/image {}/", dir.path().display());
        let history = DefaultHistory::new();
        let assistance = Assistance {
            names: Names::default(),
            files: FilenameCompleter::new(),
            ends: Mutex::default(),
        };
        let (_, found) = assistance
            .complete(&typed, typed.len(), &Context::new(&history))
            .unwrap();
        let mut shown: Vec<_> = found.iter().map(|pair| pair.display.as_str()).collect();
        shown.sort_unstable();
        assert_eq!(shown, ["a b.png", "é.png"]);
    }

    #[test]
    fn commands_are_completed_at_the_beginning() {
        let found: Vec<_> = commands("/mo").into_iter().map(|pair| pair.replacement).collect();
        assert_eq!(found, ["/model", "/models"]);
        assert!(commands("mo").is_empty());
    }
}
