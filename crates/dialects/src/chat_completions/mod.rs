//! The dialect of OpenAI's chat completions: their bodies as requests of the contract and back, answers and errors of the
//! contract as theirs.
//!
//! The command line reads and writes request files with it, the server speaks it. It knows no files, no sockets and no provider.

pub(crate) mod passthrough;
pub(crate) mod response;
pub(crate) mod conversation;
pub(crate) mod error;
pub(crate) mod models;
pub(crate) mod reasoning;
pub(crate) mod request;
mod types;
