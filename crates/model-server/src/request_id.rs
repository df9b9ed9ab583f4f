//! Middleware around every request: request id, access check, log line and response headers.

use std::{
    fmt,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, Method, header};
use tracing::Instrument as _;

use super::{
    Service,
    account::{Account, Caller},
    auth::Refused,
    current::Current,
    health,
    response::{Refusal, in_dialect},
    seats::Sitting,
    unread::{self, Lingers},
};
use dialects::{api_error::ApiError, server::addresses::name_of};
use model_provider_host::TraceParent;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const GENERATION: HeaderName = HeaderName::from_static("x-plugin-generation");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest request id of a client.
const LONGEST_NAME: usize = 64;

/// Generates request ids: a number that differs per process, and a counter.
pub(super) struct RequestIdGenerator {
    start: u64,
    count: AtomicU64,
}

impl RequestIdGenerator {
    pub(super) fn new() -> Self {
        Self {
            // The standard library's hasher has a random seed.
            start: RandomState::new().build_hasher().finish(),
            count: AtomicU64::new(1),
        }
    }

    /// The client's own request id, if it is a plain one, else a new one. An access key in that header is not used:
    /// it would be in every line of the log.
    fn name(&self, given: Option<&HeaderValue>, is_secret: impl Fn(&str) -> bool) -> RequestId {
        let is_plain = |text: &&str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(plain)
        };
        let given = given
            .and_then(|value| value.to_str().ok())
            .filter(is_plain)
            .filter(|name| !is_secret(name));
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(name) = given {
            RequestId {
                name: name.to_owned(),
                of_response: format!("{name}-{:08x}", self.start.wrapping_add(count) & 0xffff_ffff),
            }
        } else {
            let name = format!("{:016x}{count:08x}", self.start);
            RequestId {
                of_response: name.clone(),
                name,
            }
        }
    }
}

/// A request id.
#[derive(Clone, Debug)]
pub(super) struct RequestId {
    name: String,
    of_response: String,
}

impl RequestId {
    /// From which the id of the response is made. It is unique, while clients name several requests alike: those of
    /// one request of their own.
    pub(super) fn of_response(&self) -> &str {
        &self.of_response
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The trace of a request, for requests upstream.
#[derive(Clone, Copy)]
pub(super) struct Trace(pub(super) TraceParent);

/// The generation of a response, if known.
#[derive(Clone, Copy)]
pub(super) struct RespondedBy(pub(super) u64);

pub(super) async fn around(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let current = service.current();
    let started = Instant::now();
    let is_secret = |text: &str| current.host.redact(text) != text || current.access.redacted(text) != text;
    let id = service.0.names.name(request.headers().get(REQUEST_ID), is_secret);
    let (trace, parent) = trace_of(request.headers().get(TRACE_PARENT));
    let span = tracing::info_span!("request", %id, trace = trace.trace_id(), key = tracing::field::Empty);
    let dialect = Arc::clone(current.dialects.of(request.uri().path(), request.headers()));
    let spoken = name_of(request.uri().path(), request.headers());
    let method = known(request.method());
    let place = health::known(request.uri().path());
    let account = Account::begin(
        &service.0.books,
        id.to_string(),
        (trace, parent),
        (method, place, spoken),
    );
    let path = current
        .host
        .redact(&current.access.redacted(request.uri().path()));
    let version = request.version();
    let lingers = request.extensions().get::<Lingers>().cloned();
    let extensions = request.extensions_mut();
    extensions.insert(id.clone());
    extensions.insert(Trace(trace));
    extensions.insert(Arc::clone(&current));
    extensions.insert(account.clone());
    let answering = async {
        let (mut request, unread) = unread::watch(request);
        let mut response = match current.admit(&mut request, &account) {
            Ok(()) => next.run(request).await,
            Err(error) => {
                drop(request);
                Refusal(error).into_response()
            }
        };
        let mut written_error = None;
        response = in_dialect(response, |error| {
            let error = current.access.redacted_error(error.clone());
            let written = (dialect.status(&error), dialect.error(&error, &id.name));
            written_error = Some(error);
            written
        });
        account.responded(response.status(), written_error.as_ref());
        if let Some(unread) = unread {
            unread.settle(version, lingers.as_ref(), &mut response).await;
        }
        let status = response.status().as_u16();
        tracing::info!(method, path, status, elapsed = ?started.elapsed(), "request finished");
        let generation = match response.extensions().get::<RespondedBy>() {
            Some(RespondedBy(number)) => *number,
            None => current.host.generation().number,
        };
        let headers = response.headers_mut();
        headers.insert(GENERATION, generation.into());
        if let Ok(id) = HeaderValue::from_str(&id.name) {
            if let Some(name) = dialect.request_id_header() {
                headers.insert(name, id.clone());
            }
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        response
    };
    answering.instrument(span).await
}

/// The span of a request, and its parent span from the client, if it sent one.
fn trace_of(given: Option<&HeaderValue>) -> (TraceParent, Option<TraceParent>) {
    let parent = given
        .and_then(|value| value.to_str().ok())
        .and_then(TraceParent::parse);
    (parent.map_or_else(TraceParent::new, TraceParent::child), parent)
}

impl Current {
    /// Checks access and the limits of the key; on a connection beyond the limit, admits only health checks.
    #[allow(clippy::result_large_err, reason = "an error is made once a request")]
    fn admit(&self, request: &mut Request, account: &Account) -> Result<(), ApiError> {
        let path = request.uri().path();
        if health::is_observed(path) {
            account.leave_out();
        }
        let caller = match self.access.check(request, &self.policy) {
            Ok(caller) => caller,
            Err(Refused { error, key, reason }) => {
                if let Some(key) = &key {
                    account.of(key);
                }
                account.refused(reason);
                return Err(error);
            }
        };
        if let Caller::Key(key) = &caller {
            account.of(key);
            tracing::Span::current().record("key", &key.name);
        }
        let sitting = request.extensions().get::<Sitting>();
        if sitting.is_some_and(Sitting::is_reserved) && !health::is_probe(path) {
            account.refused("connections");
            return Err(health::no_seat());
        }
        if request.method() == Method::POST && health::is_counted(path) {
            account.enter()?;
        }
        request.extensions_mut().insert(caller);
        Ok(())
    }
}

/// A known method's name; an unknown one may be any text.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = KNOWN.iter().find(|known| **known == method.as_str());
    known.copied().unwrap_or("of no known name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_name_its_request_in_plain_characters() {
        let names = RequestIdGenerator::new();
        let name = |given: &str| {
            let given = HeaderValue::from_str(given).ok();
            names.name(given.as_ref(), |text| text == "a-key").to_string()
        };
        assert_eq!(name("my-trace_1.2"), "my-trace_1.2");
        for odd in ["", "a b", "a\"b", "{}", "a-key", &"x".repeat(65)] {
            assert_ne!(name(odd), odd);
        }
        assert_ne!(name(""), name(""), "no two are the same");
    }

    #[test]
    fn responses_to_requests_of_one_name_have_ids_of_their_own() {
        let names = RequestIdGenerator::new();
        let given = HeaderValue::from_static("of-my-own-request");
        let id = |given| names.name(given, |_| false).of_response().to_owned();
        let (one, two, other) = (id(Some(&given)), id(Some(&given)), id(None));
        assert!(one.starts_with("of-my-own-request-") && two.starts_with("of-my-own-request-"));
        assert_ne!(one, two);
        assert_ne!(other, id(None));
    }
}
