//! What can go wrong, as one type. It is the contract's, which dialects and components have as well.

pub use provider_contract::error::*;
