//! A streaming response. It owns its store; dropping it ends the exchange, in any state. Knows the guest's reads, and
//! nothing of HTTP.

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{Stream, future::BoxFuture};
use tokio::time::{Instant, Sleep};
use wasmtime::{Store, component::ResourceAny};

use crate::{
    contract::{self, ChatEvent, ChatRequest, Progress, Summary},
    error::{Error, Result},
    host::{
        generation::{GenerationInfo, InFlight},
        shared::{ChatOptions, Shared},
    },
    metrics::Measured,
    redact::events::EventRedactor,
    request_span::{RequestId, Trace},
    resource_usage::ResourceUsage,
    sandbox::{State, call, guest::Reader},
};

/// How many events one crossing may bring.
const BATCH: u32 = 256;

/// A streaming response: events, then a [`summary`](Self::summary). Dropping it cancels the request.
///
/// Read it by [`next`](Self::next), or as a [`Stream`] of `Result<ChatEvent>`, which ends after an error.
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
    /// The guest gave as many events as one crossing may bring: it has more without waiting.
    is_more_ready: bool,
    /// What a fresh generation may still be asked again on the old one, before its first event.
    request: Option<Box<ChatRequest>>,
    options: ChatOptions,
    warnings: Vec<contract::Warning>,
    used: ResourceUsage,
    trace: Trace,
    measured: Option<Measured>,
    /// As a `Stream`, it has given its end.
    is_over: bool,
}

/// A response that has begun, and what its completion needs besides.
pub(crate) struct Begun {
    pub(crate) exchange: Exchange,
    pub(crate) in_flight: InFlight,
    pub(crate) deadline: Instant,
    /// There as long as another generation may still be asked instead.
    pub(crate) request: Option<Box<ChatRequest>>,
    pub(crate) options: ChatOptions,
    pub(crate) warning: Option<contract::Warning>,
}

enum Phase {
    Idle(Box<Exchange>),
    Reading(BoxFuture<'static, (Box<Exchange>, Read)>),
    /// Asked once more, of another generation.
    Again(BoxFuture<'static, Result<Exchange>>),
    Ended(Option<Error>),
}

/// What came of a wait for the guest.
enum Came {
    Read(Box<Exchange>, Read),
    Begun(Result<Exchange>),
}

impl Phase {
    /// Waits for the guest. Giving up waiting loses nothing: what is waited for stays here.
    async fn wait(&mut self) -> Came {
        match self {
            Self::Reading(reading) => {
                let (exchange, read) = reading.await;
                Came::Read(exchange, read)
            }
            Self::Again(beginning) => Came::Begun(beginning.await),
            Self::Idle(_) | Self::Ended(_) => std::future::pending().await,
        }
    }
}

/// What `read` of the contract gives, or the trap that came instead.
type Read = wasmtime::Result<Result<Progress, contract::Error>>;

/// The guest's side of the response.
pub(crate) struct Exchange {
    pub(crate) store: Store<State>,
    pub(crate) reader: Reader,
    pub(crate) completion: ResourceAny,
}

impl Exchange {
    async fn read(mut self: Box<Self>) -> (Box<Self>, Read) {
        let read = self.reader.read(&mut self.store, self.completion, BATCH).await;
        (self, read)
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

    /// Its name in the log.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.trace.id()
    }

    /// Which generation answers.
    #[must_use]
    pub fn generation(&self) -> GenerationInfo {
        self.in_flight.generation().info()
    }

    /// What is known of the response; there once [`next`](Self::next) has given `None`.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// What the guest has used for this response, as of the last events or the end.
    #[must_use]
    pub fn used(&self) -> ResourceUsage {
        self.used
    }

    /// Waits until there is something to say: the first event, the end, or an error. Takes nothing away, and giving
    /// up waiting loses nothing.
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

    /// The next event, or `None` at the end. Giving up waiting (dropping the future) loses nothing.
    ///
    /// # Errors
    /// The response broke off; what came before stays good. Every later call gives the error again.
    pub async fn next(&mut self) -> Result<Option<ChatEvent>> {
        self.ready().await?;
        Ok(self.events.pop_front())
    }

    /// The event after those that were given, if it has come with them: this waits for the guest and never for the
    /// upstream. It stays the next one.
    pub async fn peek_ready(&mut self) -> Option<&ChatEvent> {
        if self.events.is_empty() && self.is_more_ready {
            // What else comes of it, the next call gives.
            self.fill().await;
        }
        self.events.front()
    }

    /// Takes more from the guest: events, the end, or an error into `phase`.
    async fn fill(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Ended(None)) {
            Phase::Idle(exchange) => Phase::Reading(Box::pin(self.trace.within(exchange.read()))),
            other => other,
        };
        // No more waiting in here than this: who gives up waiting comes back to the same phase.
        let came = tokio::select! {
            // A guest that always has a response ready, and never anything in it, must not escape the other two.
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
            Came::Read(exchange, read) => self.take(exchange, read),
            Came::Begun(Ok(exchange)) => self.phase = Phase::Idle(Box::new(exchange)),
            Came::Begun(Err(error)) => {
                let error = self.host.failed(self.in_flight.generation(), error);
                self.end(Some(error));
            }
        }
    }

    /// What a read of the guest brought.
    fn take(&mut self, mut exchange: Box<Exchange>, read: Read) {
        self.used = exchange.store.data().used();
        match read {
            Ok(Ok(progress)) => {
                self.delivered += progress.events.len() as u64;
                self.is_more_ready = progress.events.len() >= BATCH as usize && progress.finished.is_none();
                let most = self.host.settings.limits.events;
                if self.delivered > most {
                    return self.end(Some(call::too_many_events(most)));
                }
                if !progress.events.is_empty() || progress.finished.is_some() {
                    self.in_flight.generation().prove();
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
            Ok(Err(error)) => {
                let error = call::refused(&mut exchange.store, error);
                self.end(Some(error));
            }
            Err(trap) => {
                let error = call::failure(&mut exchange.store, &trap);
                drop(exchange);
                self.after_trap(error);
            }
        }
    }

    /// A trap before the first event is answered once more by the generation before, if that is still there.
    fn after_trap(&mut self, error: Error) {
        let Some(request) = self.request.take() else {
            let error = self.host.failed(self.in_flight.generation(), error);
            return self.end(Some(error));
        };
        let Some((second, warning)) = self.host.second_choice(&self.in_flight, &error) else {
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

    /// The end: what was held back is given, and the store goes, and with it whatever is still open.
    fn end(&mut self, error: Option<Error>) {
        self.redactor.finish(&mut self.events);
        let error = error.map(|error| self.host.scrub(error));
        self.trace.end(error.as_ref());
        if let Some(mut measured) = self.measured.take() {
            match (&error, &self.summary) {
                (Some(error), _) => measured.failed(error),
                (None, Some(summary)) => measured.answered(summary),
                (None, None) => {}
            }
        }
        self.phase = Phase::Ended(error);
        self.in_flight.end();
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatEvent>;

    /// As [`next`](Self::next): what is waited for stays in `self`, so that a future of each poll loses nothing.
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
