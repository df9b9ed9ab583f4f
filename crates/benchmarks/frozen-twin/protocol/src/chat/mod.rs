//! Chat: a request to the router's JSON, and every answer that it can give to events.
//!
//! [`Exchange`] is the way in: one call with its retries, driven by a shell that does the I/O. [`Fold`] puts
//! events together to a whole answer.

#![allow(
    clippy::result_large_err,
    reason = "the contract's error is a record; it is made once a call"
)]

mod access;
mod answer;
mod body;
mod driver;
mod events;
mod exchange;
mod faults;
mod finish;
mod fold;
mod request;
mod retry;
mod think;
mod tools;
mod usage;
mod writer;

pub use driver::{Failure, FailureKind, Next, RequestHead, Sink};
pub use exchange::Exchange;
pub use fold::Fold;
