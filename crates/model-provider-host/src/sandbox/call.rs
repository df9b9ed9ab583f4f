//! One call of a guest: a store of its own, a deadline, and what a failure of it means.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, WasmCoreDump, component::ResourceTableError};
use wasmtime_wasi_http::FieldMapError;

use crate::{
    contract::{self, ErrorKind},
    error::{Error, Kind, Result},
    limits::Note,
    sandbox::{
        Sandbox, State,
        guest::{Guest, Linked},
        memory,
    },
};

/// What a call needs: a store that nobody else uses, and the pre-linked component.
pub(crate) struct Context<'a> {
    store: Store<State>,
    linked: &'a Linked,
}

impl<'a> Context<'a> {
    pub(crate) fn new(sandbox: &Sandbox, linked: &'a Linked, state: State) -> Self {
        Self {
            store: sandbox.store(state),
            linked,
        }
    }

    /// Instantiates. The guest runs only if its component has a start function.
    pub(crate) async fn instantiate(mut self) -> Result<(Store<State>, Guest)> {
        match self.linked.instantiate(&mut self.store).await {
            Ok(guest) => Ok((self.store, guest)),
            Err(error) => Err(failure(&mut self.store, &error)),
        }
    }
}

/// Runs one call from a fresh instance to its end, within the wall clock that its limits allow.
pub(crate) async fn run<T>(
    context: Context<'_>,
    call: impl AsyncFnOnce(&mut Store<State>, &Guest) -> wasmtime::Result<T>,
) -> Result<T> {
    let wall_clock = context.store.data().view().limits().wall_clock;
    within(wall_clock, async {
        let (mut store, guest) = context.instantiate().await?;
        let result = call(&mut store, &guest).await;
        result.map_err(|error| failure(&mut store, &error))
    })
    .await
}

/// The same as [`run`] for the calls that return an error of the contract's.
pub(crate) async fn run_fallible<T>(
    context: Context<'_>,
    call: impl AsyncFnOnce(&mut Store<State>, &Guest) -> wasmtime::Result<Result<T, contract::Error>>,
) -> Result<T> {
    run(context, async |store, guest| {
        let result = call(store, guest).await?;
        Ok(result.map_err(|error| refused(store, error)))
    })
    .await?
}

pub(crate) async fn within<T>(wall_clock: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(wall_clock, call)
        .await
        .unwrap_or_else(|_| Err(out_of_time(wall_clock)))
}

/// When the time of a call that begins now is over. A limit beyond what a clock can tell is none.
pub(crate) fn deadline(wall_clock: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    Instant::now() + wall_clock.min(FAR)
}

pub(crate) fn out_of_time(wall_clock: Duration) -> Error {
    limit(
        "max-wall-clock-ms",
        &format!("the call took longer than {} ms", wall_clock.as_millis()),
    )
}

pub(crate) fn too_many_events(most: u64) -> Error {
    limit("max-events", &format!("the answer had more than {most} events"))
}

fn limit(name: &'static str, message: &str) -> Error {
    Error::new(Kind::Limit, message)
        .with_code(name)
        .with_hint(format!(
            "if the plugin is to be trusted with more, raise `{name}` with `--set {name}=…`"
        ))
}

/// There is no memory left beside the other requests. Whether this one had been sent already is the caller's to know.
fn no_memory_left(message: String) -> Error {
    let name = memory::TOTAL;
    Error::new(Kind::Limit, message)
        .with_code(name)
        .with_hint(format!(
            "ask again when other requests have ended, or raise `{name}` with `--set {name}=…`"
        ))
        .retryable(false)
}

/// What the host stopped, as an error; `None` if it stopped nothing.
fn stopped(note: Note) -> Option<Error> {
    match note {
        Note::Limit { name, message } if name == memory::TOTAL => Some(no_memory_left(message)),
        Note::Limit { name, message } => Some(limit(name, &message)),
        Note::Denied { message, hint } => {
            Some(Error::new(Kind::Provider(ErrorKind::Denied), message).with_hint(hint))
        }
        Note::Unconnected { .. } => None,
    }
}

/// What it means that a call of the guest did not return.
pub(crate) fn failure(store: &mut Store<State>, error: &wasmtime::Error) -> Error {
    let dumped = error.downcast_ref::<WasmCoreDump>().map(|dump| {
        let memories = dump.memories().iter();
        memories.map(|memory| memory.data(&store).to_vec()).collect()
    });
    let meaning = meaning(store, error);
    match dumped {
        Some(memories) => meaning.with_guest_memories(memories),
        None => meaning,
    }
}

fn meaning(store: &mut Store<State>, error: &wasmtime::Error) -> Error {
    if let Some(stopped) = store.data_mut().take_note().and_then(stopped) {
        return match store.data().has_asked() && stopped.is_retryable() {
            true => stopped.retryable(true),
            false => stopped,
        };
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
        return limit("max-resources", "the plugin held more handles than it may");
    }
    if let Some(FieldMapError::TotalSizeTooBig) = error.downcast_ref::<FieldMapError>() {
        return limit(
            "max-http-fields-bytes",
            "the plugin put more into one set of header fields than it may",
        );
    }
    if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
        return Error::new(Kind::Limit, format!("the sandbox is full: {full}"))
            .with_code(Error::SANDBOX_FULL)
            .with_hint(
                "ask again when other requests have ended, or make the sandbox for more (`SandboxOptions`)",
            )
            .retryable(false);
    }
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            return limit("max-stack-bytes", "the plugin used more stack than it may");
        }
        Some(trap) => trap.to_string(),
        None => {
            // What lies around the cause is a backtrace, which tells a person nothing.
            let text = error.root_cause().to_string();
            if text.contains("resource limit exceeded") {
                return limit(
                    "max-instances",
                    "the plugin is of more instances, memories or tables than it may be",
                );
            }
            if text.contains("fuel allocated for hostcalls") {
                return limit(
                    "max-hostcall-bytes",
                    "the plugin passed more data in one call than it may",
                );
            }
            text
        }
    };
    tracing::debug!(error = ?error, "plugin trap");
    Error::new(Kind::PluginTrap, format!("the plugin failed: {what}"))
        .with_hint("this is a fault of the plugin; the request may have been sent")
}

/// An error that the guest gave, replaced by the host's own account if the host was the cause.
pub(crate) fn refused(store: &mut Store<State>, mut error: contract::Error) -> Error {
    match store.data_mut().take_note() {
        // What was denied did not matter if the upstream answered all the same.
        Some(Note::Denied { .. }) if error.status.is_some() => error.into(),
        Some(Note::Unconnected { message, hint }) => {
            if matches!(error.kind, ErrorKind::Transport | ErrorKind::Timeout) {
                error.message = message;
                error.hint = Some(hint);
            }
            error.into()
        }
        Some(note) => match stopped(note) {
            Some(stopped) => stopped.with_account(error),
            None => error.into(),
        },
        None => error.into(),
    }
}
