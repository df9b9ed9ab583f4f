//! What servers of the dialects have in common and no socket is needed for: addresses, who may ask, and what is refused.
//!
//! It knows neither a host nor an engine.

pub mod access;
pub mod addresses;
pub mod plain_path;
pub mod refusals;

/// What clients send in place of a model's name where none was given.
pub const PLACEHOLDERS: [&str; 2] = ["dummy", "default"];
