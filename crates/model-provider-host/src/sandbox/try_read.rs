//! `try-read` of one completion: the host waits until something arrives or the guest wants to be called, and calls. Knows
//! nothing of what the guest makes of it.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep};
use wasmtime::{
    Store,
    component::{ComponentType, Lift, ResourceAny, TypedFunc},
};

use super::{
    State,
    arrivals::Look,
    turn::{Fallible, in_turn},
};
use crate::{bounds::Bounded as _, contract::Progress};

/// What `try-read` gives; see the contract.
#[derive(Debug, ComponentType, Lift)]
#[component(record)]
pub(super) struct Step {
    #[component(name = "progress")]
    progress: Progress,
    #[component(name = "wake-after-ms")]
    wake_after_ms: Option<u32>,
}

/// The export.
pub(super) type TryRead = TypedFunc<(ResourceAny, u32, u64), (Fallible<Step>,)>;

/// When to call for the first time, if nothing arrives before: from then on the guest has said how long it waits.
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// So many calls one after the other may be for nothing, without a wait between them. Who wants more waits in between.
const MOST_FOR_NOTHING: u32 = 256;
const PAUSE: Duration = Duration::from_millis(1);
/// How long the end of a body is waited for behind the end of its response.
const LAST_WAIT: Duration = Duration::from_millis(5);
/// So many bytes are taken for that.
const MOST_BEHIND: usize = 64 * 1024;

/// A completion that is read by `try-read`.
pub(crate) struct TryReader {
    try_read: TryRead,
    /// When the guest wants to be called, counted from the last call.
    wake_after: Option<Duration>,
    /// What was waited and the guest was not told yet.
    waited: Duration,
    /// Calls one after the other without a wait and without an event.
    for_nothing: u32,
    timer: Timer,
}

impl TryReader {
    pub(super) fn new(try_read: TryRead) -> Self {
        Self {
            try_read,
            wake_after: Some(FIRST_LOOK),
            waited: Duration::ZERO,
            for_nothing: 0,
            timer: Timer::default(),
        }
    }

    /// Waits and calls until there are events, the end or an error. Giving up waiting loses the time waited, no more.
    pub(crate) async fn read(
        &mut self,
        store: &mut Store<State>,
        completion: ResourceAny,
        max_events: u32,
    ) -> wasmtime::Result<Fallible<Progress>> {
        loop {
            self.wait(store).await?;
            let whole_ms = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
            // The rest counts for the next call.
            self.waited -= Duration::from_millis(whole_ms);
            let share = store.data().fair();
            let call = self
                .try_read
                .call_async(&mut *store, (completion, max_events, whole_ms));
            let step = match in_turn(share, call).await?.0 {
                Ok(step) => step,
                Err(error) => return Ok(Err(error.bounded())),
            };
            self.wake_after = step.wake_after_ms.map(|ms| Duration::from_millis(ms.into()));
            let progress = step.progress.bounded();
            if progress.finished.is_some() {
                read_on(store).await;
            }
            if progress.finished.is_some() || !progress.events.is_empty() {
                self.for_nothing = 0;
                return Ok(Ok(progress));
            }
        }
    }

    /// Waits until something arrives or the guest wants to be called.
    async fn wait(&mut self, store: &mut Store<State>) -> wasmtime::Result<()> {
        let mut began = None;
        if self.for_nothing >= MOST_FOR_NOTHING {
            began = Some(Instant::now());
            tokio::time::sleep(PAUSE).await;
        }
        self.for_nothing = self.for_nothing.saturating_add(1);
        if self.wake_after != Some(Duration::ZERO) {
            poll_fn(|cx| {
                match store.data_mut().look(cx) {
                    Look::Arrived => return Poll::Ready(Ok(())),
                    Look::NothingOpen if self.wake_after.is_none() => {
                        return Poll::Ready(Err(waits_for_nothing()));
                    }
                    Look::NothingOpen | Look::Waiting => {}
                }
                self.for_nothing = 0;
                let began = *began.get_or_insert_with(Instant::now);
                match self.wake_after {
                    Some(after) => self.timer.poll(began + after, cx).map(Ok),
                    None => Poll::Pending,
                }
            })
            .await?;
        }
        if let Some(began) = began {
            self.waited += began.elapsed();
        }
        Ok(())
    }
}

fn waits_for_nothing() -> wasmtime::Error {
    wasmtime::format_err!("it waits for nothing: no request is open, and it does not want to be called again")
}

/// Takes the end of a body that comes with the last event or right behind it: then its connection can be used again.
async fn read_on(store: &mut Store<State>) {
    let mut left = MOST_BEHIND;
    let ends = poll_fn(|cx| store.data_mut().poll_ends(&mut left, cx));
    // Who takes longer has its connection closed.
    let _ = tokio::time::timeout(LAST_WAIT, ends).await;
}

/// The timer of one wait after the other. It stays as long as it rings no later than it has to: each chunk of a long
/// response moves the end of the wait, and hardly any wait ends by it.
#[derive(Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            // It was set for an earlier wait.
            sleep.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn one_timer_serves_waits_that_end_later_and_waits_that_end_sooner() {
        let mut timer = Timer::default();
        let began = Instant::now();
        let far = began + Duration::from_secs(3600);
        for ms in [40, 10, 30] {
            let mut for_long = pin!(poll_fn(|cx| timer.poll(far, cx)));
            let waiting = tokio::time::timeout(Duration::from_millis(1), &mut for_long).await;
            assert!(waiting.is_err());
            let until = Instant::now() + Duration::from_millis(ms);
            poll_fn(|cx| timer.poll(until, cx)).await;
            assert!(Instant::now() >= until);
        }
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}
