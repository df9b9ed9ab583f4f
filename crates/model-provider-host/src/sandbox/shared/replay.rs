//! Goes on with a call in a fresh instance after another call has trapped in its store: the guest gets the
//! same inputs, and has to come to the same content. Nothing is sent again; the response is read on where it was.

use std::sync::Arc;

use wasmtime::{Store, component::ResourceAny};

use super::{
    super::{
        Sandbox, State,
        call::failure,
        call_state::CallState,
        exchange::{Outcome, OwnExchange},
        guest::{GuestPre, Reader},
        try_read::{TryRead, TryReader},
        turn::in_turn,
    },
    folded::Folded,
    log::Logged,
};
use crate::{
    bounds::Bounded as _,
    contract::{ChatEvent, ChatRequest},
    error::{Error, ErrorKind},
};

/// The inputs of a guest in a call, and its output.
pub(super) struct History {
    pub(super) request: Arc<ChatRequest>,
    pub(super) seed: u64,
    pub(super) max_events: u32,
    pub(super) folded: Folded,
    pub(super) log: Logged,
}

impl History {
    /// Adds events that were passed on.
    pub(super) fn took(&mut self, events: &[ChatEvent]) {
        let mut log = self.log.lock();
        for event in events {
            if !log.is_kept() {
                self.folded = Folded::default();
                return;
            }
            let bytes = self.folded.push(event);
            log.keep(bytes);
        }
    }
}

/// A replay.
pub(super) struct Replay<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) guest_pre: &'a GuestPre,
    pub(super) history: &'a History,
}

/// Why a replay did not succeed.
enum Failed {
    /// It differs, or could not be done.
    Differs(&'static str),
    Trapped(wasmtime::Error),
}

impl From<wasmtime::Error> for Failed {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trapped(error)
    }
}

impl Replay<'_> {
    /// Runs it, in a store of its own, in which the call goes on.
    pub(super) async fn run(
        self,
        mut call: Box<CallState>,
        reader: TryReader,
    ) -> Result<OwnExchange, Outcome> {
        let metrics = call.metrics().cloned();
        if let Some(metrics) = &metrics {
            metrics.replay();
        }
        let replayed = match self.history.log.lock().replay() {
            Ok(()) => Ok(()),
            Err(why) => Err(lost(why)),
        };
        let replayed = match replayed {
            Ok(()) => self.again(&mut call, reader).await,
            Err(lost) => Err(lost),
        };
        if replayed.is_ok() {
            tracing::info!("the plugin was stopped in another response; this one goes on");
        } else {
            if let Some(metrics) = &metrics {
                metrics.failed_replay();
            }
            tracing::warn!("the plugin was stopped in another response; this one could not go on");
        }
        replayed
    }

    async fn again(&self, call: &mut CallState, reader: TryReader) -> Result<OwnExchange, Outcome> {
        let state = State::new(CallState::between_calls(call), false);
        let mut store = self.sandbox.store_between_calls(state);
        let guest = match self.guest_pre.instantiate_shared(&mut store).await {
            Ok(guest) => guest,
            Err(error) => return Err(Outcome::Lost(failure(&mut store, &error))),
        };
        // What the egress reports while requests are made again was reported before.
        let reason = call.context.take_stop_reason();
        call.begin_again();
        store.data_mut().exchange(call);
        let begun = async {
            let try_read = guest.try_read(&mut store)?;
            let completion = self.start(&mut store, guest).await?;
            self.read(&mut store, try_read, completion).await?;
            Ok((completion, try_read))
        };
        let begun: Result<(ResourceAny, TryRead), Failed> = begun.await;
        let difference = self.history.log.lock().difference();
        let begun = match begun {
            Err(Failed::Trapped(trap)) if difference.is_none() => {
                return Err(Outcome::Trapped(failure(&mut store, &trap)));
            }
            begun => begun,
        };
        let state = store.data_mut();
        let is_same = state.call.hooks.end_replay();
        let ended = self.history.log.lock().end();
        let (completion, try_read) = match (begun, ended) {
            (Ok(_), Ok(())) if !is_same => return Err(lost("the plugin did not send the same")),
            (Ok(begun), Ok(())) => begun,
            (_, Err(why)) | (Err(Failed::Differs(why)), _) => return Err(lost(why)),
            (Err(Failed::Trapped(_)), _) => return Err(lost("the plugin failed")),
        };
        state.call.left = None;
        state.call.context.take_stop_reason();
        if let Some(reason) = reason {
            state.call.context.stop(reason);
        }
        Ok(OwnExchange {
            store,
            reader: Reader::TryRead(Box::new(reader.moved(try_read))),
            completion,
        })
    }

    async fn start(
        &self,
        store: &mut Store<State>,
        guest: super::super::guest::Guest,
    ) -> Result<ResourceAny, Failed> {
        let share = store.data().fair();
        let export = guest.chat_start(store)?;
        let call =
            std::pin::pin!(export.call_async(&mut *store, (&*self.history.request, self.history.seed)));
        match in_turn(share, call).await?.0 {
            Ok(completion) => Ok(completion),
            Err(_) => Err(Failed::Differs("the plugin refused the request")),
        }
    }

    async fn read(
        &self,
        store: &mut Store<State>,
        try_read: TryRead,
        completion: ResourceAny,
    ) -> Result<(), Failed> {
        let mut folded = Folded::default();
        loop {
            let next = self.history.log.lock().next_step();
            let Some(waited_ms) = next.map_err(Failed::Differs)? else {
                break;
            };
            let share = store.data().fair();
            let args = (completion, self.history.max_events, waited_ms);
            let call = std::pin::pin!(try_read.call_async(&mut *store, args));
            let Ok(step) = in_turn(share, call).await?.0 else {
                return Err(Failed::Differs("the plugin failed"));
            };
            let progress = step.into_progress().bounded();
            if progress.finished.is_some() {
                return Err(Failed::Differs("the plugin ended the response"));
            }
            for event in &progress.events {
                folded.push(event);
            }
        }
        match folded == self.history.folded {
            true => Ok(()),
            false => Err(Failed::Differs("the plugin returned something else")),
        }
    }
}

fn lost(why: &str) -> Outcome {
    let message = format!(
        "the plugin failed in another response of the same principal, and this one could not go on: {why}"
    );
    Outcome::Lost(
        Error::new(ErrorKind::PluginTrap, message).with_hint(
            "the request may have been sent; with `calls-per-store` 1 no response depends on another",
        ),
    )
}
