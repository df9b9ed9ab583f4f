//! Values of `warning.code` that this plugin adds to those of the core, in one place: a caller may branch on them, so
//! they are stable.

pub use chat_completions::warning::*;

/// The suffix is no policy, and no backend that the plugin knows.
pub const UNKNOWN_BACKEND: &str = "unknown-backend";
/// The last list has this model, but not at this backend.
pub const BACKEND_NOT_LISTED: &str = "backend-not-listed";
/// The last list says that this backend cannot serve the model now.
pub const BACKEND_IN_ERROR: &str = "backend-in-error";
/// The text was the address of a page of the Hub.
pub const HUB_URL: &str = "hub-url";
