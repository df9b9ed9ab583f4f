//! A streaming response. It owns its store; dropping it cancels the exchange, in any state. Knows the guest's
//! reads, and nothing of HTTP.

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{Stream, future::BoxFuture};
use tokio::time::{Instant, Sleep};

use crate::{
    contract::{self, ChatEvent, ChatRequest, Summary},
    error::{Error, Result},
    host::{
        generation::{GenerationInfo, InFlight, ResponseMode},
        shared::{ChatOptions, Shared},
    },
    metrics::Measured,
    redact::events::EventRedactor,
    request_span::{RequestId, Trace},
    resource_usage::ResourceUsage,
    sandbox::{
        call,
        exchange::{Outcome, OwnExchange},
        shared::call::SharedExchange,
    },
};

/// The most events of one read from the guest.
const BATCH: u32 = 256;

/// A streaming response: events, then a [`summary`](Self::summary). Dropping it cancels the request.
///
/// Read it by [`next`](Self::next), or as a [`Stream`] of `Result<ChatEvent>`, which ends after an error.
///
/// ```no_run
/// # async fn run(host: model_provider_host::Host) -> model_provider_host::Result<()> {
/// use futures::TryStreamExt as _;
/// use model_provider_host::contract::{ChatEvent, ChatRequest};
///
/// let mut stream = host.chat(ChatRequest::new("Qwen/Qwen3-8B").user("Hello!")).await?;
/// while let Some(event) = stream.try_next().await? {
///     if let ChatEvent::Text(text) = event {
///         print!("{text}");
///     }
/// }
/// println!("{:?}", stream.summary().map(|summary| &summary.usage));
/// # Ok(()) }
/// ```
pub struct ChatStream {
    phase: Phase,
    events: VecDeque<ChatEvent>,
    redactor: EventRedactor,
    summary: Option<Summary>,
    in_flight: InFlight,
    /// Resolves when the generation's drain deadline ends this response.
    cancelled: BoxFuture<'static, ()>,
    host: Arc<Shared>,
    /// One timer for the whole response.
    deadline: Pin<Box<Sleep>>,
    delivered: u64,
    /// The last read was full: the guest has more events without waiting.
    is_more_ready: bool,
    /// The request, as long as it may be retried on the previous generation: before the first event.
    request: Option<Arc<ChatRequest>>,
    options: ChatOptions,
    warnings: Vec<contract::Warning>,
    used: ResourceUsage,
    trace: Trace,
    measured: Option<Measured>,
    /// As a `Stream`, it has returned its end.
    is_over: bool,
}

/// A response that has started, and the rest of what a `ChatStream` needs.
pub(crate) struct Begun {
    pub(crate) exchange: Exchange,
    pub(crate) in_flight: InFlight,
    pub(crate) deadline: Instant,
    /// `Some` as long as it may be retried on another generation.
    pub(crate) request: Option<Arc<ChatRequest>>,
    pub(crate) options: ChatOptions,
    pub(crate) warning: Option<contract::Warning>,
}

enum Phase {
    Idle(Box<Exchange>),
    Reading(BoxFuture<'static, (Box<Exchange>, Outcome)>),
    /// Retried on another generation.
    Again(BoxFuture<'static, Result<Exchange>>),
    Ended(Option<Error>),
}

/// The result of a wait for the guest.
enum Came {
    Read(Box<Exchange>, Outcome),
    Begun(Result<Exchange>),
}

impl Phase {
    /// Waits for the guest. Cancel-safe: the pending read stays here.
    async fn wait(&mut self) -> Came {
        match self {
            Self::Reading(reading) => {
                let (exchange, outcome) = reading.await;
                Came::Read(exchange, outcome)
            }
            Self::Again(beginning) => Came::Begun(beginning.await),
            Self::Idle(_) | Self::Ended(_) => std::future::pending().await,
        }
    }
}

/// The guest's side of the response.
pub(crate) enum Exchange {
    /// In a store of its own.
    Own(OwnExchange),
    /// In a store that it may share.
    Shared(Box<SharedExchange>),
}

impl Exchange {
    async fn read(mut self: Box<Self>) -> (Box<Self>, Outcome) {
        let outcome = loop {
            let moved = match &mut *self {
                Self::Own(own) => break own.read(BATCH).await,
                Self::Shared(shared) => match shared.read(BATCH).await {
                    Some(outcome) => break outcome,
                    // The store is gone: another response has broken it.
                    None => shared.replayed().await,
                },
            };
            match moved {
                Ok(own) => *self = Self::Own(own),
                Err(outcome) => break outcome,
            }
        };
        (self, outcome)
    }

    fn used(&self) -> ResourceUsage {
        match self {
            Self::Own(own) => own.used(),
            Self::Shared(shared) => shared.used(),
        }
    }
}

impl std::fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatStream")
            .field("generation", &self.generation().number)
            .finish_non_exhaustive()
    }
}

impl ChatStream {
    pub(crate) fn new(begun: Begun, host: Arc<Shared>, trace: Trace, measured: Measured) -> Self {
        Self {
            phase: Phase::Idle(Box::new(begun.exchange)),
            events: VecDeque::new(),
            redactor: host.redactor.events(),
            summary: None,
            cancelled: Box::pin(begun.in_flight.cancelled()),
            in_flight: begun.in_flight,
            host,
            deadline: Box::pin(tokio::time::sleep_until(begun.deadline)),
            delivered: 0,
            request: begun.request,
            options: begun.options,
            is_more_ready: false,
            warnings: begun.warning.into_iter().collect(),
            used: ResourceUsage::default(),
            trace,
            measured: Some(measured),
            is_over: false,
        }
    }

    /// Its id in the log.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.trace.id()
    }

    /// The generation that responds.
    #[must_use]
    pub fn generation(&self) -> GenerationInfo {
        self.in_flight.generation().info()
    }

    /// The summary of the response; available once [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// The guest's resource usage for this response, as of the last events or the end.
    #[must_use]
    pub fn resource_usage(&self) -> ResourceUsage {
        self.used
    }

    /// Waits until the next event, the end, or an error is available. Consumes nothing, and is cancel-safe.
    ///
    /// # Errors
    /// The response broke off before its next event.
    pub async fn ready(&mut self) -> Result<()> {
        while self.events.is_empty() {
            match &self.phase {
                Phase::Ended(Some(error)) => return Err(error.clone()),
                Phase::Ended(None) => break,
                Phase::Idle(_) | Phase::Reading(_) | Phase::Again(_) => self.fill().await,
            }
        }
        Ok(())
    }

    /// The next event, or `None` at the end. Cancel-safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// The response broke off; earlier events stay valid. Every later call returns the same error.
    pub async fn next(&mut self) -> Result<Option<ChatEvent>> {
        self.ready().await?;
        Ok(self.events.pop_front())
    }

    /// The next event, if it is available already: waits for the guest and never for the upstream. Does not consume
    /// it.
    pub async fn peek(&mut self) -> Option<&ChatEvent> {
        if self.events.is_empty() && self.is_more_ready {
            // The next call returns whatever else comes of this.
            self.fill().await;
        }
        self.events.front()
    }

    /// Reads from the guest: events, the end, or an error into `phase`.
    async fn fill(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Ended(None)) {
            Phase::Idle(exchange) => Phase::Reading(Box::pin(self.trace.within(exchange.read()))),
            other => other,
        };
        // The only wait in here: after a cancellation the phase is unchanged.
        let came = tokio::select! {
            // A guest that always returns at once, without events, must not starve the other two.
            biased;
            () = &mut self.cancelled => {
                let error = self.host.drained();
                return self.end(Some(error));
            }
            () = &mut self.deadline => {
                let limit = self.host.settings.limits.wall_clock;
                return self.end(Some(call::out_of_time(limit)));
            }
            came = self.phase.wait() => came,
        };
        match came {
            Came::Read(exchange, outcome) => self.take(exchange, outcome),
            Came::Begun(Ok(exchange)) => self.phase = Phase::Idle(Box::new(exchange)),
            Came::Begun(Err(error)) => {
                let error = self.host.failed(self.in_flight.generation(), error);
                self.end(Some(error));
            }
        }
    }

    /// Processes the result of a read.
    fn take(&mut self, exchange: Box<Exchange>, outcome: Outcome) {
        self.used = exchange.used();
        match outcome {
            Outcome::Progress(progress) if progress.events.len() > BATCH as usize => {
                drop(exchange);
                self.after_trap(call::too_many_at_once(progress.events.len(), BATCH));
            }
            Outcome::Progress(progress) => {
                self.delivered += progress.events.len() as u64;
                self.is_more_ready = progress.events.len() >= BATCH as usize && progress.finished.is_none();
                let most = self.host.settings.limits.events;
                if self.delivered > most {
                    return self.end(Some(call::too_many_events(most)));
                }
                if !progress.events.is_empty() || progress.finished.is_some() {
                    self.in_flight.generation().mark_healthy(ResponseMode::Streaming);
                    self.request = None;
                    if let Some(measured) = &mut self.measured {
                        measured.first_event();
                    }
                }
                for event in progress.events {
                    self.redactor.push(event, &mut self.events);
                }
                match progress.finished {
                    Some(mut summary) => {
                        summary.warnings.append(&mut self.warnings);
                        self.redactor.summary(&mut summary);
                        self.summary = Some(summary);
                        self.end(None);
                    }
                    None => self.phase = Phase::Idle(exchange),
                }
            }
            Outcome::Refused(error) | Outcome::Lost(error) => self.end(Some(error)),
            Outcome::Trapped(error) => {
                drop(exchange);
                self.after_trap(error);
            }
        }
    }

    /// Retries after a trap before the first event on the previous generation, if that still exists.
    fn after_trap(&mut self, error: Error) {
        let Some(request) = self.request.take() else {
            let error = self.host.failed(self.in_flight.generation(), error);
            return self.end(Some(error));
        };
        let Some((second, warning)) =
            self.host
                .previous_generation(&self.in_flight, &error, ResponseMode::Streaming)
        else {
            return self.end(Some(error));
        };
        let (host, generation) = (Arc::clone(&self.host), Arc::clone(second.generation()));
        let options = self.options;
        let begun = async move { host.start_chat(&generation, &request, options).await };
        self.phase = Phase::Again(Box::pin(self.trace.within(begun)));
        self.cancelled = Box::pin(second.cancelled());
        self.in_flight = second;
        self.warnings.push(warning);
    }

    /// Ends the response: flushes held-back text, and drops the store with everything that is still open.
    fn end(&mut self, error: Option<Error>) {
        self.redactor.finish(&mut self.events);
        let error = error.map(|error| self.host.redact_error(error));
        self.trace.end(error.as_ref());
        if let Some(mut measured) = self.measured.take() {
            match (&error, &self.summary) {
                (Some(error), _) => measured.failed(error),
                (None, Some(summary)) => measured.succeeded(summary),
                (None, None) => {}
            }
        }
        self.phase = Phase::Ended(error);
        self.in_flight.end();
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatEvent>;

    /// As [`next`](Self::next): the wait's state is in `self`, so that a new future per poll loses nothing.
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        let next = ready!(pin!(this.next()).poll(context)).transpose();
        this.is_over = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }
}
