//! Request bodies: received within limits of size, time and memory, and parsed as JSON without blocking the
//! runtime.
//!
//! Knows neither the meaning of a request nor its sender.

use std::{
    error::Error as _,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{
    ServeLimits,
    budget::{BodyBudget, Held},
};
use dialects::{
    api_error::ApiError,
    dialect::{Dialect, ParsedRequest},
    server::refusals::{self, too_slow},
};

/// Larger bodies are parsed on blocking threads.
const LARGE: usize = 64 * 1024;
/// Limits concurrent parsers: more would only compete for the processor.
static PARSERS: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Semaphore::new(processors.div_ceil(2))
});
/// How long a body may be slower than the minimum rate.
const GRACE: Duration = Duration::from_secs(10);

/// A complete body, and its share of the budget.
pub(super) struct Received {
    bytes: Bytes,
    held: Held,
}

/// Receives the body of a request.
pub(super) async fn receive(
    request: Request,
    limits: &ServeLimits,
    budget: &Arc<BodyBudget>,
) -> Result<Received, ApiError> {
    refusals::check_body_headers(request.headers())?;
    let mut body = request.into_body();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limits.body_bytes {
        return Err(too_large(limits));
    }
    let mut held = budget.hold();
    // Reserves address space; memory is used as it is written.
    let mut bytes = Vec::with_capacity(announced);
    let started = Instant::now();
    while let Some(data) = next(&mut body, started, bytes.len(), limits).await? {
        if bytes.len() + data.len() > limits.body_bytes {
            return Err(too_large(limits));
        }
        if !held.add(data.len()) {
            return Err(no_room(budget.limit()));
        }
        bytes.extend_from_slice(&data);
    }
    bytes.shrink_to_fit();
    Ok(Received {
        bytes: bytes.into(),
        held,
    })
}

impl Received {
    /// Parses it. Its share of the budget passes on to the parsed request.
    pub(super) async fn parse(self, dialect: &Arc<dyn Dialect>) -> Result<(ParsedRequest, Held), ApiError> {
        let dialect = Arc::clone(dialect);
        self.read(move |bytes| dialect.parse(bytes)).await
    }

    /// The same with any parser.
    pub(super) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&[u8]) -> model_provider_host::Result<T> + Send + 'static,
    ) -> Result<(T, Held), ApiError> {
        let Self { bytes, held } = self;
        let read = if bytes.len() < LARGE {
            read(&bytes)
        } else {
            read_elsewhere(bytes, read).await?
        };
        Ok((read?, held))
    }
}

async fn read_elsewhere<T: Send + 'static>(
    bytes: Bytes,
    read: impl FnOnce(&[u8]) -> model_provider_host::Result<T> + Send + 'static,
) -> Result<model_provider_host::Result<T>, ApiError> {
    let _turn = PARSERS.acquire().await.map_err(|_| ending())?;
    let reading = tokio::task::spawn_blocking(move || read(&bytes));
    reading.await.map_err(|_| ending())
}

fn ending() -> ApiError {
    let message = "the server is ending";
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server_error",
        "drained",
        message,
    )
    .retry_after(1)
}

/// The next data frame; `None` at the end.
async fn next(
    body: &mut Body,
    started: Instant,
    so_far: usize,
    limits: &ServeLimits,
) -> Result<Option<Bytes>, ApiError> {
    let whole = started + limits.body_deadline;
    let rate = started + GRACE + Duration::from_secs(so_far as u64 / limits.body_rate.max(1) as u64);
    let pause = Instant::now() + limits.body_timeout;
    loop {
        let Ok(frame) = timeout_at(whole.min(rate).min(pause), body.frame()).await else {
            let now = Instant::now();
            return Err(if now >= whole {
                too_slow("serve-body-deadline-ms", "the body took too long")
            } else if now >= rate {
                let message = format!("the body came at less than {} bytes a second", limits.body_rate);
                too_slow("serve-min-body-rate", &message)
            } else {
                too_slow("serve-body-timeout-ms", "the body stopped coming")
            });
        };
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(unreadable(&error)),
            Some(Ok(frame)) => match frame.into_data() {
                // An empty chunk is no progress.
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                Err(_trailers) => {}
            },
        }
    }
}

fn too_large(limits: &ServeLimits) -> ApiError {
    refusals::too_large("serve-max-body-bytes", limits.body_bytes)
}

fn no_room(most: usize) -> ApiError {
    let message =
        format!("the requests under way hold all of the {most} bytes that their bodies may have together");
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server_error",
        "serve-max-total-body-bytes",
        &message,
    )
    .retry_after(1)
}

fn unreadable(error: &axum::Error) -> ApiError {
    tracing::debug!(cause = ?error.source(), "a body was not received");
    refusals::unreadable()
}
