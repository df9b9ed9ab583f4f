//! The `wasi:http` hooks of one store: count a guest's requests, block those that are not allowed, and pass the
//! rest to the egress client.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderName, Request, Response};
use tracing::Instrument as _;
use wasmtime_wasi_http::{
    Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
    p2::bindings::http::types::ErrorCode,
};

use super::{
    body::RequestGuard,
    client::EgressClient,
    deny::deny,
    headers,
    kept::{KeptRequests, Sending},
};
use crate::{limits::StopReason, request_context::RequestContext};

/// The most blocked headers of one request that are logged.
const MOST_LOGGED: usize = 8;

/// The egress client, if there is one, and what this request has used of it.
pub(crate) struct EgressHooks {
    egress: Option<Arc<EgressClient>>,
    context: RequestContext,
    open: Arc<AtomicUsize>,
    started: usize,
    denied: usize,
    /// Only for a guest that may be replayed.
    kept: Option<Box<KeptRequests>>,
    /// The call is over, and its guest is not.
    is_closed: bool,
}

impl EgressHooks {
    /// Hooks for this egress client; without one, every request is blocked.
    pub(crate) fn new(egress: Option<Arc<EgressClient>>, context: RequestContext) -> Self {
        Self {
            egress,
            context,
            open: Arc::new(AtomicUsize::new(0)),
            started: 0,
            denied: 0,
            kept: None,
            is_closed: false,
        }
    }

    /// Keeps what a replay of the guest needs.
    pub(crate) fn keep_requests(&mut self) {
        self.kept = Some(Box::default());
    }

    /// Begins a replay: requests that were sent are not sent again, and no others are sent.
    pub(crate) fn begin_replay(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.begin();
        }
    }

    /// See [`KeptRequests::take_replayed`].
    pub(crate) fn take_replayed(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.take_replayed();
        }
    }

    /// Ends a replay; whether the guest has made the same requests. From now on they are sent, and none is kept.
    pub(crate) fn end_replay(&mut self) -> bool {
        self.kept.take().is_some_and(|mut kept| kept.end())
    }

    /// Sends nothing any more.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.kept = None;
    }

    /// Whether the guest has made a request.
    pub(crate) fn has_started(&self) -> bool {
        self.started > 0
    }

    fn admit(&mut self) -> Result<(Arc<EgressClient>, RequestGuard), HttpError> {
        let Some(egress) = &self.egress else {
            let message = "the plugin has no grant, so all its requests are blocked".to_owned();
            let hint = "write one with `grant FILE.wasm`, or name the destination as the base URL";
            return Err(deny(&self.context, message, hint));
        };
        if self.context.is_response_over_limit() {
            return Err(HttpError::HttpRequestDenied);
        }
        let limits = self.context.limits();
        let over = |name, most: usize, what: &str| {
            self.context.stop(StopReason::Limit {
                name,
                message: format!("the plugin {what} more than {most} requests"),
            });
            HttpError::ConnectionLimitReached
        };
        if self.open.load(Ordering::Relaxed) >= limits.open_requests {
            return Err(over("max-open-requests", limits.open_requests, "had open"));
        }
        if self.started >= limits.requests {
            return Err(over("max-requests", limits.requests, "made"));
        }
        self.started += 1;
        Ok((Arc::clone(egress), RequestGuard::enter(&self.open)))
    }
}

/// The result of `send_request`: the response, and background work for its body (none here: the pool does it).
type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ),
    HttpError,
>;

impl WasiHttpHooks for EgressHooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        match &self.egress {
            Some(egress) => {
                let egress = Arc::clone(egress);
                Arc::new(move |name| egress.forbids(name))
            }
            None => Arc::new(headers::is_forbidden),
        }
    }

    /// Called for headers that the guest sets; those of responses have been removed before.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        let forbidden = match &self.egress {
            Some(egress) => egress.forbids(name),
            None => headers::is_forbidden(name),
        };
        if let Some(egress) = &self.egress
            && !forbidden
            && egress.replaces(name)
        {
            tracing::debug!(%name, "the configured header replaces the plugin's");
        }
        if forbidden {
            if let Some(egress) = &self.egress {
                egress.count_blocked_request();
            }
            let message = format!("the plugin tried to set the header `{name}`, which plugins must not set");
            let hint = "the host writes what belongs to the connection and to the credential; a header of your own \
                        goes under `headers` in the configuration";
            self.denied += 1;
            match self.denied {
                // A guest may try any number of times, and must not flood the operator's log.
                n if n > MOST_LOGGED => {}
                n => {
                    deny(&self.context, message, hint);
                    if n == MOST_LOGGED {
                        tracing::warn!("further blocked headers of this request are counted and not logged");
                    }
                }
            }
        }
        forbidden
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _fut: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if self.is_closed {
            return Box::new(std::future::ready(Err(HttpError::HttpRequestDenied)));
        }
        let sending = match &mut self.kept {
            None => Sending::Now(request),
            Some(kept) => kept.take(request),
        };
        let request = match sending {
            Sending::Now(request) => request,
            // The imports replace this future by the one that is there.
            Sending::Before => return Box::new(std::future::pending()),
            Sending::Never => return Box::new(std::future::ready(Err(HttpError::HttpRequestDenied))),
        };
        let admitted = self.admit();
        let context = self.context.clone();
        let span = tracing::info_span!("http", attempt = self.started, method = %request.method());
        let sending = async move {
            let (egress, open) = admitted?;
            let options = options.unwrap_or_default();
            // In a box of its own: else this function's frame, which is the deepest of a call, and so each waiting
            // call's stack, were 2 KB larger.
            let sent = Box::pin(egress.send(request, context, open, options.between_bytes_timeout));
            // The guest's own timeout. The connect timeout comes from the settings.
            let response = match options.first_byte_timeout {
                None => sent.await?,
                Some(first_byte) => {
                    let limit = first_byte.saturating_add(options.connect_timeout.unwrap_or_default());
                    let response = tokio::time::timeout(limit, sent).await;
                    response.map_err(|_| HttpError::HttpResponseTimeout)??
                }
            };
            Ok((
                response,
                Box::new(async { Ok(()) }) as Box<dyn Future<Output = _> + Send>,
            ))
        };
        Box::new(sending.instrument(span))
    }

    // The default implementations of these three log their argument, which may hold anything.
    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::ConnectionRefused
    }

    fn p2_error_from_tls(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}
