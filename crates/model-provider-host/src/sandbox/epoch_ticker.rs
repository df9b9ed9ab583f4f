//! The epoch ticker: a thread that increments an engine's epoch while there are stores, so that running guest code
//! is interrupted regularly. It sleeps while there are none.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::Duration,
};

/// How many ticks without a store it lingers before it sleeps. Waking it for each of several requests in a row
/// would cost more.
const LINGER: u32 = 100;

/// The ticker, shared by its users; its thread ends with the last one.
#[derive(Clone)]
pub(super) struct EpochTicker(Arc<Handle>);

/// One store for which it ticks.
pub(super) struct TickGuard(EpochTicker);

struct Handle {
    state: Arc<TickerState>,
    thread: Thread,
}

#[derive(Default)]
struct TickerState {
    stores: AtomicUsize,
    sleeps: AtomicBool,
    is_over: AtomicBool,
}

impl EpochTicker {
    /// Starts it. `tick` returns the time until the next tick.
    pub(super) fn start(tick: impl FnMut() -> Duration + Send + 'static) -> io::Result<Self> {
        let state = Arc::<TickerState>::default();
        let run = {
            let state = Arc::clone(&state);
            move || state.run(tick)
        };
        let running = thread::Builder::new()
            .name("epoch-ticker".to_owned())
            .spawn(run)?;
        let thread = running.thread().clone();
        Ok(Self(Arc::new(Handle { state, thread })))
    }

    /// Ticks until the returned guard is dropped.
    pub(super) fn tick(&self) -> TickGuard {
        let Handle { state, thread } = &*self.0;
        state.stores.fetch_add(1, SeqCst);
        // The count is written before this flag is read, and the thread does the reverse: one of the two sees the
        // other.
        if state.sleeps.load(SeqCst) {
            thread.unpark();
        }
        TickGuard(self.clone())
    }
}

impl Drop for TickGuard {
    fn drop(&mut self) {
        self.0.0.state.stores.fetch_sub(1, SeqCst);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.state.is_over.store(true, SeqCst);
        self.thread.unpark();
    }
}

impl TickerState {
    fn run(&self, mut tick: impl FnMut() -> Duration) {
        let mut idle = 0;
        let mut pause = tick();
        while !self.is_over.load(SeqCst) {
            if idle >= LINGER {
                self.sleeps.store(true, SeqCst);
                if self.stores.load(SeqCst) == 0 {
                    thread::park();
                }
                self.sleeps.store(false, SeqCst);
                idle = 0;
                continue;
            }
            thread::sleep(pause);
            pause = tick();
            idle = match self.stores.load(SeqCst) {
                0 => idle + 1,
                _ => 0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    /// A hundred times what it takes.
    const LIMIT: Duration = Duration::from_secs(100);

    fn until(is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < LIMIT, "it never came to that");
            thread::sleep(TICK);
        }
    }

    #[test]
    fn it_ticks_while_there_is_a_store_and_sleeps_when_there_has_been_none_for_a_while() {
        let ticks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ticks);
        let ticker = EpochTicker::start(move || {
            counted.fetch_add(1, SeqCst);
            TICK
        })
        .unwrap();
        for _ in 0..2 {
            let before = ticks.load(SeqCst);
            let store = ticker.tick();
            until(|| ticks.load(SeqCst) > before + 2 * LINGER as usize);
            drop(store);
            until(|| ticker.0.state.sleeps.load(SeqCst));
            let asleep = ticks.load(SeqCst);
            thread::sleep(10 * TICK);
            assert_eq!(ticks.load(SeqCst), asleep);
        }
        // With the last user its thread ends, and drops what it holds.
        drop(ticker);
        until(|| Arc::strong_count(&ticks) == 1);
    }
}
