//! A streaming response in a store of its own, and what a read of any response comes to. Knows no host.

use wasmtime::{Store, component::ResourceAny};

use super::{State, call, guest::Reader};
use crate::{contract::Progress, error::Error, resource_usage::ResourceUsage};

/// A response and the store that it has alone.
pub(crate) struct OwnExchange {
    pub(crate) store: Store<State>,
    pub(crate) reader: Reader,
    pub(crate) completion: ResourceAny,
}

/// What a read comes to.
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is returned")]
pub(crate) enum Outcome {
    /// Events, or the end.
    Progress(Progress),
    /// The response ends with an error.
    Refused(Error),
    /// The guest was stopped.
    Trapped(Error),
    /// The guest was stopped in another call, and this one could not go on without it.
    Lost(Error),
}

impl OwnExchange {
    /// Waits for events, the end or an error, without a timeout.
    pub(crate) async fn read(&mut self, max_events: u32) -> Outcome {
        match self
            .reader
            .read(&mut self.store, self.completion, max_events)
            .await
        {
            Ok(Ok(progress)) => Outcome::Progress(progress),
            Ok(Err(error)) => Outcome::Refused(call::refused(&mut self.store, error)),
            Err(trap) => Outcome::Trapped(call::failure(&mut self.store, &trap)),
        }
    }

    /// The guest's resource usage so far.
    pub(crate) fn used(&self) -> ResourceUsage {
        self.store.data().used()
    }
}
