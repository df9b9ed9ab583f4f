//! Failover: tries fallback models in order, and skips models on cooldown.
//!
//! Failover happens only before the first event: a partial response is never discarded.

mod cooldown;
mod recent;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

pub use provider_contract::Attempt;

use cooldown::{Cooldowns, LONGEST_NAME};
use recent::RecentFailures;

use crate::{
    contract::{ChatRequest, ProviderErrorKind},
    error::{Error, ErrorKind, Result},
    host::{ChatOptions, ChatResponse, Host, chat_stream::ChatStream},
    request_defaults::Params,
};

/// The most cached spellings; a server's clients may send any text.
const MOST_NAMES: usize = 1024;

/// The cooldowns of one host. They survive swaps; share it among all requests.
///
/// ```no_run
/// # async fn run(host: model_provider_host::Host) -> Result<(), model_provider_host::failover::Failed> {
/// use model_provider_host::{contract::ChatRequest, failover::Failover};
///
/// let failover = Failover::new().with_max_retries(1);
/// let models = ["Qwen/Qwen3-8B".to_owned(), "openai/gpt-oss-20b".to_owned()];
/// let request = ChatRequest::new("").user("Hello!");
/// let completed = failover.complete(&host, &request, &models).await?;
/// for attempt in &completed.attempts {
///     eprintln!("{} failed: {}", attempt.reference, attempt.error);
/// }
/// println!("{}: {:?}", completed.reference, completed.response.content);
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Failover {
    memory: Arc<Mutex<Memory>>,
    params: Params,
    max_retries: Option<u32>,
}

#[derive(Default)]
struct Memory {
    /// The canonical reference of a spelling, which is the key of its cooldown. The request carries the spelling
    /// itself.
    canonical: HashMap<String, String>,
    cooldowns: Cooldowns,
    recent: RecentFailures,
}

/// A response that has begun: its first event, or its end, is there.
#[derive(Debug)]
#[non_exhaustive]
pub struct Started {
    /// The response.
    pub stream: ChatStream,
    /// The reference of the responding model, as given.
    pub reference: String,
    /// The failed attempts before it.
    pub attempts: Vec<Attempt>,
}

/// A complete response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Completed {
    /// The response.
    pub response: ChatResponse,
    /// The reference of the responding model, as given.
    pub reference: String,
    /// The failed attempts before it.
    pub attempts: Vec<Attempt>,
}

/// All models failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failed {
    /// The error that no other model can avoid; else that of the first model that was tried.
    pub error: Error,
    /// All failed attempts, the last one included.
    pub attempts: Vec<Attempt>,
}

impl fmt::Debug for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resting = self.memory().cooldowns.len();
        f.debug_struct("Failover")
            .field("cooling_down", &resting)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failed {}

impl Failover {
    /// No cooldowns yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the request defaults by model, for parameters that a request does not set.
    #[must_use]
    pub fn with_params(mut self, params: Params) -> Self {
        self.params = params;
        self
    }

    /// For callers that retry themselves: limits the retries of a request, and disables them for a model that
    /// failed within the last two minutes. A lasting failure then costs the upstream no more than the caller's own
    /// requests and this many retries.
    #[must_use]
    pub fn with_max_retries(mut self, most: u32) -> Self {
        self.max_retries = Some(most);
        self
    }

    /// Without parameters and bounds, but with the same cooldowns: for a reload of the configuration.
    #[must_use]
    pub fn with_shared_cooldowns(&self) -> Self {
        // An alias may mean another model now.
        self.memory().canonical.clear();
        Self {
            memory: Arc::clone(&self.memory),
            ..Self::default()
        }
    }

    /// Ends the cooldown of a model, because a user wants this model now.
    pub async fn end_cooldown(&self, host: &Host, reference: &str) {
        let key = self.key(reference, &|reference| canonical(host, reference)).await;
        self.memory().cooldowns.recovered(&key);
    }

    /// Tries the models in order until one responds, and returns the streaming response. An empty list means the
    /// request's own model.
    ///
    /// # Errors
    /// All models failed.
    pub async fn start(
        &self,
        host: &Host,
        request: &ChatRequest,
        references: &[String],
    ) -> Result<Started, Failed> {
        self.start_with(host, request, references, ChatOptions::default())
            .await
    }

    /// The same as [`start`](Self::start), with options for this request. The retry limit is this object's own.
    ///
    /// # Errors
    /// All models failed.
    pub async fn start_with(
        &self,
        host: &Host,
        request: &ChatRequest,
        references: &[String],
        options: ChatOptions,
    ) -> Result<Started, Failed> {
        let ask = |request, bounds: ChatOptions| async move {
            let max_retries = bounds.max_retries;
            let options = ChatOptions {
                max_retries,
                ..options
            };
            let mut stream = host.chat_with(request, options).await?;
            stream.ready().await?;
            Ok(stream)
        };
        let resolve = |reference| canonical(host, reference);
        let (stream, reference, attempts) = self.one_of(request, references, resolve, ask).await?;
        Ok(Started {
            stream,
            reference,
            attempts,
        })
    }

    /// Tries the models in order until one has responded completely.
    ///
    /// # Errors
    /// All models failed.
    pub async fn complete(
        &self,
        host: &Host,
        request: &ChatRequest,
        references: &[String],
    ) -> Result<Completed, Failed> {
        self.complete_with(host, request, references, ChatOptions::default())
            .await
    }

    /// The same as [`complete`](Self::complete), with options for this request. The retry limit is this object's own.
    ///
    /// # Errors
    /// All models failed.
    pub async fn complete_with(
        &self,
        host: &Host,
        request: &ChatRequest,
        references: &[String],
        options: ChatOptions,
    ) -> Result<Completed, Failed> {
        let ask = |request, bounds: ChatOptions| {
            let max_retries = bounds.max_retries;
            host.complete_with(
                request,
                ChatOptions {
                    max_retries,
                    ..options
                },
            )
        };
        let resolve = |reference| canonical(host, reference);
        let (response, reference, attempts) = self.one_of(request, references, resolve, ask).await?;
        Ok(Completed {
            response,
            reference,
            attempts,
        })
    }

    /// The failover order, independent of how models are resolved and called.
    async fn one_of<T, R, A>(
        &self,
        request: &ChatRequest,
        references: &[String],
        resolve: impl Fn(String) -> R,
        ask: impl Fn(ChatRequest, ChatOptions) -> A,
    ) -> Result<(T, String, Vec<Attempt>), Failed>
    // Not async closures: servers spawn this, and the compiler cannot prove yet that those are `Send`.
    where
        R: Future<Output = Result<String>>,
        A: Future<Output = Result<T>>,
    {
        let own = [request.model.clone()];
        let references = if references.is_empty() { &own } else { references };
        let mut models: Vec<(&String, String)> = Vec::with_capacity(references.len());
        for reference in references {
            let key = self.key(reference, &resolve).await;
            if models.iter().all(|(_, known)| *known != key) {
                models.push((reference, key));
            }
        }
        let now = Instant::now();
        let mut resting = {
            let memory = self.memory();
            let errors = models
                .iter()
                .map(|(_, key)| memory.cooldowns.passes_over(key, now));
            errors.collect::<Vec<_>>()
        };
        if resting.iter().all(Option::is_some)
            && let Some(first) = resting.first_mut()
        {
            // At least one model has to be tried.
            *first = None;
        }
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut first_error = None;
        for ((reference, key), resting) in models.iter().zip(resting) {
            if let Some(error) = resting {
                attempts.push(Attempt::new(reference.as_str(), error, Duration::ZERO));
                continue;
            }
            let started = Instant::now();
            let mut request = request.clone();
            request.model.clone_from(reference);
            self.params.fill(&mut request, &[reference, key]);
            match ask(request, self.options(key, started)).await {
                Ok(response) => {
                    let mut memory = self.memory();
                    memory.cooldowns.recovered(key);
                    memory.recent.recovered(key);
                    drop(memory);
                    return Ok((response, (*reference).clone(), attempts));
                }
                Err(error) => {
                    let mut memory = self.memory();
                    memory.cooldowns.failed(key, &error, Instant::now());
                    if self.max_retries.is_some() && error.is_retryable() {
                        memory.recent.failed(key, Instant::now());
                    }
                    drop(memory);
                    attempts.push(Attempt::new(reference.as_str(), error.clone(), started.elapsed()));
                    // An invalid reference that was requested first is a mistake of the caller: a response from
                    // another model would hide it.
                    let is_slip = error.kind() == ErrorKind::Provider(ProviderErrorKind::InvalidReference)
                        && models.first().is_some_and(|(first, _)| first == reference);
                    if is_slip || !error.allows_fallback() {
                        return Err(Failed { error, attempts });
                    }
                    first_error.get_or_insert(error);
                }
            }
        }
        let error = first_error.unwrap_or_else(|| {
            Error::new(
                ErrorKind::Provider(ProviderErrorKind::InvalidRequest),
                "no model is configured or requested",
            )
        });
        Err(Failed { error, attempts })
    }

    /// The options of a call to a model.
    fn options(&self, key: &str, now: Instant) -> ChatOptions {
        let max_retries = self.max_retries.map(|most| {
            if self.memory().recent.has(key, now) {
                0
            } else {
                most
            }
        });
        ChatOptions {
            max_retries,
            ..ChatOptions::default()
        }
    }

    /// The canonical key of a reference. An unresolvable one is its own key; the call then reports why.
    async fn key<R>(&self, reference: &str, resolve: &impl Fn(String) -> R) -> String
    where
        R: Future<Output = Result<String>>,
    {
        if let Some(key) = self.memory().canonical.get(reference) {
            return key.clone();
        }
        let Ok(canonical) = resolve(reference.to_owned()).await else {
            return reference.to_owned();
        };
        // Longer ones are not cached.
        if reference.len() > LONGEST_NAME {
            return canonical;
        }
        let mut memory = self.memory();
        if memory.canonical.len() >= MOST_NAMES {
            memory.canonical.clear();
        }
        memory.canonical.insert(reference.to_owned(), canonical.clone());
        canonical
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // The data under this lock is always consistent.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn canonical(host: &Host, reference: String) -> Result<String> {
    Ok(host.resolve(&reference).await?.canonical)
}
