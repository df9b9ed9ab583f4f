//! The journal of the mock router: requests, connections, cancelled exchanges. Decides nothing.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::sync::watch;

/// A request as it was received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// 1 for the first request of this router.
    pub number: usize,
    /// 1 for the first connection of this router: equal numbers mean a reused connection.
    pub connection: usize,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
    /// When the body was complete.
    pub at: Instant,
}

impl RecordedRequest {
    /// A header as text, if it is there once or more (the first) and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Counters and the list of requests.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    requests: Mutex<Vec<RecordedRequest>>,
    pub(super) received: watch::Sender<usize>,
    pub(super) connections: AtomicUsize,
    pub(super) abandoned: watch::Sender<usize>,
    pub(super) open: watch::Sender<usize>,
    pub(super) body_bytes: AtomicU64,
}

impl Recorder {
    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.requests).clone()
    }

    /// Records a request and returns its number.
    pub(super) fn record(&self, mut request: RecordedRequest) -> usize {
        let mut requests = lock(&self.requests);
        let number = requests.len() + 1;
        request.number = number;
        requests.push(request);
        drop(requests);
        self.received.send_replace(number);
        number
    }
}

/// Ignores poisoning: a panic of another holder leaves the plain data consistent.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One exchange. Dropped before [`Exchange::done`], it counts as cancelled by the client: the transport drops it as
/// soon as the other side has disconnected.
#[derive(Debug)]
pub(super) struct Exchange {
    recorder: Arc<Recorder>,
    done: bool,
}

impl Exchange {
    pub(super) fn begin(recorder: Arc<Recorder>) -> Self {
        recorder.open.send_modify(|open| *open += 1);
        Self {
            recorder,
            done: false,
        }
    }

    /// Counts body bytes that the transport has accepted.
    pub(super) fn sent(&self, bytes: usize) {
        self.recorder.body_bytes.fetch_add(bytes as u64, Ordering::SeqCst);
    }

    /// The script is complete.
    pub(super) fn done(&mut self) {
        self.done = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.recorder
            .open
            .send_modify(|open| *open = open.saturating_sub(1));
        if !self.done {
            self.recorder.abandoned.send_modify(|abandoned| *abandoned += 1);
        }
    }
}
