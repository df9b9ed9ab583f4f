//! The wire dialects of a model server: parses the bodies of clients to requests of the contract, and serializes
//! the contract's responses and errors. One module each; none knows another, a socket or a file.
//!
//! A server uses them through [`dialect::Dialect`] and need not know any of them.

pub mod api_error;
mod call_ids;
pub mod chat_completions;
pub mod dialect;
pub mod ending;
pub mod fields;
mod json;
mod media;
pub mod messages;
pub mod passthrough;
pub mod responses;
pub mod server;

#[cfg(test)]
mod alike_messages_tests;
#[cfg(test)]
mod alike_tests;
#[cfg(test)]
#[allow(unreachable_pub, reason = "the component tests use it as well")]
#[path = "../../../tests/component/responses_reader.rs"]
mod responses_reader;
