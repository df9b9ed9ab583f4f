//! The log of one request to the host: a span around its work, and one line at its end.

use std::{
    fmt,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tracing::{Instrument as _, Span};

use crate::error::{Error, Result};

/// The id of one request to the host in the log: `5f3a9c01-000017`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Distinguishes the requests of one process from those of the next in the same log.
        static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish() >> 32);
        write!(f, "{:08x}-{:06}", *PROCESS, self.0)
    }
}

/// The span of one request.
pub(crate) struct Trace {
    id: RequestId,
    span: Span,
    started: Instant,
    ended: bool,
}

impl Trace {
    /// A request begins: the plugin's export, and its subject; `about` holds no secret.
    pub(crate) fn begin(export: &'static str, about: &str) -> Self {
        let id = RequestId::next();
        let generation = tracing::field::Empty;
        Self {
            id,
            span: tracing::info_span!("call", %id, export, about, generation),
            started: Instant::now(),
            ended: false,
        }
    }

    pub(crate) fn id(&self) -> RequestId {
        self.id
    }

    /// Runs part of the request's work within its span.
    pub(crate) fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.instrument(self.span.clone())
    }

    /// Runs all of it, and ends it.
    pub(crate) async fn around<T>(mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let result = self.within(work).await;
        self.end(result.as_ref().err());
        result
    }

    /// The request has ended.
    pub(crate) fn end(&mut self, error: Option<&Error>) {
        self.ended = true;
        let elapsed = self.started.elapsed();
        let _entered = self.span.enter();
        match error {
            None => tracing::info!(?elapsed, "done"),
            Some(error) => {
                let details = error.details();
                let (status, attempts) = (details.status, details.attempts);
                // An upstream's message may repeat the prompt.
                let reason = error.is_host_error().then(|| error.message());
                let kind = error.kind().as_str();
                let upstream = details.request_id.as_deref();
                tracing::info!(?elapsed, kind, reason, status, attempts, upstream, "failed");
            }
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if !self.ended {
            let _entered = self.span.enter();
            tracing::info!(elapsed = ?self.started.elapsed(), "cancelled");
        }
    }
}

/// Records the generation of the current request.
pub(crate) fn generation(number: u64) {
    Span::current().record("generation", number);
}
