//! The setting `bill-to`: which organisation pays, as a header of each chat request.

#![allow(
    clippy::result_large_err,
    reason = "the contract's error is a record; it is made once a call"
)]

use alloc::borrow::ToOwned;

use chat_completions::{Header, json};

use crate::contract::{
    settings::Snapshot,
    types::{Error, ErrorKind},
};

/// The header, if the setting names somebody.
pub(crate) fn header(snapshot: &Snapshot) -> Result<Option<Header>, Error> {
    let Some(extra) = snapshot.extras.iter().find(|extra| extra.key == "bill-to") else {
        return Ok(None);
    };
    if json::is_blank(&extra.value_json) {
        return Ok(None);
    }
    match json::text(&extra.value_json) {
        Some(name) if name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => {
            let name = name.trim();
            Ok((!name.is_empty()).then(|| ("x-hf-bill-to", name.to_owned())))
        }
        _ => Err(Error::before_sending(
            ErrorKind::InvalidRequest,
            "The setting bill-to is not the name of an organisation.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        contract::types::Extra,
        settings::{PlainSettings, Settings as _},
    };

    fn of(value: &str) -> Result<Option<Header>, Error> {
        let mut snapshot = PlainSettings::default().get();
        snapshot.extras = vec![Extra {
            key: "bill-to".into(),
            value_json: value.into(),
        }];
        header(&snapshot)
    }

    #[test]
    fn the_organisation_that_pays_goes_into_a_header() {
        assert_eq!(
            of("\" my-org \"").unwrap(),
            Some(("x-hf-bill-to", "my-org".to_owned()))
        );
        for value in ["null", "\"\"", "\" \""] {
            assert_eq!(of(value).unwrap(), None, "{value}");
        }
        for value in ["7", "\"a\\r\\nx: y\"", "\"é\""] {
            assert!(of(value).unwrap_err().message.contains("bill-to"), "{value}");
        }
    }
}
