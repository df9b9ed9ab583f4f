//! One model after the other: who is asked when the first fails, and who is left alone for a while.
//!
//! Another model is asked only before the first event: half an answer is never thrown away.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    completion::Completion,
    contract::{ChatRequest, ErrorKind},
    error::{Error, Kind, Result},
    host::{Answer, Host},
};

/// The first cool-down of a model that does not say itself how long to wait.
const SHORTEST: Duration = Duration::from_secs(60);
/// Doubling ends here; a failure later than this after the last cool-down begins anew.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Spellings and models that are remembered at most; a server's clients may ask for any text.
const MOST_NAMES: usize = 1024;

/// The cool-downs of one host. They survive swaps; share it among all requests.
#[derive(Default)]
pub struct Fallback {
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// What a spelling of a reference stands for. Only the key of a cool-down: the request carries the spelling itself.
    canonical: HashMap<String, String>,
    resting: HashMap<String, Rest>,
}

/// A model that is not asked for a while.
struct Rest {
    until: Instant,
    failures: u32,
    error: Error,
}

/// A model that was asked, or passed over, before the one that answered.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The reference as it was given.
    pub reference: String,
    /// Why it did not answer. The code `cooling-down` says that it was not asked.
    pub error: Error,
    /// How long that took.
    pub elapsed: Duration,
}

/// An answer that has begun: its first event, or its end, is there.
#[derive(Debug)]
pub struct Started {
    /// The answer.
    pub completion: Completion,
    /// Who answers, as it was given.
    pub reference: String,
    /// Who failed before.
    pub trail: Vec<Attempt>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Completed {
    /// The answer.
    pub answer: Answer,
    /// Who answered, as it was given.
    pub reference: String,
    /// Who failed before.
    pub trail: Vec<Attempt>,
}

/// Nobody answered.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The error that no other model can mend; else that of the first model that was asked.
    pub error: Error,
    /// All who failed, the last one included.
    pub trail: Vec<Attempt>,
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resting = self.memory().resting.len();
        f.debug_struct("Fallback")
            .field("resting", &resting)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failed {}

impl Fallback {
    /// No model is cooling down yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks one after the other until one answers, and gives the answer as it comes. An empty list stands for the
    /// request's own model.
    ///
    /// # Errors
    /// Nobody answered.
    pub async fn start(
        &self,
        host: &Host,
        request: &ChatRequest,
        references: &[String],
    ) -> Result<Started, Failed> {
        let ask = async |request| {
            let mut completion = host.chat(request).await?;
            completion.ready().await?;
            Ok(completion)
        };
        let (completion, reference, trail) = self.one_of(host, request, references, ask).await?;
        Ok(Started {
            completion,
            reference,
            trail,
        })
    }

    /// Asks one after the other until one has answered as a whole.
    ///
    /// # Errors
    /// Nobody answered.
    pub async fn complete(
        &self,
        host: &Host,
        request: &ChatRequest,
        references: &[String],
    ) -> Result<Completed, Failed> {
        let ask = async |request| host.complete(request).await;
        let (answer, reference, trail) = self.one_of(host, request, references, ask).await?;
        Ok(Completed {
            answer,
            reference,
            trail,
        })
    }

    async fn one_of<T>(
        &self,
        host: &Host,
        request: &ChatRequest,
        references: &[String],
        ask: impl AsyncFn(ChatRequest) -> Result<T>,
    ) -> Result<(T, String, Vec<Attempt>), Failed> {
        let own = [request.model.clone()];
        let references = if references.is_empty() { &own } else { references };
        let mut models: Vec<(&String, String)> = Vec::with_capacity(references.len());
        for reference in references {
            let key = self.key(host, reference).await;
            if models.iter().all(|(_, known)| *known != key) {
                models.push((reference, key));
            }
        }
        let all_rest = models.iter().all(|(_, key)| self.rest(key).is_some());
        let mut trail: Vec<Attempt> = Vec::new();
        let mut first_error = None;
        for (index, (reference, key)) in models.iter().enumerate() {
            if let Some(error) = self.rest(key)
                && !(all_rest && index == 0)
            {
                trail.push(Attempt {
                    reference: (*reference).clone(),
                    error,
                    elapsed: Duration::ZERO,
                });
                continue;
            }
            let started = Instant::now();
            let mut request = request.clone();
            request.model.clone_from(reference);
            match ask(request).await {
                Ok(answer) => {
                    self.recovered(key);
                    return Ok((answer, (*reference).clone(), trail));
                }
                Err(error) => {
                    self.failed(key, &error);
                    trail.push(Attempt {
                        reference: (*reference).clone(),
                        error: error.clone(),
                        elapsed: started.elapsed(),
                    });
                    if !error.allows_fallback() {
                        return Err(Failed { error, trail });
                    }
                    first_error.get_or_insert(error);
                }
            }
        }
        let error = first_error.unwrap_or_else(|| {
            Error::new(
                Kind::Provider(ErrorKind::InvalidRequest),
                "there is no model to ask",
            )
        });
        Err(Failed { error, trail })
    }

    /// What stands for a model, however it is spelt. What nobody understands stands for itself; asking for it will
    /// say why.
    async fn key(&self, host: &Host, reference: &str) -> String {
        if let Some(key) = self.memory().canonical.get(reference) {
            return key.clone();
        }
        let Ok(resolved) = host.resolve(reference).await else {
            return reference.to_owned();
        };
        let mut memory = self.memory();
        if memory.canonical.len() >= MOST_NAMES {
            memory.canonical.clear();
        }
        memory
            .canonical
            .insert(reference.to_owned(), resolved.canonical.clone());
        resolved.canonical
    }

    /// Why a model is not to be asked now.
    fn rest(&self, key: &str) -> Option<Error> {
        let memory = self.memory();
        let rest = memory.resting.get(key)?;
        let left = rest.until.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then(|| rest.passed_over(left))
    }

    fn recovered(&self, key: &str) {
        self.memory().resting.remove(key);
    }

    fn failed(&self, key: &str, error: &Error) {
        if !calls_for_rest(error) {
            return;
        }
        let now = Instant::now();
        let mut memory = self.memory();
        if memory.resting.len() >= MOST_NAMES {
            memory.resting.retain(|_, rest| rest.until > now);
        }
        let before = memory.resting.get(key).filter(|rest| now < rest.until + LONGEST);
        let failures = before.map_or(0, |rest| rest.failures).saturating_add(1);
        let doubled = SHORTEST
            .saturating_mul(2u32.saturating_pow(failures - 1))
            .min(LONGEST);
        let rest = Rest {
            until: now + error.retry_after().unwrap_or(doubled),
            failures,
            error: error.clone(),
        };
        memory.resting.insert(key.to_owned(), rest);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing is left half done under this lock.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    /// The error that led to the cool-down, told as what it is now: a reason not to ask.
    fn passed_over(&self, left: Duration) -> Error {
        let mut details = self.error.details().clone();
        details.message = format!(
            "not asked: it is left alone for {} s more after: {}",
            left.as_secs().max(1),
            details.message
        );
        details.code = Some("cooling-down".to_owned());
        details.retryable = true;
        details.retry_after_ms = u32::try_from(left.as_millis()).ok();
        details.request_sent = false;
        details.attempts = 0;
        Error::from(details)
    }
}

/// Credit used up, too many requests, or an upstream in trouble: the next request would fail as well.
fn calls_for_rest(error: &Error) -> bool {
    matches!(error.details().status, Some(402 | 429 | 500..=599))
}
