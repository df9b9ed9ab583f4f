//! Upstream: the names, headers and hints of one provider. A provider's crate fills it in.

use alloc::{string::String, vec::Vec};

use crate::{
    contract::{
        settings::Snapshot,
        types::{Error, ModelRef},
    },
    error::Cause,
};

/// A header's name in lower case, and its value.
pub type Header = (&'static str, String);

/// A provider's names, headers and hints.
#[derive(Debug)]
pub struct Upstream {
    /// The provider's id: the prefix of its references.
    pub id: &'static str,
    /// The default base URL.
    pub base_url: &'static str,
    /// The user agent of every request.
    pub user_agent: &'static str,
    /// The response header that names the backend, in lower case, where the upstream is a router.
    pub backend_header: Option<&'static str>,
    /// The backends that refuse the reasoning of earlier turns. Any other that does so costs an attempt.
    pub refuse_reasoning: &'static [&'static str],
    /// Whether a request needs a credential, unless the host says that none is needed. A server with an optional key
    /// decides itself.
    pub needs_credential: bool,
    /// The hint where a credential is missing.
    pub credential_hint: &'static str,
    /// A provider-specific header of chat requests, from the settings.
    pub header: fn(&Snapshot) -> Result<Option<Header>, Error>,
    /// The provider's hint for an error: by its cause, and its message in lower case. `None` leaves the general hint,
    /// if there is one.
    pub hint: fn(Cause, &str) -> Option<&'static str>,
}

impl Upstream {
    /// Adds the provider's hint, else the general one, to an error without a hint.
    #[inline(never)]
    pub fn advise(&self, error: &mut Error) {
        if error.hint.is_some() {
            return;
        }
        let text = error.message.to_ascii_lowercase();
        if let Some(cause) = Cause::of(error, &text) {
            let hint = (self.hint)(cause, &text).or(cause.hint());
            error.hint = hint.map(String::from);
        }
    }
}

/// A model reference and its metadata.
#[derive(Debug)]
pub struct Resolved {
    /// The model.
    pub model: ModelRef,
    /// Other references that may have been meant, best first.
    pub instead: Vec<String>,
}

impl From<ModelRef> for Resolved {
    fn from(model: ModelRef) -> Self {
        Self {
            model,
            instead: Vec::new(),
        }
    }
}
