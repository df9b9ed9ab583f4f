//! Pulls, and what is refused before anything could be compiled.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test program fails by a panic"
)]

mod fake;
mod network;
mod published;
mod pull;
mod signatures;
mod tags;
