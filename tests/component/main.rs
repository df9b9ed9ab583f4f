//! The built component in the host, against the mock router: what a user of the two together gets.

mod harness;

mod cancel;
mod chat;
mod contract;
mod corpus;
mod files;
mod models;
#[path = "../reader.rs"]
mod reader;
mod scenarios;
mod swap;
