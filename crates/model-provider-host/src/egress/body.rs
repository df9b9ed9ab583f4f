//! Bodies of the egress client: counts what a guest sends; counts and redacts, or withholds, what it receives.

use std::{
    future::Future as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use tracing::Span;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::{
    limits::StopReason,
    redact::body::BodyRedactor,
    request_context::{RESPONSE_BYTES, RequestContext},
};

/// A request body from a guest.
pub(super) struct Outgoing {
    inner: WasiBody,
    left: u64,
    context: RequestContext,
}

impl Outgoing {
    pub(super) fn new(inner: WasiBody, context: RequestContext) -> Self {
        let left = context.limits().request_bytes;
        Self { inner, left, context }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let len = data.len() as u64;
            if len > self.left {
                let most = self.context.limits().request_bytes;
                self.context.stop(StopReason::Limit {
                    name: "max-request-bytes",
                    message: format!("the request's body is longer than {most} bytes"),
                });
                return Poll::Ready(Some(Err(HttpError::HttpRequestBodySize(Some(most)))));
            }
            self.left -= len;
        }
        // Trailers are headers too, and the header rules have not been applied to them.
        if frame
            .as_ref()
            .is_some_and(|frame| frame.as_ref().is_ok_and(Frame::is_trailers))
        {
            tracing::debug!("trailers of a guest are not sent");
            return Poll::Ready(None);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Guard that counts an open request, of a guest or on a pooled client.
pub(super) struct RequestGuard(Arc<AtomicUsize>);

impl RequestGuard {
    pub(super) fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A timeout between two chunks. Time in which nobody polls does not count.
struct BetweenBytesTimeout {
    most: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl BetweenBytesTimeout {
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let begin = || Box::pin(tokio::time::sleep(self.most));
        self.waiting.get_or_insert_with(begin).as_mut().poll(cx)
    }
}

/// A response body for a guest.
pub(super) struct ResponseBody {
    inner: Incoming,
    left: u64,
    redactor: BodyRedactor,
    ended: bool,
    /// The error that ends the body when the received data has been returned.
    failed: Option<HttpError>,
    context: RequestContext,
    between: Option<BetweenBytesTimeout>,
    /// The span of the attempt: bodies are read outside of it.
    span: Span,
    _open: [RequestGuard; 2],
}

impl ResponseBody {
    /// `most_between` is the guest's own between-bytes timeout.
    pub(super) fn new(
        inner: Incoming,
        redactor: BodyRedactor,
        context: RequestContext,
        open: [RequestGuard; 2],
        most_between: Option<Duration>,
    ) -> Self {
        let left = context.limits().response_bytes;
        Self {
            inner,
            left,
            redactor,
            ended: false,
            failed: None,
            context,
            between: most_between.map(|most| BetweenBytesTimeout { most, waiting: None }),
            span: Span::current(),
            _open: open,
        }
    }

    fn end(&mut self, how: &str) {
        self.ended = true;
        let bytes = self.context.limits().response_bytes - self.left;
        self.span.in_scope(|| tracing::debug!(bytes, "{how}"));
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        loop {
            if self.ended {
                return Poll::Ready(self.failed.take().map(Err));
            }
            let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
                if let Some(between) = &mut self.between {
                    ready!(between.poll_end(cx));
                    self.end("response body: between-bytes timeout");
                    return Poll::Ready(Some(Err(HttpError::ConnectionReadTimeout)));
                }
                return Poll::Pending;
            };
            if let Some(between) = &mut self.between {
                between.waiting = None;
            }
            match frame {
                Some(Ok(frame)) => {
                    // Trailers are of no use here, and would have to be redacted too.
                    let Ok(data) = frame.into_data() else { continue };
                    let len = data.len() as u64;
                    if len > self.left {
                        self.end("response body is too long");
                        let most = self.context.limits().response_bytes;
                        self.context.stop(StopReason::Limit {
                            name: RESPONSE_BYTES,
                            message: format!("the response body is longer than {most} bytes"),
                        });
                        return Poll::Ready(Some(Err(HttpError::HttpResponseBodySize(Some(most)))));
                    }
                    self.left -= len;
                    let clean = self.redactor.push(&data);
                    if !clean.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(clean))));
                    }
                }
                Some(Err(error)) => {
                    let cut = error.is_incomplete_message();
                    self.end(if cut {
                        "response body was truncated"
                    } else {
                        "response body failed"
                    });
                    self.failed = Some(HttpError::HttpResponseIncomplete);
                    let rest = self.redactor.finish();
                    if !rest.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(rest))));
                    }
                }
                None => {
                    self.end("response body ended");
                    let rest = self.redactor.finish();
                    if !rest.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(rest))));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.failed.is_none()
    }
}

/// Replaces a body that cannot be searched for secrets: the guest gets the head, and an error when it reads the
/// body.
pub(super) struct Withheld(Option<HttpError>);

impl Withheld {
    pub(super) fn new(why: HttpError) -> Self {
        Self(Some(why))
    }
}

impl Body for Withheld {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderMap;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;
    use crate::contract::settings::CredentialState;

    #[tokio::test]
    async fn trailers_of_a_guest_are_not_sent() {
        let mut trailers = HeaderMap::new();
        trailers.insert("authorization", "Bearer mine".parse().unwrap());
        let frames = [
            Frame::data(Bytes::from_static(b"body")),
            Frame::trailers(trailers),
        ];
        let body = StreamBody::new(futures::stream::iter(frames.map(Ok::<_, HttpError>)));
        let context = RequestContext::new(Arc::default(), Arc::default(), CredentialState::Missing, None);
        let sent = Outgoing::new(body.boxed_unsync(), context)
            .collect()
            .await
            .unwrap();
        assert!(sent.trailers().is_none());
        assert_eq!(sent.to_bytes(), "body");
    }
}
