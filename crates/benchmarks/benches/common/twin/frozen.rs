//! The twin with the protocol as it was at commit bc404fd.

use frozen_protocol as protocol;

#[allow(clippy::duplicate_mod, reason = "the same calls with another protocol")]
#[path = "driver.rs"]
pub(crate) mod driver;
