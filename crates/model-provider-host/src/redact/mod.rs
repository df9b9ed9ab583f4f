//! Redaction: finds the credential, and other secrets, in foreign text, and replaces them.
//!
//! Knows no provider and no network. `forms` (encodings of a secret), `finder` and `blocks` (the search), `body` (bytes
//! on their way to the guest), `text`, `events`, `others` and `results` (the guest's output on its way to the caller).
//!
//! Neither a guest nor a client can confirm a guess of a secret by having it echoed: what is held back, and how
//! reads and events are split, depends on public constants and the form of the text, and only a whole secret is
//! replaced.

pub(crate) mod blocks;
pub(crate) mod body;
pub(crate) mod events;
pub(crate) mod finder;
mod following;
pub(crate) mod forms;
mod others;
pub(crate) mod results;
mod strings;
pub(crate) mod text;

use body::BodyRedactor;
use events::EventRedactor;
use finder::Finder;
use forms::SHORTEST_OF_OTHERS;

pub use forms::SHORTEST as MIN_REDACTED_LEN;

use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// All secrets of one host. Cheap to clone.
///
/// ```
/// use model_provider_host::{Secret, redact::Redactor};
///
/// let credential = Secret::new("sk_0123456789abcdef");
/// let redactor = Redactor::new(credential.as_ref(), []);
/// assert!(redactor.finds(b"Bearer sk_0123456789abcdef"));
/// assert!(!redactor.own("sent sk_0123456789abcdef").contains("0123456789"));
/// ```
#[derive(Clone)]
pub struct Redactor {
    /// For text of upstreams, guests and callers. Guessable values are excluded: redaction would confirm a guess.
    said: Finder,
    /// The same in fragments that fit into the held-back text.
    in_text: Finder,
    /// For the host's own text.
    own: Finder,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// For a credential, and other secrets: the operator's headers, passwords of proxies.
    pub fn new<'a>(
        credential: Option<&'a Secret>,
        other_secrets: impl IntoIterator<Item = &'a Secret>,
    ) -> Self {
        let other_secrets: Vec<&str> = other_secrets.into_iter().map(Secret::expose).collect();
        let credential = credential.map(Secret::expose);
        let said = || {
            let long = other_secrets.iter().copied();
            credential
                .into_iter()
                .chain(long.filter(|value| value.len() >= SHORTEST_OF_OTHERS))
        };
        Self {
            said: Finder::new(said(), body::HELD),
            in_text: Finder::new(said(), text::HELD),
            own: Finder::new(
                credential.into_iter().chain(other_secrets.iter().copied()),
                body::HELD,
            ),
        }
    }

    /// Whether foreign bytes contain a secret.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.said.finds(bytes)
    }

    /// Redacts foreign text.
    pub(crate) fn said(&self, text: &str) -> String {
        let mut text = text.to_owned();
        self.said.clean(&mut text);
        text
    }

    /// Redacts the host's own text.
    #[must_use]
    pub fn own(&self, text: &str) -> String {
        let mut text = text.to_owned();
        self.own.clean(&mut text);
        text
    }

    /// A redactor for one body.
    pub(crate) fn body(&self) -> BodyRedactor {
        BodyRedactor::new(self.said.clone())
    }

    /// A redactor for the events of one response.
    pub(crate) fn events(&self) -> EventRedactor {
        EventRedactor::new(self.in_text.clone())
    }

    /// A redactor for complete results.
    pub(crate) fn results(&self) -> &Finder {
        &self.said
    }

    /// Redacts an error.
    pub(crate) fn error(&self, error: Error) -> Error {
        let finder = if error.is_host_error() {
            &self.own
        } else {
            &self.said
        };
        error.map_details(|details| results::error(finder, details))
    }

    /// Redacts a complete result of the guest.
    pub(crate) fn result<T>(&self, result: Result<T>, clean: impl FnOnce(&Finder, &mut T)) -> Result<T> {
        match result {
            Ok(mut value) => {
                clean(self.results(), &mut value);
                Ok(value)
            }
            Err(error) => Err(self.error(error)),
        }
    }
}
