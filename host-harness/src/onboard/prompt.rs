//! Terminal prompts. Must not know what they are for. Text from third parties that a prompt shows is sanitized here.

use inquire::{
    Confirm, InquireError, Password, PasswordDisplayMode, Select, Text,
    validator::{ErrorMessage, Validation},
};

use model_provider_host::{Error, ErrorKind, Result, sanitize};

/// Visible lines of a list.
const PAGE: usize = 10;

/// An entry of a list.
pub(super) trait Entry: std::fmt::Display + Clone + Send + 'static {
    /// The heading of the figures after the name, if there are any.
    const FIGURES: &'static str = "";

    /// The text that a search matches, in lower case.
    fn searched(&self) -> &str;
    /// The text that stays on the screen once it is chosen.
    fn chosen(&self) -> &str;
}

/// The user cancelled; nothing has been changed yet.
pub(super) fn given_up() -> Error {
    Error::new(
        ErrorKind::Cancelled,
        "onboarding was given up; nothing was changed",
    )
}

async fn prompt<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, InquireError> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(ask).await {
        Ok(Ok(answer)) => Ok(answer),
        // Escape or Ctrl-C.
        Ok(Err(InquireError::OperationCanceled | InquireError::OperationInterrupted)) | Err(_) => {
            Err(given_up())
        }
        Ok(Err(error)) => {
            let message = format!("the terminal cannot be used: {error}");
            Err(Error::new(ErrorKind::Configuration, message).with_hint("run it with `--non-interactive`"))
        }
    }
}

pub(super) async fn yes_or_no(question: String, default: bool, help: Option<&'static str>) -> Result<bool> {
    let question = sanitize::line(&question).into_owned();
    prompt(move || {
        let mut confirm = Confirm::new(&question).with_default(default);
        confirm.help_message = help;
        confirm.prompt()
    })
    .await
}

/// Hidden text; `is_good` says whether it is valid. Escape empties the field: an editor's clear keys do not, and what they
/// leave behind is invisible.
pub(super) async fn hidden(
    question: String,
    is_good: impl Fn(&str) -> bool + Clone + Send + 'static,
) -> Result<zeroize::Zeroizing<String>> {
    let question = sanitize::line(&question).into_owned();
    let required = move |text: &str| {
        Ok(if is_good(text) {
            Validation::Valid
        } else {
            Validation::Invalid(ErrorMessage::Custom("Required".to_owned()))
        })
    };
    let text = prompt(move || {
        loop {
            let text = Password::new(&question)
                .without_confirmation()
                .with_display_mode(PasswordDisplayMode::Masked)
                .with_help_message(
                    "paste it as you copied it; it is not shown; Esc starts over, Ctrl-C gives up",
                )
                .with_formatter(&|_| "********".to_owned())
                .with_validator(required.clone())
                .prompt_skippable()?;
            if let Some(text) = text {
                return Ok(text);
            }
        }
    });
    text.await.map(zeroize::Zeroizing::new)
}

/// What the user types to decline the suggestion.
pub(super) const NONE: &str = "-";

/// Text; Enter accepts the suggestion, [`NONE`] declines it. `problem` says what is wrong with a text.
pub(super) async fn text(
    question: &'static str,
    suggestion: Option<String>,
    help: &'static str,
    problem: impl Fn(&str) -> Option<String> + Clone + Send + 'static,
) -> Result<String> {
    let validator = move |text: &str| {
        let problem = problem(text).filter(|_| text.trim() != NONE);
        Ok(problem.map_or(Validation::Valid, |problem| {
            Validation::Invalid(ErrorMessage::Custom(sanitize::line(&problem).into_owned()))
        }))
    };
    let suggestion = suggestion.map(|suggestion| sanitize::name(&suggestion).into_owned());
    let text = prompt(move || {
        let mut text = Text::new(question)
            .with_help_message(help)
            .with_validator(validator);
        text.default = suggestion.as_deref();
        text.prompt()
    });
    let text = text.await?;
    Ok(if text.trim() == NONE { String::new() } else { text })
}

/// An entry of a list, with search.
pub(super) async fn one_of<T: Entry>(question: String, entries: Vec<T>, first: usize) -> Result<T> {
    let mut help = "↑↓ to move, type to search, enter to choose".to_owned();
    if !T::FIGURES.is_empty() {
        help += &format!(" · {}", T::FIGURES);
    }
    let question = sanitize::line(&question).into_owned();
    prompt(move || {
        Select::new(&question, entries)
            .with_starting_cursor(first)
            .with_page_size(PAGE)
            .with_help_message(&help)
            .with_scorer(&score)
            .with_formatter(&|entry| sanitize::name(entry.value.chosen()).into_owned())
            .prompt()
    })
    .await
}

/// Entries that contain every word, in their order.
fn score<T: Entry>(typed: &str, entry: &T, _shown: &str, index: usize) -> Option<i64> {
    let typed = typed.to_lowercase();
    let holds = typed
        .split_whitespace()
        .all(|word| entry.searched().contains(word));
    holds.then(|| i64::try_from(index).map_or(i64::MIN, |index| -index))
}
