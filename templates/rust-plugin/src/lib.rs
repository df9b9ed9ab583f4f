//! A model provider for any service with OpenAI's chat completions, as a component.
//!
//! `facts.rs` has the differences between services; start there. The other files implement the contract and the API.

#![no_std]

extern crate alloc;

mod chat;
mod component;
mod contract;
mod decode;
mod error;
mod facts;
mod http;
mod models;
mod reference;
mod request;
mod runtime;
