//! The built component in the host, against the mock router: what a user of the two together gets.

#![allow(unreachable_pub, reason = "a test program has no outside")]

mod harness;

mod bodies;
mod cancel;
mod cases;
mod chat;
mod configurations;
mod contract;
mod corpus;
mod doctor;
mod files;
mod host_sources;
mod hostile;
mod models;
mod onboarding;
mod onboarding_by_script;
#[path = "../reader.rs"]
mod reader;
mod recorded_list;
mod scenarios;
mod swap;
mod talk;
mod terminal;
