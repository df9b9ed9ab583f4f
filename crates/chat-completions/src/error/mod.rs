//! Constructors of the contract's error record, one for each origin of an error, so that no field is forgotten; and
//! the parsing of upstream errors.

mod classify;
mod hint;
mod message;
mod wait;
mod words;

use alloc::{string::String, vec::Vec};

pub use classify::{from_event, from_response, unrequested_encoding};
pub(crate) use classify::{header, refuses_reasoning, says_error, text_extra};
pub use hint::Cause;
pub(crate) use message::readable;
pub use message::{MESSAGE_LIMIT, capped};
pub(crate) use wait::{exact, thousandths};

use crate::contract::types::{Error, ErrorKind};

impl Error {
    /// An error found before anything was sent: not retryable, no attempt made.
    #[must_use]
    pub fn before_sending(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: capped(message.into()),
            hint: None,
            retryable: false,
            retry_after_ms: None,
            request_sent: false,
            attempts: 0,
            status: None,
            code: None,
            backend: None,
            request_id: None,
            suggestions: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// An error in the response to a request that was sent.
    #[must_use]
    pub fn after_sending(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            request_sent: true,
            attempts: 1,
            ..Self::before_sending(kind, message)
        }
    }

    /// Adds a hint: what the person can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds references that may have been meant, best first.
    #[must_use]
    pub fn with_suggestions(mut self, suggestions: Vec<String>) -> Self {
        self.suggestions = suggestions;
        self
    }
}
