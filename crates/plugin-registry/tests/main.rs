//! Pulls, and what is refused before anything could be compiled.

mod fake;
mod network;
mod published;
mod pull;
mod signatures;
mod tags;
