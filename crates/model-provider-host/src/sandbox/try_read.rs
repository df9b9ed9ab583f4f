//! Polling of a completion by `try-read`: the host waits until data arrives or the guest's timer fires, then calls.
//! Knows nothing of the guest's use of it.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
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
    call_state::CallState,
    turn::{Fallible, in_turn},
};
use crate::{bounds::Bounded as _, contract::Progress};

/// The result of `try-read`; see the contract.
#[derive(Debug, ComponentType, Lift)]
#[component(record)]
pub(super) struct Step {
    #[component(name = "progress")]
    progress: Progress,
    #[component(name = "wake-after-ms")]
    wake_after_ms: Option<u32>,
}

impl Step {
    /// Without the time of the next call.
    pub(super) fn into_progress(self) -> Progress {
        self.progress
    }
}

/// The export.
pub(super) type TryRead = TypedFunc<(ResourceAny, u32, u64), (Fallible<Step>,)>;

/// The timer of the first call, if nothing arrives before: later the guest sets it.
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// The most consecutive calls without a result and without a wait. A guest that needs more waits in between.
const MOST_FOR_NOTHING: u32 = 256;
const PAUSE: Duration = Duration::from_millis(1);
/// How long to wait for the end of a body after the end of its response.
const LAST_WAIT: Duration = Duration::from_millis(5);
/// The most bytes to read for that.
const MOST_BEHIND: usize = 64 * 1024;

/// A completion that is read by `try-read`.
pub(crate) struct TryReader {
    try_read: TryRead,
    /// The guest's timer, relative to the last call.
    wake_after: Option<Duration>,
    /// The time waited that has not been passed to the guest yet.
    waited: Duration,
    /// Consecutive calls without a wait and without an event.
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

    /// Waits and calls until there are events, the end or an error. Cancellation loses only the time waited.
    pub(crate) async fn read(
        &mut self,
        store: &mut Store<State>,
        completion: ResourceAny,
        max_events: u32,
    ) -> wasmtime::Result<Fallible<Progress>> {
        loop {
            self.wait(&mut store.data_mut().call).await?;
            let whole_ms = self.take_waited();
            let share = store.data().fair();
            let call = self
                .try_read
                .call_async(&mut *store, (completion, max_events, whole_ms));
            let step = match in_turn(share, pin!(call)).await?.0 {
                Ok(step) => step,
                Err(error) => return Ok(Err(error.bounded())),
            };
            let progress = self.took(step);
            if progress.finished.is_some() {
                read_on(&mut store.data_mut().call).await;
            }
            if progress.finished.is_some() || !progress.events.is_empty() {
                return Ok(Ok(progress));
            }
        }
    }

    /// The whole milliseconds waited since the last call; the remainder counts for the next one.
    pub(super) fn take_waited(&mut self) -> u64 {
        let whole_ms = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
        self.waited -= Duration::from_millis(whole_ms);
        whole_ms
    }

    /// The guest was not called after all, and is to be called without another wait: readiness is reported once.
    pub(super) fn give_back(&mut self, whole_ms: u64) {
        self.waited += Duration::from_millis(whole_ms);
        self.wake_after = Some(Duration::ZERO);
    }

    /// Takes the result of a call.
    pub(super) fn took(&mut self, step: Step) -> Progress {
        self.wake_after = step.wake_after_ms.map(|ms| Duration::from_millis(ms.into()));
        let progress = step.progress.bounded();
        if progress.finished.is_some() || !progress.events.is_empty() {
            self.for_nothing = 0;
        }
        progress
    }

    /// Takes it out, so that another instance can go on.
    pub(super) fn take(&mut self) -> Self {
        let fresh = Self::new(self.try_read);
        std::mem::replace(self, fresh)
    }

    /// The same for another instance, which has got as far.
    pub(super) fn moved(self, try_read: TryRead) -> Self {
        Self { try_read, ..self }
    }

    /// Waits until data arrives or the guest's timer fires.
    pub(super) async fn wait(&mut self, call: &mut CallState) -> wasmtime::Result<()> {
        let mut began = None;
        if self.for_nothing >= MOST_FOR_NOTHING {
            began = Some(Instant::now());
            tokio::time::sleep(PAUSE).await;
        }
        self.for_nothing = self.for_nothing.saturating_add(1);
        if self.wake_after != Some(Duration::ZERO) {
            poll_fn(|cx| {
                match call.look(cx) {
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
    wasmtime::format_err!("it waits for nothing: no request is open, and it set no timer")
}

/// Reads the end of a body that comes with the last event or right after it, so that its connection can be reused.
pub(super) async fn read_on(call: &mut CallState) {
    let mut left = MOST_BEHIND;
    let ends = poll_fn(|cx| call.poll_ends(&mut left, cx));
    // After the timeout the connection is closed.
    let _ = tokio::time::timeout(LAST_WAIT, ends).await;
}

/// The timer of successive waits. It is reset only if it would fire too late: each chunk of a long response moves
/// the end of the wait, and hardly any wait ends by it.
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
