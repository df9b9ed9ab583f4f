//! The dialect of OpenAI's Responses API, without a store: requests as requests of the contract, responses and their events
//! as typed items.
//!
//! It knows no other dialect, no files, no sockets and no provider.

mod conversion;
mod dialect;
mod events;
pub mod fields;
mod items;
mod output;
mod request;
mod resource;

pub use dialect::Responses;

#[cfg(test)]
mod tests;
