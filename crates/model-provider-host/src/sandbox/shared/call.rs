//! A streaming response in a store that it may share. Knows no host and no HTTP.

use std::sync::Arc;

use wasmtime::component::ResourceAny;

use super::{
    super::{
        call_state::CallState,
        exchange::{Outcome, OwnExchange},
        try_read::{TryReader, read_on},
    },
    folded::Folded,
    log::{Entry, Logged},
    replay::{History, Replay},
    slot::{NoSeat, Over, Slot},
    stores::{Place, Stores},
};
use crate::{
    contract::{ChatRequest, Progress},
    error::{Error, Result},
    principal::Principal,
    resource_usage::ResourceUsage,
};

/// How many stores that others have broken are left for the next one.
const TRIES: usize = 3;

/// A response in a shared store.
pub(crate) struct SharedExchange {
    place: Place,
    /// `None` once it is over, or goes on elsewhere.
    held: Option<Held>,
    reader: TryReader,
    history: History,
    used: ResourceUsage,
}

/// What the call has of the guest, and outside of it.
struct Held {
    call: Box<CallState>,
    completion: ResourceAny,
}

impl Stores {
    /// Starts a response in a store of this principal; `None` if it is better off in one of its own.
    pub(crate) async fn start(
        self: &Arc<Self>,
        principal: Principal,
        call: CallState,
        request: &Arc<ChatRequest>,
        seed: u64,
    ) -> Result<Option<SharedExchange>> {
        let Some(terms) = &self.terms else {
            return Ok(None);
        };
        let log = Logged::new(terms.replay_bytes, self.sandbox.memory().clone());
        let mut call = Box::new(call);
        call.wait_in_host();
        call.hooks.keep_requests();
        call.log = Some(log.clone());
        self.sandbox.begin(&mut call);
        for _ in 0..TRIES {
            let Some(place) = self.place(principal, &call) else {
                return Ok(None);
            };
            let slot = Arc::clone(&place.slot);
            let maker = Some((&self.sandbox, &*self.guest_pre));
            let mut seat = match slot.seat(&mut call, maker).await {
                Ok(seat) => seat,
                Err(NoSeat::Gone) => continue,
                Err(NoSeat::Failed(error)) => return Err(error),
            };
            let Some(try_read) = seat.try_read() else { continue };
            let completion = match seat.start(request, seed).await {
                None => continue,
                Some(Err(trap)) => return Err(seat.failed(&trap)),
                Some(Ok(Err(error))) => return Err(seat.refused(error)),
                Some(Ok(Ok(completion))) => completion,
            };
            drop(seat);
            if let Some(metrics) = call.metrics() {
                metrics.shared_call();
            }
            return Ok(Some(SharedExchange {
                place,
                held: Some(Held { call, completion }),
                reader: TryReader::new(try_read),
                history: History {
                    request: Arc::clone(request),
                    seed,
                    max_events: 0,
                    folded: Folded::default(),
                    log,
                },
                used: ResourceUsage::default(),
            }));
        }
        Ok(None)
    }
}

/// The result of one call of the guest.
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is returned")]
enum Stepped {
    Took(Progress),
    Ended(Outcome),
    /// The store is gone.
    Gone,
}

impl SharedExchange {
    /// Waits for events, the end or an error, without a timeout; `None` if the store is gone, and the call has to go on
    /// elsewhere.
    pub(crate) async fn read(&mut self, max_events: u32) -> Option<Outcome> {
        self.history.max_events = max_events;
        loop {
            let held = self.held.as_mut()?;
            if let Err(error) = self.reader.wait(&mut held.call).await {
                return Some(Outcome::Trapped(failed_outside(&error)));
            }
            let waited_ms = self.reader.take_waited();
            let slot = &self.place.slot;
            match step(
                slot,
                held,
                &mut self.reader,
                &self.history,
                (max_events, waited_ms),
            )
            .await
            {
                Stepped::Gone => {
                    self.reader.give_back(waited_ms);
                    return None;
                }
                Stepped::Ended(outcome) => {
                    self.used = held.call.used();
                    return Some(outcome);
                }
                Stepped::Took(progress) => {
                    self.used = held.call.used();
                    if progress.finished.is_some() {
                        read_on(&mut held.call).await;
                    }
                    if progress.finished.is_some() || !progress.events.is_empty() {
                        self.history.took(&progress.events);
                        return Some(Outcome::Progress(progress));
                    }
                }
            }
        }
    }

    /// Goes on in a store of its own, after the shared one is gone: there the guest gets the same inputs.
    pub(crate) async fn replayed(&mut self) -> std::result::Result<OwnExchange, Outcome> {
        let Some(Held { call, .. }) = self.held.take() else {
            return Err(Outcome::Lost(Error::new(
                crate::error::ErrorKind::PluginTrap,
                "the response is over",
            )));
        };
        let stores = &self.place.stores;
        let reader = self.reader.take();
        let replay = Replay {
            sandbox: &stores.sandbox,
            guest_pre: &stores.guest_pre,
            history: &self.history,
        };
        replay.run(call, reader).await
    }

    /// The guest's resource usage so far.
    pub(crate) fn used(&self) -> ResourceUsage {
        self.used
    }
}

/// One call of the guest, in its turn.
async fn step(
    slot: &Slot,
    held: &mut Held,
    reader: &mut TryReader,
    history: &History,
    (max_events, waited_ms): (u32, u64),
) -> Stepped {
    let mut seat = match slot.seat(&mut held.call, None).await {
        Ok(seat) => seat,
        Err(NoSeat::Gone) => return Stepped::Gone,
        Err(NoSeat::Failed(error)) => return Stepped::Ended(Outcome::Trapped(error)),
    };
    history.log.lock().record(Entry::Step(waited_ms));
    match seat.step(held.completion, max_events, waited_ms).await {
        None => Stepped::Gone,
        Some(Ok(Ok(step))) => Stepped::Took(reader.took(step)),
        Some(Ok(Err(error))) => {
            use crate::bounds::Bounded as _;
            Stepped::Ended(Outcome::Refused(seat.refused(error.bounded())))
        }
        Some(Err(trap)) => Stepped::Ended(Outcome::Trapped(seat.failed(&trap))),
    }
}

/// What it means that a plugin waits for nothing.
fn failed_outside(error: &wasmtime::Error) -> Error {
    Error::new(
        crate::error::ErrorKind::PluginTrap,
        format!("the plugin failed: {error}"),
    )
    .with_hint("this is a bug of the plugin; the request may have been sent")
}

impl Drop for SharedExchange {
    fn drop(&mut self) {
        if let Some(Held { mut call, completion }) = self.held.take() {
            // Its connections close now, and the guest lets go of it in the next turn.
            call.close();
            self.place.slot.leave(Over { completion, call });
        }
    }
}
