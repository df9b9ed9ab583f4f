//! A store that calls share, and their turns in it: one at a time, each with its own state. Knows no principal.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use tokio::sync::{MutexGuard as Held, Notify};
use wasmtime::{Store, component::ResourceAny};

use super::{
    super::{
        Sandbox, State,
        call::failure,
        call_state::CallState,
        guest::{Guest, GuestPre},
        try_read::{Step, TryRead},
        turn::{Fallible, in_turn},
    },
    log::Logged,
};
use crate::{bounds::Bounded as _, contract::ChatRequest, error::Error};

/// How long a call waits for its turn. Others may take longer only if their caller has stopped asking in the middle of
/// one; then this call goes on elsewhere.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store and those who wait for it.
pub(super) struct Slot {
    /// `None` before the first call, and after the last one.
    live: tokio::sync::Mutex<Option<Box<Live>>>,
    /// Told whenever it is free: all who wait look again, since one that was told might not look.
    freed: Notify,
    /// Nobody can run in it any more.
    is_dead: AtomicBool,
    /// The guest was entered and has not returned.
    is_inside: AtomicBool,
    /// Its memory after the last turn, in bytes.
    memory: AtomicUsize,
    /// Calls that are over, and that the guest still knows.
    over: Mutex<Vec<Over>>,
}

/// A call that is over: its completion has to be dropped, with the state in which it was made.
pub(super) struct Over {
    pub(super) completion: ResourceAny,
    pub(super) call: Box<CallState>,
}

/// A store with its instance.
struct Live {
    store: Store<State>,
    guest: Guest,
    try_read: TryRead,
}

/// A turn: the right to run guest code with the state of one call.
pub(super) struct Seat<'s> {
    slot: &'s Slot,
    /// `None` once it is given back.
    live: Option<Held<'s, Option<Box<Live>>>>,
    call: &'s mut CallState,
    /// The store has the state of the call.
    is_call_in: bool,
}

/// Why there is no turn.
pub(super) enum NoSeat {
    /// The store is gone, or too busy.
    Gone,
    /// It could not be made.
    Failed(Error),
}

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            live: tokio::sync::Mutex::new(None),
            freed: Notify::new(),
            is_dead: AtomicBool::new(false),
            is_inside: AtomicBool::new(false),
            memory: AtomicUsize::new(0),
            over: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Relaxed)
    }

    pub(super) fn memory(&self) -> usize {
        self.memory.load(Relaxed)
    }

    /// Leaves a call to be dropped with the next turn, if there is one.
    pub(super) fn leave(&self, over: Over) {
        if !self.is_dead() {
            self.over().push(over);
        }
    }

    fn next_over(&self) -> Option<Over> {
        self.over().pop()
    }

    fn over(&self) -> MutexGuard<'_, Vec<Over>> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn.
    pub(super) async fn seat<'s>(&'s self, call: &'s mut CallState) -> Result<Seat<'s>, NoSeat> {
        let Ok(live) = tokio::time::timeout(PATIENCE, pin!(self.free())).await else {
            return Err(NoSeat::Gone);
        };
        let mut seat = Seat {
            slot: self,
            live: Some(live),
            call,
            is_call_in: false,
        };
        while let Some(over) = self.next_over() {
            seat.drop_one(over).await?;
        }
        seat.exchange();
        match self.is_dead() || seat.live().is_none() {
            true => Err(NoSeat::Gone),
            false => Ok(seat),
        }
    }

    /// The first turn makes the store.
    pub(super) async fn first_seat<'s>(
        &'s self,
        sandbox: &Sandbox,
        guest_pre: &GuestPre,
        call: &'s mut CallState,
    ) -> Result<Seat<'s>, NoSeat> {
        {
            let Ok(mut live) = tokio::time::timeout(PATIENCE, pin!(self.free())).await else {
                return Err(NoSeat::Gone);
            };
            if live.is_none() && !self.is_dead() {
                let state = State::new(CallState::between_calls(call), false);
                let mut store = sandbox.store_between_calls(state);
                match made(guest_pre, &mut store).await {
                    Ok((guest, try_read)) => {
                        *live = Some(Box::new(Live {
                            store,
                            guest,
                            try_read,
                        }));
                    }
                    Err(error) => {
                        self.is_dead.store(true, Relaxed);
                        drop(live);
                        self.freed.notify_waiters();
                        return Err(NoSeat::Failed(failure(&mut store, &error)));
                    }
                }
            }
            drop(live);
            self.freed.notify_waiters();
        }
        self.seat(call).await
    }

    /// Waits until nobody has a turn.
    async fn free(&self) -> Held<'_, Option<Box<Live>>> {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Ok(live) = self.live.try_lock() {
                return live;
            }
            freed.await;
        }
    }
}

async fn made(guest_pre: &GuestPre, store: &mut Store<State>) -> wasmtime::Result<(Guest, TryRead)> {
    let guest = guest_pre.instantiate_shared(store).await?;
    let try_read = guest.try_read(store)?;
    Ok((guest, try_read))
}

impl Live {
    /// Drops a completion, in the state in which it was made.
    async fn drop_one(&mut self, is_inside: &AtomicBool, over: &mut Over) -> wasmtime::Result<()> {
        self.store.data_mut().exchange(&mut over.call);
        let dropped = {
            let dropping = pin!(over.completion.resource_drop_async(&mut self.store));
            inside(is_inside, None, dropping).await
        };
        self.store.data_mut().exchange(&mut over.call);
        dropped
    }
}

impl Seat<'_> {
    fn live(&mut self) -> Option<&mut Live> {
        self.live.as_mut()?.as_deref_mut()
    }

    /// Gives the store the state of the call, or takes it back.
    fn exchange(&mut self) {
        if let Some(Some(live)) = self.live.as_deref_mut() {
            live.store.data_mut().exchange(self.call);
            self.is_call_in = !self.is_call_in;
        }
    }

    /// The export that reads.
    pub(super) fn try_read(&mut self) -> Option<TryRead> {
        self.live().map(|live| live.try_read)
    }

    /// Starts a response.
    pub(super) async fn start(
        &mut self,
        request: &ChatRequest,
        seed: u64,
    ) -> Option<wasmtime::Result<Fallible<ResourceAny>>> {
        let is_inside = &self.slot.is_inside;
        let live = self.live.as_mut()?.as_deref_mut()?;
        let (share, log) = (live.store.data().fair(), live.store.data().call.log.clone());
        let export = match live.guest.chat_start(&mut live.store) {
            Ok(export) => export,
            Err(error) => return Some(Err(error)),
        };
        let call = pin!(export.call_async(&mut live.store, (request, seed)));
        let begun = in_turn(share, pin!(inside(is_inside, log, call))).await;
        Some(begun.map(|(begun,)| begun.bounded()))
    }

    /// Reads a response, without a wait.
    pub(super) async fn step(
        &mut self,
        completion: ResourceAny,
        max_events: u32,
        waited_ms: u64,
    ) -> Option<wasmtime::Result<Fallible<Step>>> {
        let is_inside = &self.slot.is_inside;
        let live = self.live.as_mut()?.as_deref_mut()?;
        let (share, log) = (live.store.data().fair(), live.store.data().call.log.clone());
        let export = live.try_read;
        let call = pin!(export.call_async(&mut live.store, (completion, max_events, waited_ms)));
        let step = in_turn(share, pin!(inside(is_inside, log, call))).await;
        Some(step.map(|(step,)| step))
    }

    /// Drops the completion of a call that is over.
    async fn drop_one(&mut self, mut over: Over) -> Result<(), NoSeat> {
        let is_inside = &self.slot.is_inside;
        let Some(live) = self.live.as_mut().and_then(|live| live.as_deref_mut()) else {
            return Err(NoSeat::Gone);
        };
        if let Err(error) = live.drop_one(is_inside, &mut over).await {
            tracing::debug!(?error, "plugin trap in a destructor");
            self.kill();
            return Err(NoSeat::Gone);
        }
        Ok(())
    }

    /// What an error that the guest returned means.
    pub(super) fn refused(&mut self, error: crate::contract::Error) -> Error {
        match self.live() {
            Some(live) => super::super::call::refused(&mut live.store, error),
            None => error.into(),
        }
    }

    /// The guest was stopped: the store cannot be used any more. What that means, for the call that has the turn.
    pub(super) fn failed(mut self, error: &wasmtime::Error) -> Error {
        let failed = match self.live() {
            Some(live) => failure(&mut live.store, error),
            None => Error::new(crate::error::ErrorKind::PluginTrap, "the plugin is gone"),
        };
        self.kill();
        failed
    }

    fn kill(&mut self) {
        if self.is_call_in {
            self.exchange();
        }
        self.slot.is_dead.store(true, Relaxed);
        self.slot.is_inside.store(false, Relaxed);
        let gone = self.live.as_mut().and_then(|live| live.take());
        self.give_back();
        // Only now, so that nobody waits for it.
        drop(gone);
        let over = std::mem::take(&mut *self.slot.over());
        drop(over);
    }

    fn give_back(&mut self) {
        if let Some(live) = self.live.take() {
            drop(live);
            self.slot.freed.notify_waiters();
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if self.live.is_none() {
            return;
        }
        // Dropped in the middle of a call, a guest cannot go on.
        if self.slot.is_inside.load(Relaxed) {
            return self.kill();
        }
        if let Some(live) = self.live() {
            let memory = live.store.data().memory();
            self.slot.memory.store(memory, Relaxed);
        }
        if self.is_call_in {
            self.exchange();
        }
        self.give_back();
    }
}

/// Runs a call of the guest; notes whether it is inside, and in the log whether it waits there.
async fn inside<F: Future + Unpin>(is_inside: &AtomicBool, log: Option<Logged>, mut call: F) -> F::Output {
    poll_fn(|cx| {
        is_inside.store(true, Relaxed);
        match Pin::new(&mut call).poll(cx) {
            Poll::Ready(output) => {
                is_inside.store(false, Relaxed);
                Poll::Ready(output)
            }
            Poll::Pending => {
                if let Some(log) = &log {
                    log.lock().suspended();
                }
                Poll::Pending
            }
        }
    })
    .await
}
