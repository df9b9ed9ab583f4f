//! A request's body as JSON: read value by value within a bound of memory, with a path for every error. Knows no dialect.

pub(crate) mod allowance;
pub(crate) mod document;
pub(crate) mod escapes;
pub(crate) mod extras;
mod node;

pub(crate) use document::Document;
pub use node::invalid;
pub(crate) use node::{Node, PARAM, TOO_DENSE, refused};

use provider_contract::Result;

/// Checks a whole body, and reads it. What was read of a document with a fault is not all of it, so that the fault holds.
pub(crate) fn read<T>(bytes: &[u8], read: impl FnOnce(&Node<'_>) -> Result<T>) -> Result<T> {
    let document = Document::new(bytes)?;
    let read = read(&Node::root(&document));
    match document.allowance.fault() {
        Some(fault) => Err(fault.into()),
        None => read,
    }
}
