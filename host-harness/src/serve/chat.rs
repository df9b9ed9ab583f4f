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
        Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::Instrument as _;

use super::{Inner, Service, body, reply, seats::Sitting, trace::RequestId};
use crate::{
    Completion,
    contract::{ChatEvent, ChatRequest},
    error::{Error, Kind},
    fallback::{Attempt, Failed, Started},
    openai::{
        answer::{Ending, Envelope, trail},
        fault::Fault,
        request::asks_something,
    },
};

/// How many events may wait for a client that reads slowly; then the plugin is not asked for more.
const WAITING: usize = 64;

pub(super) async fn completions(
    State(service): State<Service>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Fault> {
    let inner = &service.0;
    let receiving = request.extensions().get::<Sitting>().map(Sitting::receiving);
    let received = body::receive(request, &inner.limits, &inner.bodies).await?;
    drop(receiving);
    // Only now: a body that comes slowly keeps nobody else from being answered.
    let permit = Arc::clone(&inner.answers)
        .try_acquire_owned()
        .map_err(|_| busy(inner.limits.concurrent))?;
    // Held as long as the request is, which another model may still be asked.
    let (body, _held) = received.parse().await?;
    asks_something(&body.request.messages)?;
    let references = inner.references(body.model);
    let mut envelope = Envelope {
        id: format!("chatcmpl-{id}"),
        created: now(),
        model: String::new(),
        include_usage: body.include_usage,
    };
    if !body.stream {
        return inner.whole(&body.request, &references, envelope).await;
    }
    let started = inner
        .fallback
        .start(&inner.host, &body.request, &references)
        .await
        .map_err(failed)?;
    envelope.model.clone_from(&started.reference);
    Ok(as_it_comes(started, envelope, inner.limits.send_timeout, permit))
}

impl Inner {
    /// Who is asked, in this order: as in the command line, the model that is named, then those that stand in for it by
    /// the configuration.
    fn references(&self, named: Option<String>) -> Vec<String> {
        match named.filter(|name| !name.trim().is_empty()) {
            Some(named) => std::iter::once(named)
                .chain(self.fallbacks.iter().cloned())
                .collect(),
            None => self.default_models.clone(),
        }
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
            summary: &response.summary,
            generation,
            trail: &completed.trail,
        };
        envelope.model.clone_from(&completed.reference);
        let answer = envelope.whole(&response.content, ending);
        Ok(reply::by(generation, Json(answer)))
    }
}

/// The answer as a stream of events. Its errors are events as well: its status has been sent.
fn as_it_comes(
    started: Started,
    envelope: Envelope,
    send_timeout: Duration,
    permit: OwnedSemaphorePermit,
) -> Response {
    let generation = started.completion.generation();
    let (events, waiting) = mpsc::channel(WAITING);
    let client = Client { events, send_timeout };
    let telling = async move {
        client.tell(started.completion, &envelope, &started.trail).await;
        drop(permit);
    };
    tokio::spawn(telling.in_current_span());
    let stream = futures::stream::unfold(waiting, async |mut waiting| {
        let event = waiting.recv().await?;
        Some((Ok::<_, Infallible>(event), waiting))
    });
    reply::by(&generation, Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// The way to who asked.
struct Client {
    events: mpsc::Sender<Event>,
    send_timeout: Duration,
}

impl Client {
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
            if let Some(chunk) = envelope.event(&event)
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
            summary,
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
        self.send(Fault::from(error).body.to_string()).await;
    }

    /// False if the client is gone, or has read nothing for too long.
    async fn send(&self, data: String) -> bool {
        let sending = self.events.send(Event::default().data(data));
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
