//! The words that this plugin puts into `warning.code`, in one place: a caller may branch on them, so they
//! stay.

use alloc::string::{String, ToString};

use crate::contract::types::Warning;

/// The catalog does not come from the router, and why.
pub const CATALOG_NOT_LIVE: &str = "catalog-not-live";
/// Rows of the router's list that name no model were left out.
pub const ROWS_SKIPPED: &str = "rows-skipped";
/// The router's list, or a model's list of backends, is longer than the plugin reads.
pub const LIST_CUT: &str = "list-cut";
/// Models of the settings that have no id were left out.
pub const CONFIGURED_SKIPPED: &str = "configured-skipped";
/// The suffix is no policy, and no backend that the plugin knows.
pub const UNKNOWN_BACKEND: &str = "unknown-backend";
/// The last list has this model, but not at this backend.
pub const BACKEND_NOT_LISTED: &str = "backend-not-listed";
/// The last list says that this backend cannot serve the model now.
pub const BACKEND_IN_ERROR: &str = "backend-in-error";
/// Nobody knows the model, but one that is written much like it.
pub const DID_YOU_MEAN: &str = "did-you-mean";
/// The text was the address of a page of the Hub.
pub const HUB_URL: &str = "hub-url";

/// The most of a foreign text that a message repeats, in characters.
const QUOTED_CHARS: usize = 80;

/// Puts a code and its message together.
pub(crate) fn warning(code: &str, message: impl Into<String>) -> Warning {
    Warning {
        code: code.to_string(),
        message: message.into(),
    }
}

/// A foreign text as a message may repeat it: in quotes, on one line, cut where it is long.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut rest = text.chars();
    quoted.extend(
        rest.by_ref()
            .take(QUOTED_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c }),
    );
    if rest.next().is_some() {
        quoted.push('…');
    }
    quoted.push('"');
    quoted
}
