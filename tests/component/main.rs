//! The built component in the host, against the mock router: what a user of the two together gets.

mod harness;

mod chat;
mod contract;
mod models;
mod scenarios;
