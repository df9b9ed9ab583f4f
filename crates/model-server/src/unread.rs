//! Unread request bodies of refused requests: the connection can be reused only after the body has been consumed. A
//! short body is read and dropped; for a long or slow one the response announces that the connection closes. Knows
//! nothing of why a request was refused.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderValue, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;

/// The most bytes that are read to be dropped.
const MOST: u64 = 256 * 1024;
/// The timeout of that.
const LONGEST: Duration = Duration::from_millis(500);

/// A request's body that may not be read to its end.
pub(super) struct Unread {
    left: Left,
    /// The client sent `expect: 100-continue`, and need not send the body.
    is_held_back: bool,
}

type Left = Arc<Mutex<Option<Body>>>;

/// The connection's side: whether to linger at close, so that a body that the client is still sending does not make
/// its system drop the response.
#[derive(Clone, Default)]
pub(super) struct Lingers(Arc<AtomicBool>);

impl Lingers {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Tracks a request's body; `None` if there is none.
pub(super) fn watch(request: Request) -> (Request, Option<Unread>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let left = Left::default();
    let is_held_back = request.headers().contains_key(header::EXPECT);
    let unread = Unread {
        left: Arc::clone(&left),
        is_held_back,
    };
    let request = request.map(|body| {
        Body::new(Watched {
            body: Some(body),
            left,
        })
    });
    (request, Some(unread))
}

impl Unread {
    /// With the response: consumes the rest of the body, or announces the close.
    pub(super) async fn settle(self, version: Version, lingers: Option<&Lingers>, response: &mut Response) {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = left else { return };
        let is_short = body.size_hint().lower() <= MOST && !self.is_held_back;
        let is_gone = is_short && tokio::time::timeout(LONGEST, drain(body)).await.unwrap_or(false);
        if !is_gone && version < Version::HTTP_2 {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
            if let Some(Lingers(flag)) = lingers {
                flag.store(true, Relaxed);
            }
        }
    }
}

/// Whether it ended within the limit.
async fn drain(mut body: Body) -> bool {
    let mut read = 0;
    while read <= MOST {
        match body.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
        }
    }
    false
}

/// A body that reports when it is dropped before its end.
struct Watched {
    body: Option<Body>,
    left: Left,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), |body| body.size_hint())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
