//! How the tour looks: numbered steps, what happens in them, and a mark for each check.

use std::{io, time::Duration};

use super::{Failure, Style, Terminal};
use crate::format;
use model_provider_host::{Error, ErrorKind, sanitize};

/// Where the tour is shown.
pub(super) struct Scene {
    pub(super) terminal: Terminal,
    pub(super) paint: Style,
    pub(super) step: usize,
}

impl Scene {
    pub(super) fn title(&self, text: &str) -> io::Result<()> {
        self.terminal.line("")?;
        self.terminal.line(&self.paint.bold(text))
    }

    pub(super) fn next(&mut self, title: &str) -> io::Result<()> {
        self.step += 1;
        let head = format!("{} · {title} ", self.step);
        let rule = "─".repeat(78usize.saturating_sub(head.chars().count()));
        self.terminal.line("")?;
        self.terminal
            .line(&format!("{}{}", self.paint.bold(&head), self.paint.dim(&rule)))
    }

    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        for line in sanitize::text(text).lines() {
            self.terminal.line(&format!("  {line}"))?;
        }
        Ok(())
    }

    /// A table or the like, as it is.
    pub(super) fn block(&self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            self.terminal.line(&format!("  {line}"))?;
        }
        Ok(())
    }

    /// A check that passed, and how long it took.
    pub(super) fn done(&self, text: &str, took: Option<Duration>) -> io::Result<()> {
        let took = took.map_or_else(String::new, |took| {
            format!(" {}", self.paint.dim(&format!("({})", format::duration(took))))
        });
        let text = sanitize::text(text);
        self.terminal
            .line(&format!("  {} {text}{took}", self.paint.green("✓")))
    }

    /// Goes on only if the condition holds.
    pub(super) fn check(&self, holds: bool, text: &str, took: Option<Duration>) -> Result<(), Failure> {
        if holds {
            return Ok(self.done(text, took)?);
        }
        self.terminal.line(&format!(
            "  {} failed: {}",
            self.paint.red("✗"),
            sanitize::text(text)
        ))?;
        let message = format!("step {} of the demo failed: {text}", self.step);
        Err(Error::new(ErrorKind::PluginLoad, message).into())
    }
}
