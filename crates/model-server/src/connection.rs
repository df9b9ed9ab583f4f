//! Wrappers of a connection's stream and of response bodies: a lingering close that does not lose the response, a
//! timeout for clients that do not read, and a signal that a response has been sent. Knows nothing of the content.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

use super::{seats::Busy, unread::Lingers};

/// The time and byte limits of a lingering close.
const LONGEST: Duration = Duration::from_secs(1);
const MOST: usize = 64 * 1024 * 1024;
/// Pieces of up to this many bytes are written as one: an event is three short ones, and copying them costs less than a
/// system call with a list.
const TOGETHER: usize = 2 * 1024;

/// A stream with a lingering close: while the client is still sending, it continues to read for a moment. Closing a
/// socket with unread bytes resets the connection, and the client's system then drops a response that has already
/// arrived.
///
/// A write that makes no progress for the send timeout fails, which ends the connection. hyper polls no body while a
/// write is pending, so that nothing else would: a client that reads nothing would keep its seat for ever.
pub(super) struct Closing {
    stream: TcpStream,
    lingers: Lingers,
    closing: Option<(Pin<Box<Sleep>>, usize)>,
    send_timeout: Duration,
    /// Set while a write is pending.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Closing {
    pub(super) fn new(stream: TcpStream, lingers: Lingers, send_timeout: Duration) -> Self {
        Self {
            stream,
            lingers,
            closing: None,
            send_timeout,
            stalled: None,
        }
    }

    /// The outcome of a write; an error once writes have been pending for too long.
    fn in_time(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.send_timeout;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(stalled.as_mut().poll(context));
        tracing::info!("a connection was closed: its client does not read the response");
        // A reset: otherwise the system would keep the unsent bytes, and try to send them for minutes.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Closing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Closing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bytes.iter().map(|piece| piece.len()).sum::<usize>() > TOGETHER {
            let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
            return self.in_time(context, written);
        }
        let mut room = [MaybeUninit::uninit(); TOGETHER];
        let mut together = ReadBuf::uninit(&mut room);
        for piece in bytes {
            together.put_slice(piece);
        }
        let written = Pin::new(&mut self.stream).poll_write(context, together.filled());
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            if !this.lingers.is_set() {
                return Poll::Ready(Ok(()));
            }
        }
        let (until, read) = this
            .closing
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep(LONGEST)), 0));
        let mut dropped = [0; 8 * 1024];
        while *read < MOST && until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut dropped);
            match Pin::new(&mut this.stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                // The client has closed as well, or reset the connection.
                Poll::Ready(Err(_)) => break,
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => break,
                Poll::Ready(Ok(())) => *read += buffer.filled().len(),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A response's body; its connection is busy until it is dropped.
pub(super) struct InProgress {
    body: Body,
    _busy: Busy,
}

impl InProgress {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl http_body::Body for InProgress {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
