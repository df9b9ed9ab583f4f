//! Fair scheduling of guest code that computes for long. Knows guests only by their used time.
//!
//! Guest code runs on the threads of the embedder's runtime, next to the embedder's own tasks. As long as every
//! guest yields soon, the only cost is reading one flag. Once a guest has used up a whole slice, the sandbox is
//! *contended* for a while. Then one thread of the runtime is reserved for other tasks, slices are short, and of
//! the ready guests the one with the least recent use runs first.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use super::usage::Usage;

/// How often running guest code is interrupted, usually and while the sandbox is contended.
pub(super) const TICK: Duration = Duration::from_millis(10);
pub(super) const SHORT_TICK: Duration = Duration::from_millis(2);
/// The minimum slice: a guest that has run for less than this at a tick continues.
const SLICE: Duration = Duration::from_millis(5);
const SHORT_SLICE: Duration = Duration::from_millis(1);
/// How long the sandbox is contended after the last used-up slice.
const CALM: Duration = Duration::from_millis(500);
/// A guest that was woken and was not polled for this long is skipped until it is.
const STALE: Duration = Duration::from_millis(5);

/// The queue of one sandbox. Cheap to clone; clones are the same queue.
#[derive(Clone, Default)]
pub(super) struct FairQueue(Arc<Queue>);

#[derive(Default)]
struct Queue {
    is_contended: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When a slice was last used up.
    last_slice: Option<Instant>,
    running: usize,
    /// How many guests may run at once.
    slots: usize,
    waiting: Vec<Waiter>,
    next_id: u64,
}

struct Waiter {
    id: u64,
    used: Duration,
    waker: Waker,
    /// When it was woken to run.
    woken: Option<Instant>,
}

/// One guest's share of the scheduling.
#[derive(Clone)]
pub(crate) struct FairShare {
    queue: FairQueue,
    usage: Arc<Usage>,
}

impl FairQueue {
    pub(super) fn share(&self) -> FairShare {
        FairShare {
            queue: self.clone(),
            usage: Arc::new(Usage::new()),
        }
    }

    pub(super) fn is_contended(&self) -> bool {
        self.0.is_contended.load(Relaxed)
    }

    /// Called at each tick: ends the contention when it is over, and wakes the next guest if the woken one was not
    /// polled.
    pub(super) fn turn(&self) {
        if !self.is_contended() {
            return;
        }
        let mut state = self.state();
        if state.last_slice.is_none_or(|at| at.elapsed() > CALM) {
            self.0.is_contended.store(false, Relaxed);
            state.waiting.iter().for_each(|waiter| waiter.waker.wake_by_ref());
        } else {
            state.wake_next();
        }
    }

    fn contend(&self) {
        self.state().last_slice = Some(Instant::now());
        self.0.is_contended.store(true, Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn place_of(&self, id: u64) -> Option<usize> {
        self.waiting.iter().position(|waiter| waiter.id == id)
    }

    /// Adds a waiting guest with this use, and returns its id.
    fn join(&mut self, used: Duration, waker: &Waker) -> usize {
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push(Waiter {
            id,
            used,
            waker: waker.clone(),
            woken: None,
        });
        self.waiting.len() - 1
    }

    /// Whether a guest with this use is among the first for whom there is a free slot.
    fn is_next(&self, id: u64, used: Duration) -> bool {
        let free = self.slots.saturating_sub(self.running);
        let before =
            |other: &&Waiter| other.id != id && (other.used, other.id) < (used, id) && !other.is_stale();
        self.waiting.iter().filter(before).take(free).count() < free
    }

    /// Wakes the next guests, as many as there are free slots.
    fn wake_next(&mut self) {
        let live = self
            .waiting
            .iter()
            .filter(|waiter| waiter.woken.is_some() && !waiter.is_stale());
        let told = live.count();
        for _ in (self.running + told)..self.slots {
            let asleep = self.waiting.iter_mut().filter(|waiter| waiter.woken.is_none());
            let Some(next) = asleep.min_by_key(|waiter| (waiter.used, waiter.id)) else {
                return;
            };
            next.woken = Some(Instant::now());
            next.waker.wake_by_ref();
        }
    }
}

impl Waiter {
    fn is_stale(&self) -> bool {
        self.woken.is_some_and(|at| at.elapsed() > STALE)
    }
}

impl FairShare {
    /// The guest time so far.
    pub(super) fn spent(&self) -> Duration {
        self.usage.so_far()
    }

    /// Whether the running guest has to yield.
    pub(super) fn has_had_its_slice(&self) -> bool {
        let slice = if self.queue.is_contended() {
            SHORT_SLICE
        } else {
            SLICE
        };
        let has = self.usage.running() >= slice;
        if has {
            self.queue.contend();
        }
        has
    }

    /// Runs a call of the guest without waiting for a turn; the time of its polls is guest time.
    pub(super) async fn run_at_once<F: Future + Unpin>(&self, mut call: F) -> F::Output {
        std::future::poll_fn(|context| {
            let _stopwatch = self.usage.start();
            Pin::new(&mut call).poll(context)
        })
        .await
    }

    /// Runs a call of the guest; each poll is a turn, and its time is guest time.
    pub(crate) async fn run<F: Future>(&self, call: F) -> F::Output {
        let mut call = pin!(call);
        let mut turn = Turn {
            share: self,
            place: None,
        };
        std::future::poll_fn(|context| {
            let running = if self.queue.is_contended() {
                let Poll::Ready(running) = turn.poll(context) else {
                    return Poll::Pending;
                };
                Some(running)
            } else {
                turn.leave();
                None
            };
            let stopwatch = self.usage.start();
            let polled = call.as_mut().poll(context);
            // In this order: the next guest is woken by what this one has used.
            drop(stopwatch);
            drop(running);
            polled
        })
        .await
    }
}

/// A call that waits for its turns.
struct Turn<'s> {
    share: &'s FairShare,
    /// Its id in the queue.
    place: Option<u64>,
}

/// The right to run guest code for one poll.
struct Running<'s>(&'s FairQueue);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        state.wake_next();
    }
}

impl<'s> Turn<'s> {
    fn poll(&mut self, context: &Context<'_>) -> Poll<Running<'s>> {
        let queue = &self.share.queue;
        let mut state = queue.state();
        state.slots = slots();
        let known = self.place.and_then(|id| state.place_of(id));
        let at = known.unwrap_or_else(|| {
            let used = self.share.usage.recently();
            state.join(used, context.waker())
        });
        let (id, used) = (state.waiting[at].id, state.waiting[at].used);
        self.place = Some(id);
        if state.is_next(id, used) {
            state.waiting.swap_remove(at);
            state.running += 1;
            self.place = None;
            return Poll::Ready(Running(queue));
        }
        let waiter = &mut state.waiting[at];
        waiter.woken = None;
        waiter.waker.clone_from(context.waker());
        Poll::Pending
    }

    /// Leaves the queue; if it was woken, the next one is woken instead.
    fn leave(&mut self) {
        if let Some(id) = self.place.take() {
            let mut state = self.share.queue.state();
            state.waiting.retain(|waiter| waiter.id != id);
            state.wake_next();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How many guests may run at once: all threads of the runtime but one, if it has more than one.
fn slots() -> usize {
    let threads = tokio::runtime::Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers());
    threads.saturating_sub(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn waiting(used: impl IntoIterator<Item = u64>) -> State {
        let mut state = State {
            slots: 1,
            ..State::default()
        };
        for used in used {
            state.join(Duration::from_millis(used), Waker::noop());
        }
        state
    }

    #[test]
    fn of_those_that_wait_the_one_that_used_least_is_next() {
        let mut state = waiting([30, 2, 9]);
        let is_next: Vec<bool> = state
            .waiting
            .iter()
            .map(|waiter| state.is_next(waiter.id, waiter.used))
            .collect();
        assert_eq!(is_next, [false, true, false]);
        state.slots = 2;
        state.wake_next();
        let woken: Vec<bool> = state
            .waiting
            .iter()
            .map(|waiter| waiter.woken.is_some())
            .collect();
        assert_eq!(woken, [false, true, true]);
        state.running = 2;
        assert!(!state.is_next(1, 2 * MS), "there is no room");
    }

    #[test]
    fn a_woken_guest_that_is_not_polled_does_not_block_the_queue() {
        let mut state = waiting([2, 9]);
        state.wake_next();
        state.wake_next();
        assert!(state.waiting[1].woken.is_none(), "there is room for one");
        assert!(!state.is_next(1, 9 * MS));
        state.waiting[0].woken = Instant::now().checked_sub(2 * STALE);
        state.wake_next();
        assert!(state.waiting[1].woken.is_some() && state.is_next(1, 9 * MS));
    }

    #[tokio::test]
    async fn the_time_of_polls_counts_and_the_time_between_them_does_not() {
        let share = FairQueue::default().share();
        let mut between = None;
        let call = std::future::poll_fn(|context| {
            std::thread::sleep(2 * MS);
            assert!(share.spent() >= 2 * MS, "the limit is checked while it runs");
            if between.is_some() {
                return Poll::Ready(());
            }
            let (waker, share) = (context.waker().clone(), share.clone());
            between = Some(tokio::spawn(async move {
                let before = share.spent();
                std::thread::sleep(2 * MS);
                waker.wake();
                share.spent() - before
            }));
            Poll::Pending
        });
        share.run(call).await;
        assert_eq!(between.expect("a wait").await.unwrap(), Duration::ZERO);
        assert!(share.spent() >= 4 * MS);
        assert_eq!(share.usage.running(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_call_without_a_turn_runs_while_others_wait_and_its_time_counts_as_well() {
        let queue = FairQueue::default();
        queue.contend();
        queue.state().running = 1;
        let share = queue.share();
        let waits = tokio::time::timeout(MS, share.run(async {})).await;
        assert!(waits.is_err(), "there is no room for a turn");
        let destructor = pin!(async { std::thread::sleep(2 * MS) });
        share.run_at_once(destructor).await;
        assert!(share.spent() >= 2 * MS);
        assert_eq!(share.usage.running(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_leaves_no_place_behind() {
        let queue = FairQueue::default();
        queue.contend();
        queue.state().running = 1;
        let share = queue.share();
        let waits = tokio::time::timeout(20 * MS, share.run(async {})).await;
        assert!(waits.is_err() && queue.state().waiting.is_empty());
        queue.state().running = 0;
        share.run(async {}).await;
        assert_eq!(queue.state().running, 0);
    }

    #[tokio::test]
    async fn when_the_contention_ends_all_waiting_guests_run() {
        let queue = FairQueue::default();
        queue.contend();
        queue.state().running = 1;
        let share = queue.share();
        let mut call = pin!(share.run(async { 7 }));
        assert!(tokio::time::timeout(MS, &mut call).await.is_err());
        queue.state().last_slice = Instant::now().checked_sub(2 * CALM);
        queue.turn();
        assert!(!queue.is_contended());
        assert_eq!(call.await, 7);
    }
}
