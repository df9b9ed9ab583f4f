//! The built component in the host, against the mock router: what a user of the two together gets.

#![allow(unreachable_pub, reason = "a test program has no outside")]

mod harness;

mod any_provider;
mod bad_swaps;
mod bodies;
mod cancel;
mod cases;
mod chat;
mod configurations;
mod contract;
mod corpus;
mod files;
mod grants;
mod growth;
mod guest_memory;
mod guests;
mod host_sources;
mod hostile;
mod limits;
mod models;
#[path = "../reader.rs"]
mod reader;
mod recorded_list;
mod scenarios;
mod secrets;
mod swap;
mod swaps_under_load;
