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
        turn::{Fallible, at_once, in_turn},
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
    /// Notified whenever it is free: all who wait look again, since a single one might not look.
    freed: Notify,
    /// Nobody can run in it any more.
    is_dead: AtomicBool,
    /// A call has given up waiting for its turn: no others should come.
    is_left: AtomicBool,
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
    store: Lock<'s>,
    call: &'s mut CallState,
    /// The store has the state of the call.
    is_call_in: bool,
}

/// The lock of a store; whoever waits for it is notified when it is dropped.
struct Lock<'s> {
    /// `None` once it is given back.
    held: Option<Held<'s, Option<Box<Live>>>>,
    freed: &'s Notify,
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
            is_left: AtomicBool::new(false),
            is_inside: AtomicBool::new(false),
            memory: AtomicUsize::new(0),
            over: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Relaxed)
    }

    /// Whether no more calls should come.
    pub(super) fn is_shunned(&self) -> bool {
        self.is_dead() || self.is_left.load(Relaxed)
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

    /// Waits for a turn. With an engine and a plugin the first one makes the store.
    pub(super) async fn seat<'s>(
        &'s self,
        call: &'s mut CallState,
        maker: Option<(&Sandbox, &GuestPre)>,
    ) -> Result<Seat<'s>, NoSeat> {
        let mut store = self.lock().await.ok_or(NoSeat::Gone)?;
        if let Some((sandbox, guest_pre)) = maker
            && let Some(held) = &mut store.held
            && held.is_none()
            && !self.is_dead()
        {
            let state = State::new(CallState::between_calls(call), false);
            let made = Live::made(sandbox, guest_pre, state).await;
            if made.is_err() {
                self.is_dead.store(true, Relaxed);
            }
            **held = Some(Box::new(made.map_err(NoSeat::Failed)?));
        }
        let mut seat = Seat {
            slot: self,
            store,
            call,
            is_call_in: false,
        };
        while let Some(over) = self.next_over() {
            seat.drop_one(over).await?;
        }
        seat.exchange();
        match self.is_dead() || !seat.is_call_in {
            true => Err(NoSeat::Gone),
            false => Ok(seat),
        }
    }

    /// Waits until nobody has a turn; `None` if that takes too long.
    async fn lock(&self) -> Option<Lock<'_>> {
        let lock = |held| Lock {
            held: Some(held),
            freed: &self.freed,
        };
        if let Ok(held) = self.live.try_lock() {
            return Some(lock(held));
        }
        let free = async {
            loop {
                let mut freed = pin!(self.freed.notified());
                freed.as_mut().enable();
                if let Ok(held) = self.live.try_lock() {
                    return lock(held);
                }
                freed.await;
            }
        };
        let free = tokio::time::timeout(PATIENCE, free).await;
        if free.is_err() {
            self.is_left.store(true, Relaxed);
        }
        free.ok()
    }
}

impl Lock<'_> {
    fn live(&mut self) -> Option<&mut Live> {
        self.held.as_mut()?.as_deref_mut()
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // All that wait look, so it has to be free by then.
        drop(self.held.take());
        self.freed.notify_waiters();
    }
}

impl Live {
    /// A store with an instance.
    async fn made(sandbox: &Sandbox, guest_pre: &GuestPre, state: State) -> Result<Self, Error> {
        let mut store = sandbox.store_between_calls(state);
        let guest = match guest_pre.instantiate_shared(&mut store).await {
            Ok(guest) => guest,
            Err(error) => return Err(failure(&mut store, &error)),
        };
        match guest.try_read(&mut store) {
            Ok(try_read) => Ok(Self {
                store,
                guest,
                try_read,
            }),
            Err(error) => Err(failure(&mut store, &error)),
        }
    }

    /// Drops a completion, in the state in which it was made.
    async fn drop_one(&mut self, is_inside: &AtomicBool, over: &mut Over) -> wasmtime::Result<()> {
        self.store.data_mut().exchange(&mut over.call);
        let share = self.store.data().fair();
        let dropped = {
            let dropping = pin!(over.completion.resource_drop_async(&mut self.store));
            at_once(share, pin!(inside(is_inside, None, dropping))).await
        };
        self.store.data_mut().exchange(&mut over.call);
        dropped
    }
}

impl Seat<'_> {
    /// Gives the store the state of the call, or takes it back.
    fn exchange(&mut self) {
        if let Some(live) = self.store.live() {
            live.store.data_mut().exchange(self.call);
            self.is_call_in = !self.is_call_in;
        }
    }

    /// The export that reads.
    pub(super) fn try_read(&mut self) -> Option<TryRead> {
        self.store.live().map(|live| live.try_read)
    }

    /// Starts a response.
    pub(super) async fn start(
        &mut self,
        request: &ChatRequest,
        seed: u64,
    ) -> Option<wasmtime::Result<Fallible<ResourceAny>>> {
        let is_inside = &self.slot.is_inside;
        let live = self.store.live()?;
        let (share, log) = (live.store.data().fair(), live.store.data().call.log.clone());
        let export = match live.guest.chat_start(&mut live.store) {
            Ok(export) => export,
            Err(error) => return Some(Err(error)),
        };
        let call = pin!(export.call_async(&mut live.store, (request, seed)));
        match in_turn(share, pin!(inside(is_inside, log, call))).await {
            Ok((begun,)) => Some(Ok(begun.bounded())),
            Err(trap) => Some(Err(trap)),
        }
    }

    /// Reads a response, without a wait.
    pub(super) async fn step(
        &mut self,
        completion: ResourceAny,
        max_events: u32,
        waited_ms: u64,
    ) -> Option<wasmtime::Result<Fallible<Step>>> {
        let is_inside = &self.slot.is_inside;
        let live = self.store.live()?;
        let (share, log) = (live.store.data().fair(), live.store.data().call.log.clone());
        let export = live.try_read;
        let call = pin!(export.call_async(&mut live.store, (completion, max_events, waited_ms)));
        match in_turn(share, pin!(inside(is_inside, log, call))).await {
            Ok((step,)) => Some(Ok(step)),
            Err(trap) => Some(Err(trap)),
        }
    }

    /// Drops the completion of a call that is over.
    async fn drop_one(&mut self, mut over: Over) -> Result<(), NoSeat> {
        let is_inside = &self.slot.is_inside;
        let Some(live) = self.store.live() else {
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
        match self.store.live() {
            Some(live) => super::super::call::refused(&mut live.store, error),
            None => error.into(),
        }
    }

    /// The guest was stopped: the store cannot be used any more. What that means, for the call that has the turn.
    pub(super) fn failed(mut self, error: &wasmtime::Error) -> Error {
        let failed = match self.store.live() {
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
        if let Some(held) = &mut self.store.held {
            **held = None;
        }
        let over = std::mem::take(&mut *self.slot.over());
        drop(over);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        // Dropped in the middle of a call, a guest cannot go on.
        if self.slot.is_inside.load(Relaxed) {
            return self.kill();
        }
        if let Some(live) = self.store.live() {
            let memory = live.store.data().memory();
            self.slot.memory.store(memory, Relaxed);
        }
        if self.is_call_in {
            self.exchange();
        }
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
