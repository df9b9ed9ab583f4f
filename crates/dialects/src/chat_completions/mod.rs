//! The dialect of OpenAI's chat completions: parses their bodies to requests of the contract, and serializes the
//! contract's responses and errors.
//!
//! The command line uses it for request files, the server for its endpoint. Knows no files, no sockets and no
//! provider.

pub mod conversation;
mod dialect;
pub mod fields;
pub mod models;
mod origins;
pub mod reasoning;
pub mod request;
pub mod response;
#[allow(missing_docs, reason = "the dialect's own objects, member by member")]
pub mod types;

pub use crate::passthrough;
pub use dialect::ChatCompletions;
