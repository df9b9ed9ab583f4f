//! Credential check of a request.

use crate::{
    contract::{
        settings::{CredentialState, Snapshot},
        types::{Error, ErrorKind},
    },
    upstream::Upstream,
};

/// Refuses a request that needs a credential where there is none.
pub(super) fn check(upstream: &Upstream, snapshot: &Snapshot) -> Result<(), Error> {
    if snapshot.credential != CredentialState::Missing || !upstream.needs_credential {
        return Ok(());
    }
    let is_plain = snapshot
        .base_url
        .as_ref()
        .is_some_and(|url| url.to_ascii_lowercase().starts_with("http:"));
    let (message, hint) = if is_plain {
        (
            "There is no token for this base URL: over plain http a token is sent to this machine only.",
            "Use https.",
        )
    } else {
        ("There is no token.", upstream.credential_hint)
    };
    Err(Error::before_sending(ErrorKind::Unauthenticated, message).with_hint(hint))
}
