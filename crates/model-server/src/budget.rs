//! The budget of request bodies: bytes that all requests may hold together. Knows no HTTP.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The uncounted first bytes of each request, so that large requests leave room for ordinary ones. The number of
/// connections bounds the sum of uncounted bytes.
pub(super) const UNCOUNTED: usize = 64 * 1024;

/// The budget of all requests.
#[derive(Debug)]
pub(super) struct BodyBudget {
    limit: usize,
    used: AtomicUsize,
}

/// One request's share of a budget; returned on drop.
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

    /// A share of a new request, empty.
    pub(super) fn hold(self: &Arc<Self>) -> Held {
        Held {
            budget: Arc::clone(self),
            bytes: 0,
            counted: 0,
        }
    }
}

impl Held {
    /// Takes more bytes; false if the budget is exhausted.
    pub(super) fn add(&mut self, bytes: usize) -> bool {
        let total = self.bytes.saturating_add(bytes);
        let more = total.saturating_sub(UNCOUNTED) - self.counted;
        let limit = self.budget.limit;
        let taken = self.budget.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(more).filter(|used| *used <= limit)
        });
        // The uncounted bytes are always available, even if the budget is smaller.
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
