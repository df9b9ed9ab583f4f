//! Streaming responses: events of the host become server-sent events of a dialect, until the end, an error, or a
//! disconnect of the client. Knows no dialect.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::response::{
    IntoResponse as _, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, future::BoxFuture};
use http::{HeaderName, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::Instrument as _;

use super::{Access, account::Account, completion::failed, current::Current, response};
use dialects::{
    api_error::ApiError,
    dialect::{Frame, ResponseWriter, has_logprobs, is_logprobs},
    ending::Ending,
};
use model_provider_host::{
    ChatStream, Error, ErrorKind,
    contract::{ChatEvent, Extra},
    failover::{Failed, Started},
};

/// The most buffered events for a slow client; beyond that, the plugin is not read.
const WAITING: usize = 64;
/// Disables response buffering in nginx and similar proxies.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The wait for the first event.
pub(super) type Starting = BoxFuture<'static, Result<Started, Failed>>;

/// The state of a response when its status is sent.
pub(super) enum Start {
    Started(Box<Started>),
    Starting(Starting),
}

/// The response as a stream of events. Errors are events too, since the status has been sent.
pub(super) fn as_it_comes(
    start: Start,
    reply: Box<dyn ResponseWriter>,
    heartbeat: Option<Frame>,
    current: &Current,
    account: Account,
    permit: OwnedSemaphorePermit,
) -> Response {
    let generation = match &start {
        Start::Started(started) => Some(started.stream.generation()),
        Start::Starting(_) => None,
    };
    account.opens();
    let (events, waiting) = mpsc::channel(WAITING);
    let unread = Arc::<AtomicBool>::default();
    let mut client = Client {
        reply,
        frames: Vec::new(),
        events,
        unread: Arc::clone(&unread),
        send_timeout: current.limits.send_timeout,
        access: current.access.clone(),
        account,
    };
    let telling = async move {
        if let Some(started) = client.started(start).await {
            client.stream(*started).await;
        }
        drop(permit);
    };
    tokio::spawn(telling.in_current_span());
    let stream = body(waiting, unread);
    let mut alive = KeepAlive::new().interval(current.limits.heartbeat);
    if let Some(frame) = heartbeat {
        alive = alive.event(event_of(frame));
    }
    let unbuffered = [(UNBUFFERED, HeaderValue::from_static("no"))];
    let response = (unbuffered, Sse::new(stream).keep_alive(alive)).into_response();
    match generation {
        Some(generation) => response::by(&generation, response),
        None => response,
    }
}

/// The events until the end; an error if the client read too slowly, which aborts the connection. A response that merely
/// ended would look complete.
fn body(waiting: mpsc::Receiver<Event>, unread: Arc<AtomicBool>) -> impl Stream<Item = io::Result<Event>> {
    futures::stream::unfold((waiting, unread), async |(mut waiting, unread)| {
        let event = match waiting.recv().await {
            Some(event) => Ok(event),
            None if unread.swap(false, Ordering::Relaxed) => Err(io::ErrorKind::TimedOut.into()),
            None => return None,
        };
        Some((event, (waiting, unread)))
    })
}

fn event_of(frame: Frame) -> Event {
    // The name first, as the dialects' own services write it.
    let event = match frame.event {
        Some(name) => Event::default().event(name),
        None => Event::default(),
    };
    event.data(frame.data)
}

/// The client's end of the stream.
struct Client {
    reply: Box<dyn ResponseWriter>,
    /// Written and unsent frames.
    frames: Vec<Frame>,
    events: mpsc::Sender<Event>,
    /// Set when the client has taken no event for the send timeout.
    unread: Arc<AtomicBool>,
    send_timeout: Duration,
    /// Redacts the access key in errors.
    access: Access,
    account: Account,
}

impl Client {
    /// Waits until a model responds; `None` if all fail, which is reported to the client, or if the client is gone.
    async fn started(&mut self, start: Start) -> Option<Box<Started>> {
        let starting = match start {
            Start::Started(started) => return Some(started),
            Start::Starting(starting) => starting,
        };
        // Proxies may wait for a first byte before they forward the head.
        let waits = Event::default().comment("waiting for the first event");
        self.pass_on(waits).await.then_some(())?;
        let started = tokio::select! {
            biased;
            () = self.events.closed() => {
                tracing::info!("the client disconnected before the first event");
                return None;
            }
            started = starting => started,
        };
        match started {
            Ok(started) => Some(Box::new(started)),
            Err(nobody) => {
                tracing::info!(kind = %nobody.error.kind(), "no model responded");
                self.account.failed(&nobody.error);
                self.fail(failed(&nobody)).await;
                None
            }
        }
    }

    /// Forwards a response until it ends or the client is gone. Either way it is dropped here, which cancels the
    /// rest.
    async fn stream(&mut self, started: Started) {
        let Started {
            stream: mut completion,
            reference,
            attempts,
            ..
        } = started;
        self.account.responds(&completion.generation());
        self.reply.opening(&reference, &mut self.frames);
        loop {
            if !self.flush().await {
                return;
            }
            let next = tokio::select! {
                biased;
                () = self.events.closed() => {
                    tracing::info!("the client disconnected before the end of the response");
                    return;
                }
                next = completion.next() => next,
            };
            match next {
                Ok(Some(event)) => {
                    let logprobs = logprobs_of(&event, &mut completion).await;
                    self.reply.event(&event, logprobs.as_ref(), &mut self.frames);
                }
                Ok(None) => break,
                Err(error) => return self.broke_off(&error).await,
            }
        }
        let Some(summary) = completion.summary() else {
            let error = Error::new(
                ErrorKind::PluginTrap,
                "the plugin ended the response without a summary",
            );
            return self.broke_off(&error).await;
        };
        let ending = Ending {
            summary: &self.access.redacted_summary(summary),
            generation: &completion.generation(),
            attempts: &attempts,
        };
        self.reply.closing(ending, &mut self.frames);
        self.account
            .completed(&reference, summary, &completion.generation(), attempts.len());
        self.flush().await;
    }

    async fn broke_off(&mut self, error: &Error) {
        tracing::info!(kind = %error.kind(), "the response failed");
        self.account.failed(error);
        self.fail(ApiError::from(error)).await;
    }

    async fn fail(&mut self, error: ApiError) {
        let error = self.access.redacted_error(error);
        self.reply.failed(&error, &mut self.frames);
        self.flush().await;
    }

    /// Sends the written frames. False if the client is gone, or has read nothing for too long.
    async fn flush(&mut self) -> bool {
        let mut frames = std::mem::take(&mut self.frames);
        for frame in frames.drain(..) {
            if !self.pass_on(event_of(frame)).await {
                return false;
            }
        }
        self.frames = frames;
        true
    }

    async fn pass_on(&self, event: Event) -> bool {
        let sending = self.events.send(event);
        if let Ok(sent) = tokio::time::timeout(self.send_timeout, sending).await {
            sent.is_ok()
        } else {
            tracing::info!("the client does not read the response");
            self.unread.store(true, Ordering::Relaxed);
            false
        }
    }
}

/// The log probabilities of an event, if they have arrived with it.
async fn logprobs_of(event: &ChatEvent, completion: &mut ChatStream) -> Option<Extra> {
    if !has_logprobs(event) || !completion.peek().await.is_some_and(is_logprobs) {
        return None;
    }
    match completion.next().await {
        Ok(Some(ChatEvent::Other(extra))) => Some(extra),
        // It has just been peeked.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_stream_that_was_read_too_slowly_is_aborted_and_any_other_one_ends() {
        for is_unread in [false, true] {
            let (events, waiting) = mpsc::channel(1);
            let unread = Arc::new(AtomicBool::new(is_unread));
            events.send(Event::default()).await.expect("it is open");
            drop(events);
            let ended: Vec<_> = body(waiting, unread).map(|event| event.is_ok()).collect().await;
            let expected: &[bool] = if is_unread { &[true, false] } else { &[true] };
            assert_eq!(ended, expected);
        }
    }
}
