//! Hot path of a response: bytes to lines, lines to events, JSON to members, members to a chunk.
//!
//! It is a crate of its own so that the workspace can set its optimisation level (`profile.release.package`): these
//! few hundred lines run for every byte, the rest only for results. It must not know what names and values mean.

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
