//! What happens to a body that nobody read because its request was refused before: the connection is good for the next
//! request only if the body is out of the way. A short one is read and dropped; with a long or slow one the response
//! announces that the connection closes. Knows nothing of why a request was refused.

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

/// The most that is read only to be dropped.
const MOST: u64 = 256 * 1024;
/// The longest that it may take.
const LONGEST: Duration = Duration::from_millis(500);

/// A request's body, if nobody reads it to its end.
pub(super) struct Unread {
    left: Left,
    /// The client waits for a word before it sends the body, and is to be spared sending it.
    is_held_back: bool,
}

type Left = Arc<Mutex<Option<Body>>>;

/// The connection's side: whether it is to go on reading for a moment when it closes, so that what a client still sends
/// does not make its system drop the response.
#[derive(Clone, Default)]
pub(super) struct Lingers(Arc<AtomicBool>);

impl Lingers {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Watches what becomes of a request's body; nothing if there is none.
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
    /// Once there is a response: gets the rest of the body out of the way, or announces the close.
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

/// Whether it came to its end before it was too long.
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

/// A body that says so when it is dropped before its end.
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
