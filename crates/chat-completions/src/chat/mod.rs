//! Chat: a request to the upstream's JSON, and each possible response to chat events.
//!
//! [`Exchange`] is the entry point: one call with its retries, driven by a shell that does the I/O. [`Collector`] combines
//! events into a whole response.

#![allow(
    clippy::result_large_err,
    reason = "the contract's error is a record; it is made once a call"
)]

mod body;
mod collect;
mod conversation;
mod credential;
mod driver;
mod events;
mod exchange;
mod features;
mod finish;
mod head;
mod image;
mod left_out;
mod members;
mod messages;
mod normalize;
mod notices;
mod response;
mod retry;
mod rules;
#[cfg(test)]
mod tests;
mod think_tags;
mod tools;
mod transport_error;
mod usage;
mod validate;
mod writer;

pub use collect::Collector;
pub use driver::{Failure, FailureKind, Next, RequestHead, Sink};
pub use exchange::Exchange;
