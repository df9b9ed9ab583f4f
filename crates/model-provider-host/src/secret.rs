//! Secret text: zeroized on drop, never displayed.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

/// A secret, such as a token. `Debug` and `Display` only show that there is one.
///
/// ```
/// use model_provider_host::Secret;
///
/// let key = Secret::new(" sk_0123456789\n").expect("not blank").from_source("ACME_KEY");
/// assert_eq!(format!("{key:?} {key}"), "Secret(…) …");
/// assert_eq!(key.preview(), "sk_0…6789");
/// assert_eq!(key.expose(), "sk_0123456789");
/// ```
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    source: Option<Arc<str>>,
}

impl Secret {
    /// A secret from a user or an environment: line breaks removed, trimmed; blank is `None`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let breaks = ['\r', '\n', '\u{2028}', '\u{2029}'];
        let mut joined = Zeroizing::new(String::with_capacity(text.len()));
        joined.extend(text.chars().filter(|c| !breaks.contains(c)));
        let trimmed = joined.trim();
        (!trimmed.is_empty()).then(|| Self {
            text: Zeroizing::new(trimmed.to_owned()),
            source: None,
        })
    }

    /// Adds its source, for a user who has to look there.
    #[must_use]
    pub fn from_source(mut self, source: &str) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Its source, if known.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The text itself. Only the egress client needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// A few characters at both ends, for a user to recognise it: `sk_1…abcd`.
    #[must_use]
    pub fn preview(&self) -> String {
        let chars: Vec<char> = self.text.chars().collect();
        let edge = if chars.len() > 8 {
            4
        } else {
            chars.len().min(4) / 2
        };
        let head: String = chars.iter().take(edge.max(1)).collect();
        let tail: String = chars
            .iter()
            .rev()
            .take(edge)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        format!("{head}…{tail}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_trimmed_and_blank_is_none() {
        assert_eq!(Secret::new(" sk_\r\nabc ").unwrap().expose(), "sk_abc");
        assert_eq!(Secret::new("a b").unwrap().expose(), "a b");
        assert!(Secret::new("\r\n ").is_none());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("very-secret-token").unwrap();
        assert_eq!(format!("{secret} {secret:?}"), "… Secret(…)");
        assert_eq!(secret.preview(), "very…oken");
        assert_eq!(Secret::new("abcd").unwrap().preview(), "ab…cd");
        assert_eq!(Secret::new("abc").unwrap().preview(), "a…c");
    }
}
