//! The budget of request bodies: bytes that all requests may hold together. Knows no HTTP.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// So much of each request is not counted, so that large requests leave room for ordinary ones. What all requests hold
/// uncounted is bounded by the number of connections.
pub(super) const UNCOUNTED: usize = 64 * 1024;

/// What all requests may hold together.
#[derive(Debug)]
pub(super) struct BodyBudget {
    limit: usize,
    used: AtomicUsize,
}

/// What one request holds of a budget; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<BodyBudget>,
    bytes: usize,
    counted: usize,
}

impl BodyBudget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A request that holds nothing yet.
    pub(super) fn hold(self: &Arc<Self>) -> Held {
        Held {
            budget: Arc::clone(self),
            bytes: 0,
            counted: 0,
        }
    }
}

impl Held {
    /// Takes more; false if the budget has no more.
    pub(super) fn add(&mut self, bytes: usize) -> bool {
        let total = self.bytes.saturating_add(bytes);
        let more = total.saturating_sub(UNCOUNTED) - self.counted;
        let limit = self.budget.limit;
        let taken = self.budget.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(more).filter(|used| *used <= limit)
        });
        // What is not counted is had in any case, even of a budget that is smaller than that.
        let has = more == 0 || taken.is_ok();
        if has {
            self.bytes = total;
            self.counted += more;
        }
        has
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.counted, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_requests_use_the_budget_up_and_small_ones_go_on() {
        let budget = BodyBudget::new(1000);
        let mut large = budget.hold();
        assert!(large.add(UNCOUNTED) && large.add(600));
        let mut other = budget.hold();
        assert!(other.add(UNCOUNTED) && !other.add(401) && other.add(400));
        let mut small = budget.hold();
        assert!(small.add(UNCOUNTED) && !small.add(1));
        drop(large);
        assert!(small.add(600) && !small.add(1));
        drop((other, small));
        assert_eq!(budget.used.load(Relaxed), 0);
    }
}
