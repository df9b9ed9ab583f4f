//! JSON parsing of request bodies: lazy, within a memory limit, with a path for every error. Knows no dialect.

pub(crate) mod allowance;
pub(crate) mod document;
pub(crate) mod escapes;
pub(crate) mod extras;
mod node;
mod path;

pub(crate) use document::Document;
pub use node::invalid;
pub(crate) use node::{Node, PARAM, TOO_DENSE, invalid_at, refused};
pub(crate) use path::indexed;

use provider_contract::Result;

/// Validates a body and reads it. After an error the result is incomplete, so the error wins.
pub(crate) fn read<T>(bytes: &[u8], read: impl FnOnce(&Node<'_>) -> Result<T>) -> Result<T> {
    let document = Document::new(bytes)?;
    let read = read(&Node::root(&document));
    match document.allowance.error() {
        Some(error) => Err(error.into()),
        None => read,
    }
}
