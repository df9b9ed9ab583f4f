//! Model metadata from an id or a row of a list: display names, prices, single values of any form.
//!
//! Knows no list as a whole, no reference and no settings.

pub mod decimal;
mod index;
pub mod lenient;
mod merge;
mod name;
mod templates;

pub use index::Index;
pub use merge::{blank, overlay};
pub use name::{display_name, suggests_reasoning};
pub(crate) use templates::opens_reasoning;
