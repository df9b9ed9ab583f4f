//! The completion handler of every dialect: parses the request, runs it with failover, and writes the response
//! whole or as a stream. Knows no dialect.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use http::{StatusCode, header};

use super::{
    Service,
    account::Account,
    body,
    current::Current,
    request_id::{RequestId, Trace},
    response,
    seats::Sitting,
    streaming::{Start, Starting, as_it_comes},
};
use dialects::{
    api_error::ApiError,
    dialect::{Head, ResponseWriter},
    ending::{Ending, attempts},
    server::{placeholder, refusals::no_model},
};
use model_provider_host::{ChatOptions, contract::ChatRequest, failover::Failed};

/// The handler of every dialect's address.
pub(super) async fn completions(
    State(service): State<Service>,
    Extension(current): Extension<Arc<Current>>,
    Extension(account): Extension<Account>,
    Extension(id): Extension<RequestId>,
    Extension(Trace(trace)): Extension<Trace>,
    request: Request,
) -> Result<Response, response::Refusal> {
    let dialect = Arc::clone(current.dialects.of(request.uri().path(), request.headers()));
    let receiving = request.extensions().get::<Sitting>().map(Sitting::receiving);
    let received = body::receive(request, &current.limits, &service.0.bodies).await?;
    drop(receiving);
    // Only now: a slow body does not use up a permit.
    let permit = Arc::clone(&service.0.in_progress)
        .try_acquire_owned()
        .map_err(|_| busy(service.0.limits.concurrent))?;
    // Held as long as the request, which a fallback model may still need.
    let (parsed, held) = received.parse(&dialect).await?;
    let named = current.access.redacted(&parsed.model.ok_or_else(no_model)?);
    let (references, default_for) = current.references(named.clone());
    let is_default = default_for.is_some() || named.trim().is_empty();
    let references = account
        .requests(&current, &named, parsed.stream, (references, is_default))
        .await?;
    let (request, mut reply) = (parsed.request, parsed.reply);
    account.reserve(&current, &request)?;
    reply.begin(Head {
        id: id.of_response().to_owned(),
        request_id: id.to_string(),
        created: now(),
        model: named,
        default_for,
    });
    current.access.redact_notes(reply.notes());
    let mut options = ChatOptions::default().with_trace_parent(trace);
    options.principal = account.principal(&current);
    if !parsed.stream {
        return Ok(current
            .whole(&request, &references, options, reply, &account)
            .await?);
    }
    let of_task = Arc::clone(&current);
    let mut starting: Starting = Box::pin(async move {
        let (current, _held) = (of_task, held);
        current
            .fallback
            .start_with(&current.host, &request, &references, options)
            .await
    });
    // An early error has its own status. A client that waits longer gets a status to see progress.
    let start = match tokio::time::timeout(current.limits.status_wait, &mut starting).await {
        Ok(Ok(started)) => Start::Started(Box::new(started)),
        Ok(Err(nobody)) => {
            account.failed(&nobody.error);
            return Err(located(&nobody, &*reply).into());
        }
        Err(_) => Start::Starting(starting),
    };
    Ok(as_it_comes(
        start,
        reply,
        dialect.heartbeat(),
        &current,
        account,
        permit,
    ))
}

impl Current {
    /// The models to try, in order, as in the command line: the requested model, then its configured fallbacks. A
    /// blank name means the configured default. So does a placeholder of a client, unless it is an alias; it is
    /// returned as well, for a warning.
    fn references(&self, named: String) -> (Vec<String>, Option<&'static str>) {
        let name = named.trim();
        if name.is_empty() {
            return (self.default_models.clone(), None);
        }
        let is_alias = |name: &str| self.host.settings().models.find_alias(name).next().is_some();
        if !self.default_models.is_empty()
            && let Some(placeholder) = placeholder(name, is_alias)
        {
            return (self.default_models.clone(), Some(placeholder));
        }
        let references = std::iter::once(named).chain(self.fallbacks.iter().cloned());
        (references.collect(), None)
    }

    async fn whole(
        &self,
        request: &ChatRequest,
        references: &[String],
        options: ChatOptions,
        mut reply: Box<dyn ResponseWriter>,
        account: &Account,
    ) -> Result<Response, ApiError> {
        let completed = self
            .fallback
            .complete_with(&self.host, request, references, options)
            .await
            .map_err(|nobody| {
                account.failed(&nobody.error);
                located(&nobody, &*reply)
            })?;
        let (response, generation) = (&completed.response, &completed.response.generation);
        let (reference, attempts) = (&completed.reference, completed.attempts.len());
        account.completed(reference, &response.summary, generation, attempts);
        let ending = Ending {
            summary: &self.access.redacted_summary(&response.summary),
            generation,
            attempts: &completed.attempts,
        };
        let written = reply.whole(&completed.reference, &response.content, ending);
        let json = [(header::CONTENT_TYPE, "application/json")];
        Ok(response::by(generation, (json, written)))
    }
}

fn busy(most: usize) -> ApiError {
    let message = format!("{most} responses are in progress, which is the limit of this server");
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server_error",
        "serve-max-concurrent",
        &message,
    )
    .retry_after(1)
}

/// No model responded.
pub(super) fn failed(failed: &Failed) -> ApiError {
    let mut error = ApiError::from(&failed.error);
    if failed.attempts.len() > 1 {
        error
            .extras
            .insert("trail".to_owned(), attempts(&failed.attempts).into());
    }
    error
}

/// The same, with the error's location in the client's terms.
fn located(nobody: &Failed, reply: &dyn ResponseWriter) -> ApiError {
    let mut error = failed(nobody);
    reply.locate(&mut error);
    error
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
