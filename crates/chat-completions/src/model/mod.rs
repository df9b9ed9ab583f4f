//! What a model's id and its row in a list tell: names for people, prices, single values of any form.
//!
//! Knows no list as a whole, no reference and no settings.

pub mod decimal;
mod index;
pub mod lenient;
mod name;
mod templates;

pub use index::Index;
pub use name::{display_name, suggests_reasoning};
pub(crate) use templates::opens_reasoning;
