//! The findings, as text and as JSON.

use serde::Serialize;

use crate::{output::hint, terminal::Terminal};
use model_provider_host::{Error, sanitize};

/// Severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Something has not the effect that it seems to have.
    Warning,
    /// Something does not work.
    Error,
}

/// A finding.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    level: Level,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// All findings.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) errors: usize,
    pub(super) warnings: usize,
}

impl Report {
    pub(super) fn add(
        &mut self,
        check: &'static str,
        level: Level,
        message: impl Into<String>,
        fix: Option<String>,
    ) {
        match level {
            Level::Error => self.errors += 1,
            Level::Warning => self.warnings += 1,
            Level::Ok | Level::Note => {}
        }
        self.findings.push(Finding {
            check,
            level,
            message: message.into(),
            fix,
        });
    }

    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Level::Ok, message, None);
    }

    pub(super) fn note(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Level::Note, message, None);
    }

    pub(super) fn warn(&mut self, check: &'static str, message: impl Into<String>, fix: &str) {
        self.add(check, Level::Warning, message, Some(fix.to_owned()));
    }

    pub(super) fn fail(&mut self, check: &'static str, error: &Error) {
        self.add(check, Level::Error, error.message(), hint::of(error));
    }
}

impl Finding {
    /// A finding as text, its fix below.
    pub(super) fn line(&self, terminal: Terminal) -> String {
        let paint = terminal.out;
        let mark = match self.level {
            Level::Ok => paint.green("✓"),
            Level::Note => paint.cyan("·"),
            Level::Warning => paint.yellow("!"),
            Level::Error => paint.red("✗"),
        };
        let mut line = format!("{mark} {:13} {}", self.check, sanitize::line(&self.message));
        if let Some(fix) = &self.fix {
            line += &format!("\n  {:13} {} {}", "", paint.cyan("fix:"), sanitize::line(fix));
        }
        line
    }
}
