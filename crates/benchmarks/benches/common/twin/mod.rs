//! Native twins: the same protocol over the egress client, without sandbox, limits or redaction. The plugin's
//! overhead is the difference between the host and a twin.
//!
//! There are two. The current one has the current protocol: a faster protocol makes both faster. The frozen one has
//! the protocol of commit bc404fd, so that a ratio to it shows the gain since.

mod frozen;
mod today;

#[allow(unused_imports, reason = "not every bench compares with both")]
pub(crate) use frozen::driver::Twin as FrozenTwin;
#[allow(unused_imports, reason = "not every bench compares with both")]
pub(crate) use today::driver::Twin;
