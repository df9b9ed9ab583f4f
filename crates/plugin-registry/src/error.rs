//! The error type, from the registry to the loaded plugin.
//!
//! Holds no credential: texts of a registry are truncated and stripped of control characters first.

use std::fmt;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error: what was expected, what was found, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
}

/// The kind of an error, for callers to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The reference is not of the form `oci://HOST/REPOSITORY:TAG`.
    Reference,
    /// The policy does not allow this registry, or requires more than the plugin has.
    Policy,
    /// The digest is on the deny list.
    Denied,
    /// There is no valid signature by a key of the policy.
    Signature,
    /// The bytes do not match the digest.
    Digest,
    /// The artifact does not have the form of a plugin: one component.
    Artifact,
    /// More or fewer bytes than announced, or more than allowed.
    Size,
    /// The registry redirects to a host that is not allowed.
    Redirect,
    /// The registry cannot be reached, or has timed out.
    Network,
    /// The registry has no such artifact.
    NotFound,
    /// The registry requires a missing credential, or refuses the given one.
    Unauthorized,
    /// The registry's response violates the protocol.
    Protocol,
    /// The plugin does not match the lock file.
    Locked,
    /// A local file cannot be read or written.
    File,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The kind, for programs.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message, for users.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to fix it.
    #[must_use]
    pub fn fix(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The longest foreign text that an error repeats.
const LONGEST: usize = 120;

/// A foreign text, sanitized for an error: truncated, without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// Invisible characters that change how the text around them is read.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_is_truncated_and_moves_no_cursor() {
        assert_eq!(shown("a\x1b[2J\nb\u{202e}c"), "a [2J b c");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), LONGEST + 1);
    }
}
