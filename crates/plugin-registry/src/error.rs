//! What can go wrong between a registry and a loaded plugin, as one type.
//!
//! Holds no credential: texts of a registry are shortened and stripped of control characters before they get in.

use std::fmt;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One failure: what was expected, what was found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
}

/// What went wrong, as far as a caller has to tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The reference is not of the form `oci://HOST/REPOSITORY:TAG`.
    Reference,
    /// The policy does not allow this registry, or wants more than there is.
    Policy,
    /// The digest is on the deny list.
    Denied,
    /// There is no valid signature by a key of the policy.
    Signature,
    /// The bytes are not those of the digest.
    Digest,
    /// The artifact is not one component in the form that plugins have.
    Artifact,
    /// More or fewer bytes than announced, or more than allowed.
    Size,
    /// The registry sends elsewhere, to where nothing allows.
    Redirect,
    /// The registry cannot be reached, or does not respond in time.
    Network,
    /// The registry has no such artifact.
    NotFound,
    /// The registry wants a credential that there is not, or refuses the one that there is.
    Unauthorized,
    /// The registry responds with something else than the protocol says.
    Protocol,
    /// The plugin is not what the lock file says.
    Locked,
    /// A file here cannot be read or written.
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

    /// What went wrong, for a program.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What went wrong, for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
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

/// The longest text of others that an error repeats.
const LONGEST: usize = 120;

/// A text that others wrote, fit for an error: short, and without control characters.
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

/// Characters that change how the text around them is read, and are not seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_is_short_and_moves_no_cursor() {
        assert_eq!(shown("a\x1b[2J\nb\u{202e}c"), "a [2J b c");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), LONGEST + 1);
    }
}
