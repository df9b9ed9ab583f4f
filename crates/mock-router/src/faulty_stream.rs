//! The byte stream under an HTTP/1.1 connection, with two faults that an HTTP server cannot produce: closing right
//! after a response that announced keep-alive, and replacing a response by bytes that are not HTTP. Knows no HTTP
//! itself.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::recorder::lock;

#[derive(Debug, Default)]
struct State {
    /// Close once everything written so far has been flushed.
    closing: bool,
    /// Closed: reads report the end of the stream, so that the server closes the connection gracefully.
    closed: bool,
    /// Written instead of the server's output.
    raw: Option<Bytes>,
    reader: Option<Waker>,
}

/// The handle by which an exchange controls its connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Control(Arc<Mutex<State>>);

impl Control {
    /// Closes the connection as soon as the written bytes have been sent.
    pub(super) fn close_after_flush(&self) {
        lock(&self.0).closing = true;
    }

    /// From now on, sends these bytes instead of the server's output.
    pub(super) fn replace_by(&self, raw: Bytes) {
        lock(&self.0).raw = Some(raw);
    }

    fn flushed(&self) {
        let mut state = lock(&self.0);
        if state.closing && !state.closed {
            state.closed = true;
            if let Some(reader) = state.reader.take() {
                reader.wake();
            }
        }
    }
}

/// A byte stream under [`Control`].
#[derive(Debug)]
pub(super) struct FaultyStream<S> {
    io: S,
    control: Control,
}

impl<S> FaultyStream<S> {
    pub(super) fn new(io: S) -> (Self, Control) {
        let control = Control::default();
        (
            Self {
                io,
                control: control.clone(),
            },
            control,
        )
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FaultyStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        {
            let mut state = lock(&self.control.0);
            if state.closed {
                return Poll::Ready(Ok(()));
            }
            state.reader = Some(cx.waker().clone());
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FaultyStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { io, control } = self.get_mut();
        let mut state = lock(&control.0);
        let Some(raw) = &mut state.raw else {
            drop(state);
            return Pin::new(io).poll_write(cx, buf);
        };
        while !raw.is_empty() {
            let written = ready!(Pin::new(&mut *io).poll_write(cx, raw))?;
            raw.advance(written);
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, control } = self.get_mut();
        ready!(Pin::new(io).poll_flush(cx))?;
        control.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
