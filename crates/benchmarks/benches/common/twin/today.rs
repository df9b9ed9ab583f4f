//! The twin with the protocol as it is.

use huggingface_protocol as protocol;

#[path = "driver.rs"]
pub(crate) mod driver;
