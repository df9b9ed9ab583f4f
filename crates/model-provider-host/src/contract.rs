//! The contract's types and calls on the host's side: those of the crate `provider-contract`.

pub use provider_contract::contract::*;
