//! Capacity for request bodies, for a guest that does not block. Knows nothing of what is sent.
//!
//! Whoever waits for capacity stands in a queue, and leaves it when the wait is dropped. So a wait is kept from one
//! look of the host to the next; one that was made anew for each look would never be woken.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError};

/// A request body, as host and guest share it.
pub(super) struct Outgoing {
    /// Gone while a wait has it.
    stream: Option<DynOutputStream>,
    wait: Option<Pin<Box<dyn Future<Output = DynOutputStream> + Send>>>,
    /// The guest has found no capacity, and is to be woken when there is some.
    wants_room: bool,
}

impl Outgoing {
    pub(super) fn new(stream: DynOutputStream) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            stream: Some(stream),
            wait: None,
            wants_room: false,
        }))
    }

    /// Whether the guest waits for capacity.
    pub(super) fn wants_room(&self) -> bool {
        self.wants_room
    }

    /// The guest waits for capacity.
    pub(super) fn want_room(&mut self) {
        self.wants_room = true;
    }

    /// Ready when there is capacity, or when the body is closed.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(mut stream) = self.stream.take() {
            self.wait = Some(Box::pin(async move {
                stream.ready().await;
                stream
            }));
        }
        if let Some(wait) = &mut self.wait {
            self.stream = Some(ready!(wait.as_mut().poll(cx)));
            self.wait = None;
        }
        self.wants_room = false;
        Poll::Ready(())
    }

    /// The stream, unless it has no capacity.
    fn free(&mut self) -> Option<&mut DynOutputStream> {
        if self.wait.is_some() {
            let _ = self.poll_room(&mut Context::from_waker(Waker::noop()));
        }
        self.stream.as_mut()
    }
}

/// A request body's stream, as the guest writes it.
pub(super) struct RoomStream(pub(super) Arc<Mutex<Outgoing>>);

impl OutputStream for RoomStream {
    fn check_write(&mut self) -> Result<usize, StreamError> {
        let mut body = lock(&self.0);
        let room = body.free().map_or(Ok(0), |stream| stream.check_write())?;
        body.wants_room = room == 0;
        Ok(room)
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        match lock(&self.0).free() {
            Some(stream) => stream.write(bytes),
            None => Err(StreamError::Trap(wasmtime::format_err!(
                "it writes without capacity"
            ))),
        }
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        // Nothing is buffered here.
        lock(&self.0).free().map_or(Ok(()), |stream| stream.flush())
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for RoomStream {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| lock(&self.0).poll_room(cx)).await;
    }
}

pub(super) fn lock(body: &Mutex<Outgoing>) -> MutexGuard<'_, Outgoing> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use tokio::sync::mpsc;

    use super::*;

    /// As the stream of `wasi:http`: capacity is a place in a channel.
    struct Channel(mpsc::Sender<Bytes>);

    impl OutputStream for Channel {
        fn check_write(&mut self) -> Result<usize, StreamError> {
            Ok(self.0.capacity() * 4)
        }

        fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
            self.0.try_send(bytes).map_err(|_| StreamError::Closed)
        }

        fn flush(&mut self) -> Result<(), StreamError> {
            Ok(())
        }
    }

    #[wasmtime_wasi_io::async_trait]
    impl Pollable for Channel {
        async fn ready(&mut self) {
            let _ = self.0.reserve().await;
        }
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_guest_without_room_is_woken_when_there_is_some() {
        let (sender, mut receiver) = mpsc::channel(1);
        let shared = Outgoing::new(Box::new(Channel(sender)));
        let mut stream = RoomStream(Arc::clone(&shared));
        assert_eq!(stream.check_write().unwrap(), 4);
        stream.write(Bytes::from_static(b"full")).unwrap();
        assert_eq!(stream.check_write().unwrap(), 0);
        assert!(lock(&shared).wants_room());

        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(
            lock(&shared)
                .poll_room(&mut Context::from_waker(&waker))
                .is_pending()
        );
        // The guest runs meanwhile, for its timer.
        assert_eq!(stream.check_write().unwrap(), 0);
        assert!(matches!(stream.write(Bytes::new()), Err(StreamError::Trap(_))));
        stream.flush().unwrap();
        assert!(
            lock(&shared)
                .poll_room(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);

        assert_eq!(receiver.recv().await.unwrap(), "full");
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(
            lock(&shared)
                .poll_room(&mut Context::from_waker(&waker))
                .is_ready()
        );
        assert_eq!(stream.check_write().unwrap(), 4);
        assert!(!lock(&shared).wants_room());
    }

    #[tokio::test]
    async fn a_guest_whose_body_nobody_takes_any_more_is_woken_too() {
        let (sender, receiver) = mpsc::channel(1);
        let shared = Outgoing::new(Box::new(Channel(sender)));
        let mut stream = RoomStream(Arc::clone(&shared));
        stream.write(Bytes::from_static(b"full")).unwrap();
        assert_eq!(stream.check_write().unwrap(), 0);
        let waiting = stream.ready();
        drop(receiver);
        waiting.await;
    }
}
