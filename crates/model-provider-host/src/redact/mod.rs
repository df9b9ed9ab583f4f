//! Redaction: finds the credential, and whatever else is secret here, in what others say, and replaces it.
//!
//! Knows no provider and no network. `forms` (how a secret is spelled), `finder` (where it is), `body` (bytes on
//! their way to the guest), `text`, `events` and `results` (what the guest made of them, on its way to the caller).
//!
//! Neither a guest nor a client learns a secret by having guesses repeated: what is held back, and how reads and events
//! are cut, depends on public constants and on the form of what is repeated, and only a whole secret is replaced.

pub(crate) mod body;
pub(crate) mod events;
pub(crate) mod finder;
pub(crate) mod forms;
pub(crate) mod results;
pub(crate) mod text;

use body::BodyRedactor;
use events::EventRedactor;
use finder::Finder;
use forms::SHORTEST_OF_OTHERS;

pub use forms::SHORTEST as SHORTEST_SEARCHED_SECRET;

use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// All that is secret in one host. Cheap to clone.
#[derive(Clone)]
pub struct Redactor {
    /// In what upstreams, guests and callers say. Values that can be guessed are left out: whoever can have a guess
    /// repeated would see it replaced.
    said: Finder,
    /// The same in pieces that fit into what is held back of text.
    in_text: Finder,
    /// In what the host itself says.
    own: Finder,
}

impl Redactor {
    /// Of a credential, and of other values that are secret: headers of the operator's, passwords of proxies.
    pub fn new<'a>(credential: Option<&'a Secret>, others: impl IntoIterator<Item = &'a Secret>) -> Self {
        let others: Vec<&str> = others.into_iter().map(Secret::expose).collect();
        let credential = credential.map(Secret::expose);
        let said = || {
            let long = others.iter().copied();
            credential
                .into_iter()
                .chain(long.filter(|value| value.len() >= SHORTEST_OF_OTHERS))
        };
        Self {
            said: Finder::new(said(), body::HELD),
            in_text: Finder::new(said(), text::HELD),
            own: Finder::new(credential.into_iter().chain(others.iter().copied()), body::HELD),
        }
    }

    /// Whether what somebody else says holds a secret.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.said.finds(bytes)
    }

    /// What somebody else says, without secrets.
    pub(crate) fn said(&self, text: &str) -> String {
        let mut text = text.to_owned();
        self.said.clean(&mut text);
        text
    }

    /// What the host says, without secrets.
    pub fn own(&self, text: &str) -> String {
        let mut text = text.to_owned();
        self.own.clean(&mut text);
        text
    }

    /// For one body.
    pub(crate) fn body(&self) -> BodyRedactor {
        BodyRedactor::new(self.said.clone())
    }

    /// For the events of one response.
    pub(crate) fn events(&self) -> EventRedactor {
        EventRedactor::new(self.in_text.clone())
    }

    /// For whole results.
    pub(crate) fn results(&self) -> &Finder {
        &self.said
    }

    /// An error without secrets, in whatever it says.
    pub(crate) fn error(&self, error: Error) -> Error {
        let finder = if error.is_of_host() { &self.own } else { &self.said };
        error.map_details(|details| results::error(finder, details))
    }

    /// The same for a whole result of the guest.
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
