//! What the settings say about who asks and who pays, as far as a request needs it.

use alloc::string::{String, ToString};

use crate::contract::settings::{CredentialState, Snapshot};
use crate::contract::types::{Error, ErrorKind};
use crate::{error, json};

/// The setting `bill-to`: who pays.
pub(super) fn bill_to(snapshot: &Snapshot) -> Result<Option<String>, Error> {
    let Some(extra) = snapshot.extras.iter().find(|extra| extra.key == "bill-to") else {
        return Ok(None);
    };
    if json::is_blank(&extra.value_json) {
        return Ok(None);
    }
    match json::text(&extra.value_json) {
        Some(name) if name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => {
            Ok(Some(name.trim().to_string()).filter(|name| !name.is_empty()))
        }
        _ => Err(Error::before_sending(
            ErrorKind::InvalidRequest,
            "The setting bill-to is not the name of an organisation.",
        )),
    }
}

/// Refuses to send what needs a credential that is not there.
pub(super) fn check_credential(snapshot: &Snapshot) -> Result<(), Error> {
    if snapshot.credential != CredentialState::Missing {
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
        ("There is no token.", error::TOKEN)
    };
    Err(Error::before_sending(ErrorKind::Unauthenticated, message).with_hint(hint))
}
