//! The dialect of OpenAI's chat completions: their bodies as requests of the contract and back, answers and errors of the
//! contract as theirs.
//!
//! The command line reads and writes request files with it, the server speaks it. It knows no files, no sockets and no provider.

pub mod conversation;
mod dialect;
pub mod fields;
pub mod models;

pub mod reasoning;
pub mod request;
pub mod response;
#[allow(missing_docs, reason = "the dialect's own objects, member by member")]
pub mod types;

pub use crate::passthrough;
pub use dialect::ChatCompletions;
