//! Chat: a request to the router's JSON, and every answer that it can give to events.
//!
//! [`Exchange`] is the way in: one call with its retries, driven by a shell that does the I/O. [`Fold`] puts events
//! together to a whole answer.

mod answer;
mod body;
mod chunk;
mod events;
mod exchange;
mod finish;
mod fold;
mod request;
mod retry;
pub mod sse;
mod think;
mod tools;
mod usage;
mod writer;

pub use exchange::{Exchange, Failure, FailureKind, Next, RequestHead, Sink};
pub use fold::Fold;
