//! The built component in the host, against the mock router: what a user of the two together gets.

#![allow(unreachable_pub, reason = "a test program has no outside")]

mod harness;

mod bodies;
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
