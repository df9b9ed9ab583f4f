//! What runs for each byte of an answer: lines to events, JSON to members, members to a chunk.
//!
//! It is a crate of its own so that the compiler may treat it on its own terms (`profile.release.package` in the
//! workspace's manifest): these few hundred lines see every byte, the rest sees results. It knows names and forms, and
//! not what they mean.

#![cfg_attr(target_family = "wasm", no_std)]

#[allow(unused_extern_crates, reason = "natively std brings it; on wasm nothing does")]
extern crate alloc;

pub mod base64;
pub mod chunk;
pub mod json;
pub mod list;
pub mod quote;
mod scan;
pub mod sse;
pub mod text;
mod walk;
