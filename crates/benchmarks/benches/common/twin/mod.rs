//! The native twins: the same protocol, driven by the edge's own HTTP client, without sandbox, limits or redaction. What
//! the plugin costs is what the host takes more than a twin.
//!
//! There are two. Today's has the protocol as it is: what gets faster there gets faster in both. The frozen one has it as
//! it was at commit bc404fd, so that a ratio to it says what was gained since.

mod frozen;
mod today;

#[allow(unused_imports, reason = "not every bench compares with both")]
pub(crate) use frozen::driver::Twin as FrozenTwin;
#[allow(unused_imports, reason = "not every bench compares with both")]
pub(crate) use today::driver::Twin;
