//! The dialect of OpenAI's Responses API, without storage: parses requests to requests of the contract, and
//! serializes responses and their events as typed items.
//!
//! Knows no other dialect, no files, no sockets and no provider.

mod conversion;
mod dialect;
mod events;
pub mod fields;
mod items;
mod origins;
mod output;
mod request;
mod resource;

pub use dialect::Responses;

#[cfg(test)]
mod tests;
