//! The account of one request, from its head to the last byte of its response: allowed models, limits, and its
//! record. It is settled when the last clone is dropped. Knows no dialect.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use http::StatusCode;

use super::{
    AccessKey, Usd,
    books::Books,
    counts::NO_KEY,
    current::Current,
    ledger::{Entered, Reached},
    ledger_file::now,
    model_rules,
    quota::{not_allowed, reached as fault_of},
    record::{ABANDONED, FAILED, OK, REFUSED, Record},
    reservation::possible_usage,
};
use dialects::api_error::ApiError;
use model_provider_host::{
    Error, ErrorKind, GenerationInfo, Principal, TraceParent,
    contract::{ChatRequest, ModelRef, Summary},
    cost,
};

/// The limit of characters of a model's name in a record.
const LONGEST_NAME: usize = 256;

/// The caller of a request.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Any client of a server without keys, or a client with the server's own key.
    Operator,
    /// A client with a named key.
    Key(Arc<AccessKey>),
}

impl Caller {
    /// The model rules of its key, if it has any.
    pub(super) fn rules(&self) -> Option<&[String]> {
        match self {
            Self::Operator => None,
            Self::Key(key) => key.models.as_deref(),
        }
    }
}

/// A request in flight. Cheap to clone; clones are the same request.
#[derive(Clone)]
pub(super) struct Account(Arc<Inner>);

struct Inner {
    books: Arc<Books>,
    started: Instant,
    state: Mutex<AccountState>,
}

struct AccountState {
    key: Option<Arc<AccessKey>>,
    entered: Option<Entered>,
    /// The allowed models, resolved.
    models: Vec<(String, Arc<ModelRef>)>,
    /// The charge; by default the reservation.
    used: Option<(u64, Usd)>,
    outcome: Option<&'static str>,
    /// Its response is streaming and not finished yet.
    is_open: bool,
    is_kept: bool,
    record: Record,
}

impl Account {
    /// Starts the account of a request.
    pub(super) fn begin(
        books: &Arc<Books>,
        request_id: String,
        (trace_id, parent): (TraceParent, Option<TraceParent>),
        (method, path, dialect): (&'static str, Option<&'static str>, &'static str),
    ) -> Self {
        let record = Record {
            time: SystemTime::now(),
            request_id,
            trace_id,
            parent,
            key: None,
            method,
            path: path.unwrap_or("elsewhere"),
            dialect,
            model_asked: None,
            model_used: None,
            response_model: None,
            backend: None,
            is_stream: None,
            input_tokens: None,
            cached_input_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
            cost_usd: None,
            charged_tokens: None,
            charged_usd: None,
            latency_ms: std::time::Duration::ZERO,
            first_event_ms: None,
            outcome: ABANDONED,
            status: None,
            error: None,
            reason: None,
            attempts: None,
            failed_over: 0,
            upstream_request_id: None,
            generation: None,
            digest: None,
            repeated: 0,
        };
        Self(Arc::new(Inner {
            books: Arc::clone(books),
            started: Instant::now(),
            state: Mutex::new(AccountState {
                key: None,
                entered: None,
                models: Vec::new(),
                used: None,
                outcome: None,
                is_open: false,
                is_kept: true,
                record,
            }),
        }))
    }

    /// Skips its record: it is a probe.
    pub(super) fn leave_out(&self) {
        self.state().is_kept = false;
    }

    /// Sets its key.
    pub(super) fn of(&self, key: &Arc<AccessKey>) {
        let mut state = self.state();
        state.record.key = Some(key.name.clone());
        state.key = Some(Arc::clone(key));
    }

    /// Marks it as refused by the server.
    pub(super) fn refused(&self, reason: &'static str) {
        let mut state = self.state();
        state.outcome = Some(REFUSED);
        state.record.reason = Some(reason);
        let key = state.record.key.as_deref().unwrap_or(NO_KEY);
        self.0.books.counts.refused(key, reason);
    }

    /// Counts it against the limits of its key.
    #[allow(clippy::result_large_err, reason = "an error is made once a request")]
    pub(super) fn enter(&self) -> Result<(), ApiError> {
        let Some(key) = self.key() else {
            return Ok(());
        };
        let entered = self.0.books.ledger.enter(&key, now());
        let entered = entered.map_err(|reached| self.reached(&reached))?;
        self.state().entered = Some(entered);
        Ok(())
    }

    /// Sets the requested model, and returns the models to try, as far as its key allows them.
    #[allow(clippy::result_large_err, reason = "an error is made once a request")]
    pub(super) async fn requests(
        &self,
        current: &Current,
        named: &str,
        is_stream: bool,
        (references, is_default): (Vec<String>, bool),
    ) -> Result<Vec<String>, ApiError> {
        {
            let mut state = self.state();
            let named = current.host.redact(named);
            state.record.model_asked = Some(named.chars().take(LONGEST_NAME).collect());
            state.record.is_stream = Some(is_stream);
        }
        let key = self.key();
        let rules = key.as_ref().and_then(|key| key.models.as_deref());
        if key.is_none() && !self.0.books.want_costs() {
            return Ok(references);
        }
        let (mut allowed, mut models) = (Vec::new(), Vec::new());
        for (at, reference) in references.iter().enumerate() {
            let resolved = current.resolver.resolve(reference).await;
            let is_allowed = match (rules, &resolved) {
                (None, _) => true,
                (Some(rules), Ok(model)) => model_rules::allow(rules, model, &current.resolver).await,
                // The requested model does not resolve: the client has to see that error, so no fallback is tried.
                (Some(_), Err(error)) if at == 0 => return Err(ApiError::from(error)),
                (Some(_), Err(_)) => false,
            };
            // A fallback is tried only for an allowed model, or for the default.
            if !is_allowed && at == 0 && !is_default {
                self.refused("model");
                return Err(not_allowed());
            }
            if is_allowed {
                allowed.push(reference.clone());
                models.extend(resolved.ok().map(|model| (reference.clone(), model)));
            }
        }
        if allowed.is_empty() && !references.is_empty() {
            self.refused("model");
            return Err(not_allowed());
        }
        self.state().models = models;
        Ok(allowed)
    }

    /// Reserves its possible usage.
    #[allow(clippy::result_large_err, reason = "an error is made once a request")]
    pub(super) fn reserve(&self, current: &Current, request: &ChatRequest) -> Result<(), ApiError> {
        let Some(key) = self.key() else {
            return Ok(());
        };
        let mut state = self.state();
        let usage = possible_usage(request, current.limits.reserved_output);
        // The highest cost of the models to try; the setting's amount for a model without a price.
        let costs = state.models.iter().map(|(_, model)| {
            let cost = model
                .metadata
                .as_ref()
                .and_then(|model| cost::upper_bound(model, &usage));
            cost.unwrap_or(current.policy.unknown_cost)
        });
        let spend = costs.max().unwrap_or(current.policy.unknown_cost);
        let tokens = [usage.input_tokens, usage.output_tokens];
        let tokens = tokens.into_iter().flatten().map(u64::from).sum();
        let Some(entered) = &mut state.entered else {
            return Ok(());
        };
        let reserved = entered.reserve(&key, tokens, spend, now());
        drop(state);
        reserved.map_err(|reached| self.reached(&reached))
    }

    /// Marks its response as streaming.
    pub(super) fn opens(&self) {
        self.state().is_open = true;
    }

    /// Sets the responding model; the first event has arrived.
    pub(super) fn responds(&self, generation: &GenerationInfo) {
        let elapsed = self.0.started.elapsed();
        let mut state = self.state();
        state.record.first_event_ms.get_or_insert(elapsed);
        state.by(generation);
    }

    /// Marks its response as complete.
    pub(super) fn completed(
        &self,
        reference: &str,
        summary: &Summary,
        generation: &GenerationInfo,
        failed_over: usize,
    ) {
        let mut state = self.state();
        state.by(generation);
        state.outcome = Some(OK);
        let model = state.models.iter().find(|(known, _)| known == reference);
        let metadata = model.and_then(|(_, model)| model.metadata.as_ref());
        let cost = metadata.and_then(|model| cost::of_response(model, summary));
        let usage = &summary.usage;
        let record = &mut state.record;
        record.model_used = Some(reference.to_owned());
        record.response_model = Some(summary.model.clone());
        record.backend.clone_from(&summary.backend);
        record.upstream_request_id.clone_from(&summary.request_id);
        record.input_tokens = usage.input_tokens;
        record.cached_input_tokens = usage.cached_input_tokens;
        record.output_tokens = usage.output_tokens;
        record.reasoning_tokens = usage.reasoning_tokens;
        record.cost_usd = cost;
        record.attempts = Some(summary.attempts);
        record.failed_over = failed_over as u64;
        // Unknown usage is charged as reserved.
        if let Some(entered) = &state.entered {
            let reserved = entered.reserved();
            let tokens = usage.input_tokens.zip(usage.output_tokens);
            let tokens = tokens.map(|(input, output)| u64::from(input) + u64::from(output));
            state.used = Some((tokens.unwrap_or(reserved.0), cost.unwrap_or(reserved.1)));
        }
        let key = state.record.key.as_deref().unwrap_or(NO_KEY);
        self.0
            .books
            .counts
            .used(key, usage.input_tokens, usage.output_tokens, cost);
    }

    /// Marks it as failed: no model responded, or the response was cut short.
    pub(super) fn failed(&self, error: &Error) {
        let mut state = self.state();
        state.outcome = Some(FAILED);
        state.record.error = Some(error.kind().as_str().to_owned());
        let has_begun = state.record.first_event_ms.is_some() || has_begun(error);
        // The host cancelled work that the upstream may still bill.
        let is_cut = matches!(
            error.kind(),
            ErrorKind::Limit | ErrorKind::Drained | ErrorKind::Cancelled
        );
        if !has_begun && !is_cut {
            state.used = Some((0, Usd::default()));
        }
    }

    /// Sets the status of its response, and the error's code.
    pub(super) fn responded(&self, status: StatusCode, error: Option<&ApiError>) {
        let mut state = self.state();
        state.record.status = Some(status.as_u16());
        if let Some(error) = error {
            state.record.error = Some(error.code.clone());
        }
        if !state.is_open {
            let outcome = if status.as_u16() < 400 { OK } else { FAILED };
            state.outcome.get_or_insert(outcome);
        }
    }

    /// On whose behalf it is made, where requests may share stores: the named key, or the server's own; nobody's without
    /// a key.
    pub(super) fn principal(&self, current: &Current) -> Option<Principal> {
        if current.host.plugin().sandbox().calls_per_store() <= 1 {
            return None;
        }
        match self.key() {
            Some(key) => Some(Principal::named(&format!("key {}", key.name))),
            None => current.access.is_locked().then(|| Principal::named("own key")),
        }
    }

    fn key(&self) -> Option<Arc<AccessKey>> {
        self.state().key.clone()
    }

    fn reached(&self, reached: &Reached) -> ApiError {
        self.refused(reached.limit.as_str());
        fault_of(reached)
    }

    fn state(&self) -> MutexGuard<'_, AccountState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the error is of a response that began: the upstream took the request and may bill it, but the rest of it broke off
/// or could not be read. A request that got an error status is not billed.
fn has_begun(error: &Error) -> bool {
    let details = error.details();
    let is_named = details.backend.is_some() || details.request_id.is_some();
    details.request_sent && details.status.is_none() && is_named
}

impl AccountState {
    fn by(&mut self, generation: &GenerationInfo) {
        self.record.generation = Some(generation.number);
        self.record.digest = Some(generation.digest.clone());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut record = state.record.clone();
        if let Some(entered) = state.entered.take() {
            let (tokens, spend) = state.used.unwrap_or(entered.reserved());
            (record.charged_tokens, record.charged_usd) = (Some(tokens), Some(spend));
            entered.settle(tokens, spend, now());
        }
        record.latency_ms = self.started.elapsed();
        record.outcome = state.outcome.unwrap_or(ABANDONED);
        if state.is_kept {
            self.books.keep(record);
        }
    }
}
