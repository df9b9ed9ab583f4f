//! What arrives for a guest that does not wait: heads and bodies of responses, and room for more of a request. Knows
//! nothing of the contract: any handle of WASI that such a guest holds is waited for.
//!
//! A guest that waits polls its handles itself. For one that does not, the host polls the same handles between two calls,
//! and the guest then finds what the host found: a response that is there without a poll, and of a body all frames that
//! came meanwhile as one piece, up to a bound.

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

/// So many bytes of one body may have arrived without being read; what comes then stays in the network.
const MOST_ARRIVED: usize = 64 * 1024;

/// What one store has open that the host waits for.
#[derive(Default)]
pub(super) struct Arrivals {
    /// The guest does not wait: the host does.
    host_waits: bool,
    /// The guest found no room in the body of a request.
    wants_room: bool,
    bodies: Vec<Arc<Mutex<Arrived>>>,
}

/// What the host finds when it looks.
pub(crate) enum Look {
    /// Something arrived.
    Arrived,
    /// Nothing yet.
    Waiting,
    /// Nothing, and nothing is open from which anything could come.
    NothingOpen,
}

impl Arrivals {
    /// From now on the host waits.
    pub(super) fn wait_in_host(&mut self) {
        self.host_waits = true;
    }

    /// Whether it does.
    pub(super) fn host_waits(&self) -> bool {
        self.host_waits
    }

    /// The guest has found no room in the body of a request: it wants to know when there is some.
    pub(super) fn wants_room(&mut self) {
        self.wants_room = true;
    }

    /// A body that the host waits for, as the guest reads it.
    pub(super) fn body(&mut self, stream: HostIncomingBodyStream) -> DynInputStream {
        let arrived = Arc::new(Mutex::new(Arrived {
            stream: Some(stream),
            pieces: VecDeque::new(),
            length: 0,
            end: None,
            was_ended: false,
        }));
        self.bodies.push(Arc::clone(&arrived));
        Box::new(ArrivingBody(arrived))
    }

    /// Looks at all that is open. If it says [`Look::Waiting`], the task is woken when something arrives.
    pub(super) fn look(&mut self, table: &mut ResourceTable, cx: &mut Context<'_>) -> Look {
        let mut look = Look::NothingOpen;
        // Those that the guest let go of are gone.
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
        for entry in table.iter_mut() {
            if let Some(response) = entry.downcast_mut::<HostFutureIncomingResponse>() {
                // Once: a guest that is told and does not take it is not told again.
                let HostFutureIncomingResponse::Pending(coming) = response else {
                    continue;
                };
                if let Poll::Ready(came) = Pin::new(coming).poll(cx) {
                    *response = HostFutureIncomingResponse::Ready(came);
                    return Look::Arrived;
                }
                look = Look::Waiting;
            } else if self.wants_room
                && let Some(stream) = entry.downcast_mut::<DynOutputStream>()
            {
                if stream.as_mut().ready().as_mut().poll(cx).is_ready() {
                    self.wants_room = false;
                    return Look::Arrived;
                }
                look = Look::Waiting;
            }
        }
        look
    }

    /// Takes what is left of the bodies, so that their connections can be used again. Ready when all have ended, or when
    /// so many bytes were dropped.
    pub(super) fn poll_ends(&mut self, left: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
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
struct Arrived {
    /// Gone when the guest lets go of it.
    stream: Option<HostIncomingBodyStream>,
    pieces: VecDeque<Bytes>,
    length: usize,
    /// How it ends when all pieces are read.
    end: Option<StreamError>,
    /// The guest has seen the end.
    was_ended: bool,
}

impl Arrived {
    /// Whether something can be read; takes all that is there, up to the bound.
    fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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

    /// One frame, or the end.
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

    /// So many bytes at most, as one piece.
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

/// The body's stream as the guest has it.
struct ArrivingBody(Arc<Mutex<Arrived>>);

#[wasmtime_wasi_io::async_trait]
impl InputStream for ArrivingBody {
    fn read(&mut self, size: usize) -> Result<Bytes, StreamError> {
        let mut body = lock(&self.0);
        if body
            .poll_arrived(&mut Context::from_waker(Waker::noop()))
            .is_pending()
        {
            return Ok(Bytes::new());
        }
        if body.length > 0 || size == 0 {
            return Ok(body.take(size));
        }
        body.was_ended = true;
        Err(body
            .end
            .replace(StreamError::Closed)
            .unwrap_or(StreamError::Closed))
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
        // What is left of it goes back to its body, and ends with that.
        lock(&self.0).stream = None;
    }
}

fn lock(body: &Mutex<Arrived>) -> MutexGuard<'_, Arrived> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}
