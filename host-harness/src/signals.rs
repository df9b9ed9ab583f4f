//! Termination: Ctrl-C, or the system's request.

use futures::FutureExt as _;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves when the user or the system asks this process to terminate.
pub(super) async fn interrupted() {
    let ctrl_c = async {
        // Without a handler there is nothing to wait for: the signal ends the process by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        let mut terminate = signal(SignalKind::terminate()).ok();
        tokio::select! {
            () = ctrl_c => {}
            () = next(&mut terminate) => {}
        }
    }
    #[cfg(not(unix))]
    ctrl_c.await;
}

/// While this value lives, `SIGHUP` ends nothing: a server does not depend on the terminal that it was started from, and
/// `SIGHUP` means "reload". `hung_up` is called each time.
#[cfg(unix)]
pub(super) fn on_hang_up(hung_up: impl Fn() + Send + 'static) -> Option<tokio::task::JoinHandle<()>> {
    let mut hang_up = signal(SignalKind::hangup()).ok()?;
    Some(tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            hung_up();
        }
    }))
}

#[cfg(not(unix))]
pub(super) fn on_hang_up(_: impl Fn() + Send + 'static) -> Option<tokio::task::JoinHandle<()>> {
    None
}

/// A request to terminate, or the loss of the terminal. In a conversation Ctrl-C cancels the response in flight and this
/// ends the program; it is watched from the start, so that none is lost between two prompts.
#[derive(Debug, Default)]
pub(super) struct Ending {
    #[cfg(unix)]
    terminate: Option<Signal>,
    #[cfg(unix)]
    hang_up: Option<Signal>,
    has_arrived: bool,
}

impl Ending {
    pub(super) fn watched() -> Self {
        #[cfg(unix)]
        return Self {
            terminate: signal(SignalKind::terminate()).ok(),
            hang_up: signal(SignalKind::hangup()).ok(),
            has_arrived: false,
        };
        #[cfg(not(unix))]
        Self::default()
    }

    /// Resolves when it has arrived.
    pub(super) async fn arrived(&mut self) {
        if self.has_arrived {
            return;
        }
        #[cfg(unix)]
        tokio::select! {
            () = next(&mut self.terminate) => {}
            () = next(&mut self.hang_up) => {}
        }
        #[cfg(not(unix))]
        std::future::pending::<()>().await;
        self.has_arrived = true;
    }

    /// Whether it has arrived.
    pub(super) fn has_arrived(&mut self) -> bool {
        self.arrived().now_or_never().is_some()
    }
}

/// Without a handler the signal ends the process by itself.
#[cfg(unix)]
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
