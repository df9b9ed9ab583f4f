//! Where output goes: results to standard output, everything else to standard error.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{args::Format, style::Style};
use model_provider_host::sanitize;

/// The two output streams of this process, and how to write to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// Format of results.
    pub(super) format: Format,
    /// Style of standard output.
    pub(super) out: Style,
    /// Style of standard error.
    pub(super) err: Style,
}

#[expect(clippy::unused_self, reason = "whoever writes to the terminal has to have it")]
impl Terminal {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            out: Style::of_stdout(),
            err: Style::of_stderr(),
        }
    }

    pub(super) fn is_text(self) -> bool {
        self.format == Format::Text
    }

    /// Writes part of a result and flushes it.
    pub(super) fn write(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Writes a line of a result, or several.
    pub(super) fn line(self, text: &str) -> io::Result<()> {
        self.raw_line(&sanitize::screen(text))
    }

    fn raw_line(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Writes one JSON value: indented in text mode, on one line otherwise.
    pub(super) fn json(self, value: &impl Serialize) -> io::Result<()> {
        let text = if self.format == Format::Json && io::stdout().is_terminal() {
            serde_json::to_string_pretty(value)?
        } else {
            serde_json::to_string(value)?
        };
        self.raw_line(&sanitize::json(&text))
    }

    /// Writes a line to standard error.
    pub(super) fn note(self, text: &str) {
        // If that fails, there is nowhere to report it.
        let _ = writeln!(io::stderr().lock(), "{}", sanitize::screen(text));
    }

    /// Writes text to standard error without a line end.
    pub(super) fn note_piece(self, text: &str) {
        let mut err = io::stderr().lock();
        let text = sanitize::screen(text);
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Writes a warning to standard error, in one line.
    pub(super) fn warn(self, message: &str) {
        let message = sanitize::line(message);
        self.note(&format!("{} {message}", self.err.yellow("warning:")));
    }

    /// Writes some warnings; of many, the first ones and the count of the rest.
    pub(super) fn warn_of<'w>(self, messages: impl IntoIterator<Item = &'w str>) {
        let mut messages = messages.into_iter();
        for message in messages.by_ref().take(sanitize::MAX_NAMES) {
            self.warn(message);
        }
        match messages.count() {
            0 => {}
            1 => self.warn("one more warning is not shown"),
            more => self.warn(&format!("{more} more warnings are not shown")),
        }
    }

    /// A model's text for standard output: verbatim into files and pipes, sanitized on a terminal.
    pub(super) fn shown<'a>(self, text: &'a str) -> Cow<'a, str> {
        if io::stdout().is_terminal() {
            sanitize::text(text)
        } else {
            Cow::Borrowed(text)
        }
    }

    /// A spinner while the user waits; on a terminal only.
    pub(super) fn spinner(self, message: impl Into<Cow<'static, str>>) -> Spinner {
        if !io::stderr().is_terminal() {
            return Spinner(None);
        }
        let message = sanitize::name(&message.into()).into_owned();
        let bar = ProgressBar::new_spinner().with_message(message);
        if let Ok(look) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(look);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Spinner(Some(bar))
    }
}

/// A spinner that runs until it is dropped.
#[derive(Debug)]
pub(super) struct Spinner(Option<ProgressBar>);

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
