//! Readiness for a guest that does not block: response heads, response bodies, and capacity for request bodies.
//! Knows nothing of the contract: it waits for any WASI handle of such a guest.
//!
//! A blocking guest polls its handles itself. For one that does not block, the host polls the same handles between
//! two calls. The guest then finds a response that is ready without a poll, and all body frames that arrived
//! meanwhile as one chunk, up to a limit.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, InputStream, Pollable, StreamError};
use wasmtime_wasi_http::p2::{body::HostIncomingBodyStream, types::HostFutureIncomingResponse};

use super::room::{self, Outgoing, RoomStream};

/// The most unread bytes of one body; the rest stays in the network.
const MOST_ARRIVED: usize = 64 * 1024;

/// The open handles of one store that the host waits for.
#[derive(Default)]
pub(super) struct Arrivals {
    /// The guest does not block: the host waits.
    is_nonblocking: bool,
    bodies: Vec<Arc<Mutex<Arrived>>>,
    requests: Vec<Arc<Mutex<Outgoing>>>,
}

/// The result of a readiness check.
pub(crate) enum Look {
    /// Something is ready.
    Arrived,
    /// Nothing is ready yet.
    Waiting,
    /// Nothing is ready, and no open handle can become ready.
    NothingOpen,
}

impl Arrivals {
    /// Makes the host wait from now on.
    pub(super) fn wait_in_host(&mut self) {
        self.is_nonblocking = true;
    }

    /// Whether the host waits.
    pub(super) fn is_nonblocking(&self) -> bool {
        self.is_nonblocking
    }

    /// A request body, whose capacity the host waits for.
    pub(super) fn request(&mut self, stream: DynOutputStream) -> DynOutputStream {
        let outgoing = Outgoing::new(stream);
        self.requests.push(Arc::clone(&outgoing));
        Box::new(RoomStream(outgoing))
    }

    /// A replayed guest waits for capacity as the one before did.
    pub(super) fn wants_room(&self) {
        for request in &self.requests {
            room::lock(request).want_room();
        }
    }

    /// A response body, buffered by the host.
    pub(super) fn body(&mut self, stream: HostIncomingBodyStream) -> DynInputStream {
        let arrived = Arc::new(Mutex::new(Arrived::new(stream)));
        self.add(&arrived);
        Box::new(ArrivingBody(arrived))
    }

    /// Waits for this body too.
    pub(super) fn add(&mut self, body: &Arc<Mutex<Arrived>>) {
        self.bodies.push(Arc::clone(body));
    }

    /// Closes all bodies.
    pub(super) fn close(&mut self) {
        self.requests.clear();
        for body in self.bodies.drain(..) {
            lock(&body).close();
        }
    }

    /// Checks all open handles. After [`Look::Waiting`] the task is woken when something becomes ready.
    pub(super) fn look(&mut self, table: &mut ResourceTable, cx: &mut Context<'_>) -> Look {
        let mut look = Look::NothingOpen;
        // Bodies that the guest has dropped are removed.
        self.bodies.retain(|body| Arc::strong_count(body) > 1);
        for body in &self.bodies {
            let mut body = lock(body);
            if body.was_ended {
                continue;
            }
            if body.poll_arrived(cx).is_ready() {
                return Look::Arrived;
            }
            look = Look::Waiting;
        }
        self.requests.retain(|request| Arc::strong_count(request) > 1);
        for request in &self.requests {
            let mut request = room::lock(request);
            if !request.wants_room() {
                continue;
            }
            if request.poll_room(cx).is_ready() {
                return Look::Arrived;
            }
            look = Look::Waiting;
        }
        for entry in table.iter_mut() {
            if let Some(response) = entry.downcast_mut::<HostFutureIncomingResponse>() {
                // Only once: a guest that ignores a ready response is not woken for it again.
                let HostFutureIncomingResponse::Pending(coming) = response else {
                    continue;
                };
                if let Poll::Ready(came) = Pin::new(coming).poll(cx) {
                    *response = HostFutureIncomingResponse::Ready(came);
                    return Look::Arrived;
                }
                look = Look::Waiting;
            }
        }
        look
    }

    /// Drains the bodies, so that their connections can be reused. Ready when all have ended, or when the byte
    /// budget is used up.
    pub(super) fn poll_ends(&self, left: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
        for body in &self.bodies {
            let mut body = lock(body);
            while body.end.is_none() && *left > 0 {
                ready!(body.poll_more(cx));
                *left = left.saturating_sub(body.length);
                body.pieces.clear();
                body.length = 0;
            }
        }
        Poll::Ready(())
    }
}

/// A body of which some has arrived.
pub(super) struct Arrived {
    /// Gone when the guest lets go of it.
    stream: Option<HostIncomingBodyStream>,
    pieces: VecDeque<Bytes>,
    length: usize,
    /// The end of the body, for when all chunks are read.
    end: Option<StreamError>,
    /// The guest has seen the end.
    was_ended: bool,
    /// Counts the instances that have read it; see `shared/body`.
    pub(super) reader: u32,
}

impl Arrived {
    pub(super) fn new(stream: HostIncomingBodyStream) -> Self {
        Self {
            stream: Some(stream),
            pieces: VecDeque::new(),
            length: 0,
            end: None,
            was_ended: false,
            reader: 0,
        }
    }

    /// Reads what has arrived, at most this many bytes; nothing if nothing has.
    pub(super) fn read(&mut self, size: usize) -> Result<Bytes, StreamError> {
        // What the host has seen before the call is passed on without another look.
        if self.length == 0
            && self
                .poll_arrived(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        {
            return Ok(Bytes::new());
        }
        if self.length > 0 || size == 0 {
            return Ok(self.take(size));
        }
        self.was_ended = true;
        Err(self
            .end
            .replace(StreamError::Closed)
            .unwrap_or(StreamError::Closed))
    }

    /// The guest has let go of it: the rest goes back to its body, and ends with that.
    pub(super) fn close(&mut self) {
        self.stream = None;
    }

    /// Whether something can be read; buffers everything that is available, up to the limit.
    pub(super) fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.length < MOST_ARRIVED && self.end.is_none() {
            if self.poll_more(cx).is_pending() {
                break;
            }
        }
        if self.length > 0 || self.end.is_some() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Buffers one frame, or the end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = &mut self.stream else {
            self.end = Some(StreamError::Closed);
            return Poll::Ready(());
        };
        ready!(stream.ready().as_mut().poll(cx));
        match stream.read(usize::MAX) {
            Ok(piece) if piece.is_empty() => return Poll::Pending,
            Ok(piece) => {
                self.length += piece.len();
                self.pieces.push_back(piece);
            }
            Err(end) => self.end = Some(end),
        }
        Poll::Ready(())
    }

    /// Takes at most this many bytes, as one chunk.
    fn take(&mut self, size: usize) -> Bytes {
        let size = size.min(self.length);
        self.length -= size;
        let Some(first) = self.pieces.front_mut() else {
            return Bytes::new();
        };
        if first.len() > size {
            return first.split_to(size);
        }
        let first = self.pieces.pop_front().unwrap_or_default();
        if first.len() == size {
            return first;
        }
        let mut all = BytesMut::with_capacity(size);
        all.extend_from_slice(&first);
        while all.len() < size
            && let Some(piece) = self.pieces.front_mut()
        {
            let more = piece.split_to(piece.len().min(size - all.len()));
            all.extend_from_slice(&more);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        all.freeze()
    }
}

/// The body's stream, as the guest reads it.
struct ArrivingBody(Arc<Mutex<Arrived>>);

#[wasmtime_wasi_io::async_trait]
impl InputStream for ArrivingBody {
    fn read(&mut self, size: usize) -> Result<Bytes, StreamError> {
        lock(&self.0).read(size)
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for ArrivingBody {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| lock(&self.0).poll_arrived(cx)).await;
    }
}

impl Drop for ArrivingBody {
    fn drop(&mut self) {
        lock(&self.0).close();
    }
}

pub(super) fn lock(body: &Mutex<Arrived>) -> MutexGuard<'_, Arrived> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}
