//! The contract of model providers as Rust types, and what is said of a call beside them: errors, who responded, who failed
//! before. Hosts, dialects and components share it.
//!
//! It knows no engine without the feature `host`, no socket and no file, and compiles for wasm.

pub mod contract;
pub mod error;
mod responder;

pub use error::{Error, ErrorKind, Result};
pub use responder::{Attempt, GenerationInfo};
