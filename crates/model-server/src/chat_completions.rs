//! `/v1/chat/completions`: one question, one answer, whole or as it comes.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Extension, Json,
    extract::{Request, State},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::Instrument as _;

use super::{Access, Inner, Service, body, request_id::RequestId, response, seats::Sitting};
use dialects::chat_completions::{
    error::Fault,
    request::asks_something,
    response::{Ending, Envelope, has_logprobs, is_logprobs, trail},
};
use model_provider_host::{
    Completion, Error, Kind,
    contract::{ChatEvent, ChatRequest},
    failover::{Attempt, Failed, Started},
};

/// How many events may wait for a client that reads slowly; then the plugin is not asked for more.
const WAITING: usize = 64;
/// What clients send in place of a model's name where none was given.
const PLACEHOLDERS: [&str; 2] = ["dummy", "default"];
/// Tells nginx, and what is made like it, not to gather a stream.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) async fn completions(
    State(service): State<Service>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, response::Refusal> {
    let completed = complete(&service, &id, request).await;
    completed.map_err(|response::Refusal(fault)| service.0.access.redacted_fault(fault).into())
}

async fn complete(
    service: &Service,
    id: &RequestId,
    request: Request,
) -> Result<Response, response::Refusal> {
    let inner = &service.0;
    let receiving = request.extensions().get::<Sitting>().map(Sitting::receiving);
    let received = body::receive(request, &inner.limits, &inner.bodies).await?;
    drop(receiving);
    // Only now: a body that comes slowly keeps nobody else from being answered.
    let permit = Arc::clone(&inner.answers)
        .try_acquire_owned()
        .map_err(|_| busy(inner.limits.concurrent))?;
    // Held as long as the request is, which another model may still be asked.
    let (body, held) = received.parse().await?;
    asks_something(&body.request.messages)?;
    let named = inner.access.redacted(&body.model.ok_or_else(no_model)?);
    let (references, default_for) = inner.references(named);
    let envelope = Envelope {
        id: format!("chatcmpl-{id}"),
        created: now(),
        model: String::new(),
        include_usage: body.include_usage,
        reasoning: inner.policy().reasoning,
        default_for,
        left_out: inner.access.redacted_names(body.left_out),
    };
    if !body.stream {
        return Ok(inner.whole(&body.request, &references, envelope).await?);
    }
    let asking = service.clone();
    let mut starting: Starting = Box::pin(async move {
        let (inner, _held) = (&asking.0, held);
        inner
            .fallback
            .start(&inner.host, &body.request, &references)
            .await
    });
    // An error that comes soon has a status of its own. Who waits longer is to see that the request is being worked on.
    let start = match tokio::time::timeout(inner.limits.status_wait, &mut starting).await {
        Ok(started) => Start::Started(Box::new(started.map_err(failed)?)),
        Err(_) => Start::Starting(starting),
    };
    Ok(as_it_comes(start, envelope, inner, permit))
}

impl Inner {
    /// Who is asked, in this order: as in the command line, the model that is named, then those that stand in for it by
    /// the configuration. A blank name stands for the configured default; so does what clients send that were given no
    /// model, unless it is a name here. That name is given as well, to be told.
    fn references(&self, named: String) -> (Vec<String>, Option<&'static str>) {
        let name = named.trim();
        if name.is_empty() {
            return (self.default_models.clone(), None);
        }
        let placeholder = PLACEHOLDERS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name));
        let is_name = || self.host.settings().models.find_alias(name).next().is_some();
        if placeholder.is_some() && !self.default_models.is_empty() && !is_name() {
            return (self.default_models.clone(), placeholder);
        }
        let references = std::iter::once(named).chain(self.fallbacks.iter().cloned());
        (references.collect(), None)
    }

    async fn whole(
        &self,
        request: &ChatRequest,
        references: &[String],
        mut envelope: Envelope,
    ) -> Result<Response, Fault> {
        let completed = self
            .fallback
            .complete(&self.host, request, references)
            .await
            .map_err(failed)?;
        let (response, generation) = (&completed.answer.response, &completed.answer.generation);
        let ending = Ending {
            summary: &self.access.redacted_summary(&response.summary),
            generation,
            trail: &completed.trail,
        };
        envelope.model.clone_from(&completed.reference);
        let answer = envelope.whole(&response.content, ending);
        Ok(response::by(generation, Json(answer)))
    }
}

/// A wait for the first event of whoever responds.
type Starting = BoxFuture<'static, Result<Started, Failed>>;

/// How far a response is when its status is sent.
enum Start {
    Started(Box<Started>),
    Starting(Starting),
}

/// The response as a stream of events. Its errors are events as well: its status has been sent.
fn as_it_comes(
    start: Start,
    mut envelope: Envelope,
    inner: &Inner,
    permit: OwnedSemaphorePermit,
) -> Response {
    let generation = match &start {
        Start::Started(started) => Some(started.completion.generation()),
        Start::Starting(_) => None,
    };
    let (events, waiting) = mpsc::channel(WAITING);
    let client = Client {
        events,
        send_timeout: inner.limits.send_timeout,
        access: inner.access.clone(),
    };
    let telling = async move {
        if let Some(started) = client.started(start).await {
            envelope.model.clone_from(&started.reference);
            client.tell(started.completion, &envelope, &started.trail).await;
        }
        drop(permit);
    };
    tokio::spawn(telling.in_current_span());
    let stream = futures::stream::unfold(waiting, async |mut waiting| {
        let event = waiting.recv().await?;
        Some((Ok::<_, Infallible>(event), waiting))
    });
    let heartbeat = KeepAlive::new().interval(inner.limits.heartbeat);
    let unbuffered = [(UNBUFFERED, HeaderValue::from_static("no"))];
    let response = (unbuffered, Sse::new(stream).keep_alive(heartbeat)).into_response();
    match generation {
        Some(generation) => response::by(&generation, response),
        None => response,
    }
}

/// The way to who asked.
struct Client {
    events: mpsc::Sender<Event>,
    send_timeout: Duration,
    /// Knows the key that no error may repeat.
    access: Access,
}

impl Client {
    /// Waits until somebody responds; `None` if nobody does, which the client has been told, or if it is gone.
    async fn started(&self, start: Start) -> Option<Started> {
        let starting = match start {
            Start::Started(started) => return Some(*started),
            Start::Starting(starting) => starting,
        };
        // What lies between may wait for a first byte before it passes on the head.
        let waits = Event::default().comment("waiting for the first event");
        self.pass_on(waits).await.then_some(())?;
        let started = tokio::select! {
            biased;
            () = self.events.closed() => {
                tracing::info!("the client left before the first event");
                return None;
            }
            started = starting => started,
        };
        match started {
            Ok(started) => Some(started),
            Err(nobody) => {
                tracing::info!(kind = %nobody.error.kind(), "nobody responded");
                self.send_fault(failed(nobody)).await;
                None
            }
        }
    }

    /// Passes an answer on until it ends or nobody reads it any more; either way it is dropped here, which cancels what
    /// is left of it.
    async fn tell(&self, mut completion: Completion, envelope: &Envelope, trail: &[Attempt]) {
        if !self.send(envelope.opening()).await {
            return;
        }
        let mut media = 0;
        loop {
            let next = tokio::select! {
                biased;
                () = self.events.closed() => {
                    tracing::info!("the client left before the end of its answer");
                    return;
                }
                next = completion.next() => next,
            };
            let event = match next {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => return self.broke_off(&error).await,
            };
            media += usize::from(matches!(event, ChatEvent::Media(_)));
            let mut logprobs = None;
            if has_logprobs(&event) && completion.peek_ready().await.is_some_and(is_logprobs) {
                logprobs = match completion.next().await {
                    Ok(Some(ChatEvent::Other(extra))) => Some(extra),
                    // It has just been seen.
                    _ => None,
                };
            }
            if let Some(chunk) = envelope.event(&event, logprobs.as_ref())
                && !self.send(chunk).await
            {
                return;
            }
        }
        let Some(summary) = completion.summary() else {
            let error = Error::new(Kind::PluginTrap, "the plugin ended the answer without a summary");
            return self.broke_off(&error).await;
        };
        let ending = Ending {
            summary: &self.access.redacted_summary(summary),
            generation: &completion.generation(),
            trail,
        };
        for chunk in envelope.closing(ending, media) {
            if !self.send(chunk).await {
                return;
            }
        }
        self.send("[DONE]".to_owned()).await;
    }

    async fn broke_off(&self, error: &Error) {
        tracing::info!(kind = %error.kind(), "the answer broke off");
        self.send_fault(Fault::from(error)).await;
    }

    async fn send_fault(&self, fault: Fault) {
        self.send(self.access.redacted_fault(fault).body.to_string())
            .await;
    }

    /// False if the client is gone, or has read nothing for too long.
    async fn send(&self, data: String) -> bool {
        self.pass_on(Event::default().data(data)).await
    }

    async fn pass_on(&self, event: Event) -> bool {
        let sending = self.events.send(event);
        match tokio::time::timeout(self.send_timeout, sending).await {
            Ok(sent) => sent.is_ok(),
            Err(_) => {
                tracing::info!("the client does not read its answer");
                false
            }
        }
    }
}

fn busy(most: usize) -> Fault {
    let message = format!("{most} answers are on their way, which is all that this server does at once");
    Fault::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server_error",
        "serve-max-concurrent",
        &message,
    )
    .retry_after(1)
}

/// As of the dialect's own service: a request that was put together wrongly is not answered by whatever is there.
fn no_model() -> Fault {
    let mut fault = Fault::new(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        "missing_required_parameter",
        "`model` is missing; name one of /v1/models, or send an empty text for the default model of this server",
    );
    fault.body["error"]["param"] = "model".into();
    fault
}

/// Nobody answered.
fn failed(failed: Failed) -> Fault {
    let mut fault = Fault::from(&failed.error);
    if failed.trail.len() > 1 {
        fault.body["error"]["trail"] = trail(&failed.trail).into();
    }
    fault
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
