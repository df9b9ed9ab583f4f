//! What servers of the dialects share without a socket: addresses, access, refusals.
//!
//! It knows neither a host nor an engine.

pub mod access;
pub mod addresses;
pub mod plain_path;
pub mod refusals;

/// Model names that clients send if none was configured.
const PLACEHOLDERS: [&str; 2] = ["dummy", "default"];

/// The placeholder that a trimmed model name is, in any letter case.
#[must_use]
pub fn placeholder(name: &str) -> Option<&'static str> {
    PLACEHOLDERS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}
