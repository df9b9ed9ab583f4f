//! What clients of a model server speak: their bodies as requests of the contract and back, responses and errors of the
//! contract as theirs. One module each; none knows another, a socket or a file.
//!
//! A server drives each of them through [`dialect::Dialect`] and needs to know none.

pub mod chat_completions;
pub mod dialect;
pub mod ending;
pub mod fault;
pub mod fields;
mod json;
mod media;
pub mod messages;
pub mod passthrough;
pub mod responses;
pub mod server;

#[cfg(test)]
mod alike_tests;
#[cfg(test)]
#[allow(unreachable_pub, reason = "the component tests use it as well")]
#[path = "../../../tests/component/responses_reader.rs"]
mod responses_reader;
