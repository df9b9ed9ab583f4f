//! Stores that calls of one principal share, and what becomes of the others when one of them traps.
//!
//! A guest that never waits is called for moments only, so several responses can be in one instance. Each call keeps
//! its own state outside of the store (handles, egress, limits, stop reasons) and brings it along for its turn. What
//! its guest reads in a call is logged. If another call traps, the store is gone; then a fresh instance reads the
//! same, and has to come to the same events, and the call continues there, alone. Nothing is sent again.
//!
//! Read in this order: `terms`, `slot` (a store and its turns), `stores` (which calls share one), `call`, then `log`,
//! `linker`, `body` (what is logged and replayed), `folded` and `replay` (what is compared). Nothing here runs unless
//! [`SandboxOptions`](super::SandboxOptions) allow it, and a request names its principal.

mod body;
pub(crate) mod call;
pub(super) mod closing;
mod folded;
pub(super) mod linker;
pub(super) mod log;
mod replay;
mod slot;
pub(crate) mod stores;
pub(super) mod terms;
