//! Metrics without the feature `metrics`: nothing is counted.

use std::{sync::Arc, time::Duration};

use super::{Operation, Swap};
use crate::{contract::Summary, resource_usage::ResourceUsage};

/// Has the counters' interface, and does nothing.
#[derive(Debug)]
pub(crate) struct Metrics;

#[expect(clippy::unused_self, reason = "the methods are those of the counters")]
impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self)
    }

    pub(crate) fn guest(&self, _used: ResourceUsage) {}

    pub(crate) fn swap(&self, _swap: Swap) {}

    pub(crate) fn shared_store(&self) {}

    pub(crate) fn shared_call(&self) {}

    pub(crate) fn replay(&self) {}

    pub(crate) fn failed_replay(&self) {}

    pub(super) fn begun(&self) {}

    pub(super) fn first_event(&self, _elapsed: Duration) {}

    pub(super) fn completed(&self, _summary: &Summary, _elapsed: Duration) {}

    pub(super) fn attempts(&self, _attempts: u32) {}

    pub(super) fn ended(&self, _call: Operation, _outcome: &'static str) {}
}
