//! The requests of a call whose guest may be replayed: another instance makes them again, and nothing is sent again.
//! What of a body was sent is compared with what the other instance writes; the rest is sent on.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

/// The requests of one call, in order.
#[derive(Default)]
pub(super) struct KeptRequests {
    requests: Vec<Kept>,
    /// In a replay: how many have been made again.
    again: Option<usize>,
    /// Something differs.
    differs: bool,
}

struct Kept {
    /// Of method, address and headers. The guest could not forge more than its own request.
    digest: u64,
    body: Arc<Mutex<Upload>>,
}

/// What becomes of a request.
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is returned")]
pub(super) enum Sending {
    /// It is sent.
    Now(Request<WasiBody>),
    /// It was sent before.
    Before,
    /// It was not, and is not sent.
    Never,
}

impl KeptRequests {
    pub(super) fn take(&mut self, request: Request<WasiBody>) -> Sending {
        let (parts, body) = request.into_parts();
        let mut digest = DefaultHasher::new();
        parts.method.hash(&mut digest);
        parts.uri.hash(&mut digest);
        for (name, value) in &parts.headers {
            name.hash(&mut digest);
            value.hash(&mut digest);
        }
        let digest = digest.finish();
        if let Some(again) = &mut self.again {
            let Some(kept) = self.requests.get(*again).filter(|kept| kept.digest == digest) else {
                self.differs = true;
                return Sending::Never;
            };
            *again += 1;
            lock(&kept.body).attach(body);
            return Sending::Before;
        }
        let upload = Arc::new(Mutex::new(Upload::new(body)));
        self.requests.push(Kept {
            digest,
            body: Arc::clone(&upload),
        });
        Sending::Now(Request::from_parts(parts, Sent(upload).boxed_unsync()))
    }

    /// Begins a replay: from now on no guest writes the bodies.
    pub(super) fn begin(&mut self) {
        self.again = Some(0);
        for kept in &self.requests {
            lock(&kept.body).detach();
        }
    }

    /// Takes what the guest has written of bodies, as far as it was sent before.
    pub(super) fn take_replayed(&self) {
        if self.again.is_some() {
            for kept in &self.requests {
                lock(&kept.body).take_replayed();
            }
        }
    }

    /// Ends a replay; whether everything was made again as before.
    pub(super) fn end(&mut self) -> bool {
        self.take_replayed();
        let made = self.again.take();
        let is_same = |kept: &Kept| {
            let body = lock(&kept.body);
            body.left == 0 && !body.differs
        };
        !self.differs && made == Some(self.requests.len()) && self.requests.iter().all(is_same)
    }
}

/// A request body between the guest that writes it and the connection.
struct Upload {
    /// The guest's end; `None` while no guest writes it.
    guest: Option<WasiBody>,
    /// How many bytes were sent, and their digest.
    sent: u64,
    digest: DefaultHasher,
    /// How many of them the guest has still to write again, and the digest of those that it has written.
    left: u64,
    again: DefaultHasher,
    differs: bool,
    /// Written beyond what was sent before.
    more: Option<Bytes>,
    waker: Waker,
}

impl Upload {
    fn new(guest: WasiBody) -> Self {
        Self {
            guest: Some(guest),
            sent: 0,
            digest: DefaultHasher::new(),
            left: 0,
            again: DefaultHasher::new(),
            differs: false,
            more: None,
            waker: Waker::noop().clone(),
        }
    }

    fn detach(&mut self) {
        self.guest = None;
        self.left = self.sent;
        self.again = DefaultHasher::new();
    }

    fn attach(&mut self, guest: WasiBody) {
        self.guest = Some(guest);
        self.waker.wake_by_ref();
    }

    fn take_replayed(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        while self.left > 0 && self.more.is_none() {
            match self.poll_guest(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => self.more = frame.into_data().ok(),
                // It ends before what was sent.
                Poll::Ready(_) => {
                    self.differs = true;
                    return;
                }
                Poll::Pending => break,
            }
        }
        // The connection has to look again by its own waker.
        self.waker.wake_by_ref();
    }

    /// The next frame beyond what was sent before.
    fn poll_guest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        loop {
            let Some(guest) = &mut self.guest else {
                return Poll::Pending;
            };
            let frame = ready!(Pin::new(guest).poll_frame(cx));
            let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) else {
                return Poll::Ready(frame);
            };
            let (Some(data), true) = (data, self.left > 0) else {
                return Poll::Ready(frame);
            };
            let known = usize::try_from(self.left).unwrap_or(usize::MAX).min(data.len());
            let (known, more) = (data.slice(..known), data.slice(known..));
            self.again.write(&known);
            self.left -= known.len() as u64;
            if self.left == 0 && self.again.finish() != self.digest.finish() {
                self.differs = true;
            }
            if self.differs {
                return Poll::Pending;
            }
            if !more.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(more))));
            }
            if self.left == 0 {
                // What comes next is for the connection.
                self.waker.wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}

/// The connection's end.
struct Sent(Arc<Mutex<Upload>>);

impl Body for Sent {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let mut upload = lock(&self.0);
        upload.waker.clone_from(cx.waker());
        let frame = match upload.more.take() {
            Some(more) => Some(Ok(Frame::data(more))),
            None => ready!(upload.poll_guest(cx)),
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            upload.sent += data.len() as u64;
            upload.digest.write(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let upload = lock(&self.0);
        upload.left == 0 && upload.more.is_none() && upload.guest.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let upload = lock(&self.0);
        match &upload.guest {
            Some(guest) if upload.left == 0 && upload.more.is_none() => guest.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        // The guest sees that nobody reads it. In a replay what it writes is still compared.
        let mut upload = lock(&self.0);
        if upload.left == 0 {
            upload.guest = None;
        }
    }
}

fn lock(upload: &Mutex<Upload>) -> MutexGuard<'_, Upload> {
    upload.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn whole(text: &'static str) -> WasiBody {
        Full::new(Bytes::from_static(text.as_bytes()))
            .map_err(|never| match never {})
            .boxed_unsync()
    }

    /// These pieces, and no end yet.
    fn begun(pieces: &[&'static str]) -> WasiBody {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))
            .collect();
        let frames = futures::stream::iter(frames);
        StreamBody::new(futures::StreamExt::chain(frames, futures::stream::pending())).boxed_unsync()
    }

    fn request(path: &str, body: WasiBody) -> Request<WasiBody> {
        Request::post(path).body(body).unwrap()
    }

    fn sent(sending: Sending) -> WasiBody {
        let Sending::Now(request) = sending else {
            panic!("it is sent");
        };
        request.into_body()
    }

    async fn next(body: &mut WasiBody) -> Bytes {
        body.frame().await.unwrap().unwrap().into_data().unwrap()
    }

    #[tokio::test]
    async fn a_body_that_was_sent_in_part_is_sent_on_by_the_next_instance_however_it_is_cut() {
        let mut kept = KeptRequests::default();
        let mut body = sent(kept.take(request("/a", begun(&["one ", "two ", "never sent"]))));
        assert_eq!(next(&mut body).await, "one ");
        assert_eq!(next(&mut body).await, "two ");
        kept.begin();
        let again = kept.take(request("/a", begun(&["one t", "wo th", "ree"])));
        assert!(matches!(again, Sending::Before));
        kept.take_replayed();
        assert!(kept.end());
        assert_eq!(next(&mut body).await, "th");
        assert_eq!(next(&mut body).await, "ree");
    }

    #[tokio::test]
    async fn another_request_or_another_body_differs_and_nothing_is_sent() {
        for (path, text) in [("/b", "one"), ("/a", "two"), ("/a", "on")] {
            let mut kept = KeptRequests::default();
            let body = sent(kept.take(request("/a", whole("one"))));
            assert_eq!(body.collect().await.unwrap().to_bytes(), "one");
            kept.begin();
            let again = kept.take(request(path, whole(text)));
            assert_eq!(matches!(again, Sending::Before), path == "/a");
            assert!(!kept.end(), "{path} {text}");
        }
    }

    #[test]
    fn a_request_more_or_less_differs() {
        let mut kept = KeptRequests::default();
        let _body = sent(kept.take(request("/a", whole(""))));
        kept.begin();
        assert!(!kept.end());
        kept.begin();
        assert!(matches!(kept.take(request("/a", whole(""))), Sending::Before));
        assert!(matches!(kept.take(request("/a", whole(""))), Sending::Never));
        assert!(!kept.end());
    }
}
