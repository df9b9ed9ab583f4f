//! Making the contract's error record: one constructor for each origin of an error, so that no field is
//! forgotten, and the reading of what an upstream says about a failure.

mod classify;
mod hint;
mod message;

use alloc::{string::String, vec::Vec};

pub use classify::{from_event, from_response};
pub(crate) use classify::{header, text_extra};
pub(crate) use hint::{TOKEN, hint};
pub use message::{MESSAGE_LIMIT, capped};

use crate::contract::types::{Error, ErrorKind};

impl Error {
    /// An error that the plugin found before anything was sent: not retryable, no attempt made.
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

    /// An error of the answer to a request that was sent.
    #[must_use]
    pub fn after_sending(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            request_sent: true,
            attempts: 1,
            ..Self::before_sending(kind, message)
        }
    }

    /// The same error with what the person can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with references that may have been meant, best first.
    #[must_use]
    pub fn with_suggestions(mut self, suggestions: Vec<String>) -> Self {
        self.suggestions = suggestions;
        self
    }
}
