//! One call of a guest: its own store, a deadline, and the mapping of failures to errors.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, WasmCoreDump, component::ResourceTableError};
use wasmtime_wasi_http::FieldMapError;

use crate::{
    contract::{self, ProviderErrorKind},
    error::{Error, ErrorKind, Result},
    limits::StopReason,
    sandbox::{
        Sandbox, State,
        guest::{Guest, GuestPre},
        memory,
    },
};

/// The context of a call: its own store, and the pre-linked component.
pub(crate) struct Context<'a> {
    store: Store<State>,
    guest_pre: &'a GuestPre,
}

impl<'a> Context<'a> {
    pub(crate) fn new(sandbox: &Sandbox, guest_pre: &'a GuestPre, state: State) -> Self {
        Self {
            store: sandbox.store(state),
            guest_pre,
        }
    }

    /// Instantiates. The guest runs only if its component has a start function.
    pub(crate) async fn instantiate(mut self) -> Result<(Store<State>, Guest)> {
        match self.guest_pre.instantiate(&mut self.store).await {
            Ok(guest) => Ok((self.store, guest)),
            Err(error) => Err(failure(&mut self.store, &error)),
        }
    }
}

/// Runs one call in a fresh instance to its end, within the wall-clock limit.
pub(crate) async fn run<T>(
    context: Context<'_>,
    call: impl AsyncFnOnce(&mut Store<State>, &Guest) -> wasmtime::Result<T>,
) -> Result<T> {
    let wall_clock = context.store.data().context().limits().wall_clock;
    let whole = async {
        let (mut store, guest) = context.instantiate().await?;
        let result = call(&mut store, &guest).await;
        result.map_err(|error| failure(&mut store, &error))
    };
    // On the heap: the futures of all callers would hold it, and copy it, twice each.
    within(wall_clock, Box::pin(whole)).await
}

/// The same as [`run`] for calls that return an error of the contract.
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

pub(crate) async fn within<T>(
    wall_clock: Duration,
    call: impl Future<Output = Result<T>> + Unpin,
) -> Result<T> {
    tokio::time::timeout(wall_clock, call)
        .await
        .unwrap_or_else(|_| Err(out_of_time(wall_clock)))
}

/// The deadline of a call that begins now; bounded, since a clock cannot represent any limit.
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
    limit("max-events", &format!("the response had more than {most} events"))
}

/// A read has to keep to the number that it is given: what it returns is in the host's memory at once.
pub(crate) fn too_many_at_once(events: usize, most: u32) -> Error {
    let message = format!("the plugin failed: a read of at most {most} events returned {events}");
    Error::new(ErrorKind::PluginTrap, message).with_hint(BUG)
}

/// What a plugin's failure means to a user.
const BUG: &str = "this is a bug of the plugin; the request may have been sent";

fn limit(name: &'static str, message: &str) -> Error {
    Error::new(ErrorKind::Limit, message)
        .with_code(name)
        .with_hint(format!(
            "if you trust the plugin with more, raise the setting `{name}`"
        ))
}

/// The memory budget is used up by other requests. The caller knows whether this one had been sent already.
fn no_memory_left(message: String) -> Error {
    let name = memory::TOTAL;
    Error::new(ErrorKind::Limit, message)
        .with_code(name)
        .with_hint(format!(
            "retry when other requests have ended, or raise the setting `{name}`"
        ))
        .retryable(false)
}

/// Maps a recorded stop reason to an error; `None` if the host stopped nothing.
fn stopped(note: StopReason) -> Option<Error> {
    match note {
        StopReason::Limit { name, message } if name == memory::TOTAL => Some(no_memory_left(message)),
        StopReason::Limit { name, message } => Some(limit(name, &message)),
        StopReason::Denied { message, hint } => {
            Some(Error::new(ErrorKind::Provider(ProviderErrorKind::Denied), message).with_hint(hint))
        }
        StopReason::Unconnected { .. } => None,
    }
}

/// Maps a failed call of the guest to an error.
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
    if let Some(stopped) = store.data_mut().take_stop_reason().and_then(stopped) {
        return match store.data().has_asked() && stopped.is_retryable() {
            true => stopped.retryable(true),
            false => stopped,
        };
    }
    if matches!(
        error.downcast_ref::<ResourceTableError>(),
        Some(ResourceTableError::Full)
    ) {
        return limit("max-resources", "the plugin held too many handles");
    }
    if matches!(
        error.downcast_ref::<FieldMapError>(),
        Some(FieldMapError::TotalSizeTooBig)
    ) {
        return limit(
            "max-http-fields-bytes",
            "the plugin's set of header fields was too large",
        );
    }
    if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
        return Error::new(ErrorKind::Limit, format!("the sandbox is full: {full}"))
            .with_code(Error::SANDBOX_FULL)
            .with_hint("retry when other requests have ended, or create a larger sandbox (`SandboxOptions`)")
            .retryable(false);
    }
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            return limit("max-stack-bytes", "the plugin overflowed its stack");
        }
        Some(trap) => trap.to_string(),
        None => {
            // The error around the cause is a backtrace, which does not help a user.
            let text = error.root_cause().to_string();
            if text.contains("resource limit exceeded") {
                return limit(
                    "max-instances",
                    "the plugin has too many instances, memories or tables",
                );
            }
            if text.contains("fuel allocated for hostcalls") {
                return limit(
                    "max-hostcall-bytes",
                    "the plugin passed too much data in one call",
                );
            }
            text
        }
    };
    tracing::debug!(error = ?error, "plugin trap");
    Error::new(ErrorKind::PluginTrap, format!("the plugin failed: {what}")).with_hint(BUG)
}

/// Replaces the guest's error by the host's own if the host was the cause.
pub(crate) fn refused(store: &mut Store<State>, mut error: contract::Error) -> Error {
    match store.data_mut().take_stop_reason() {
        // A blocked request did not matter if the upstream responded after it.
        Some(StopReason::Denied { .. }) if error.status.is_some() => error.into(),
        Some(StopReason::Unconnected { message, hint }) => {
            if matches!(
                error.kind,
                ProviderErrorKind::Transport | ProviderErrorKind::Timeout
            ) {
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
