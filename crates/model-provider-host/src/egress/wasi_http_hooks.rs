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

use super::{body::Open, client::Edge, deny::deny, headers};
use crate::{limits::Note, request_context::View};

/// The most blocked headers of one request that are logged.
const MOST_LOGGED: usize = 8;

/// The egress client, if there is one, and what this request has used of it.
pub(crate) struct Gate {
    edge: Option<Arc<Edge>>,
    view: View,
    open: Arc<AtomicUsize>,
    started: usize,
    denied: usize,
}

impl Gate {
    /// Hooks for this egress client; without one, every request is blocked.
    pub(crate) fn new(edge: Option<Arc<Edge>>, view: View) -> Self {
        Self {
            edge,
            view,
            open: Arc::new(AtomicUsize::new(0)),
            started: 0,
            denied: 0,
        }
    }

    /// Whether the guest has made a request.
    pub(crate) fn has_started(&self) -> bool {
        self.started > 0
    }

    fn admit(&mut self) -> Result<(Arc<Edge>, Open), HttpError> {
        let Some(edge) = &self.edge else {
            let message = "the plugin has no grant, so all its requests are blocked".to_owned();
            let hint = "write one with `grant FILE.wasm`, or name the destination with `--base-url`";
            return Err(deny(&self.view, message, hint));
        };
        if self.view.is_answered_at_length() {
            return Err(HttpError::HttpRequestDenied);
        }
        let limits = self.view.limits();
        let over = |name, most: usize, what: &str| {
            self.view.note(Note::Limit {
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
        Ok((Arc::clone(edge), Open::one_more(&self.open)))
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

impl WasiHttpHooks for Gate {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        match &self.edge {
            Some(edge) => {
                let edge = Arc::clone(edge);
                Arc::new(move |name| edge.forbids(name))
            }
            None => Arc::new(headers::is_forbidden),
        }
    }

    /// Called for headers that the guest sets; those of responses have been removed before.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        let forbidden = match &self.edge {
            Some(edge) => edge.forbids(name),
            None => headers::is_forbidden(name),
        };
        if let Some(edge) = &self.edge
            && !forbidden
            && edge.replaces(name)
        {
            tracing::debug!(%name, "the configured header replaces the plugin's");
        }
        if forbidden {
            if let Some(edge) = &self.edge {
                edge.count_denial();
            }
            let message = format!("the plugin tried to set the header `{name}`, which plugins must not set");
            let hint = "the host writes what belongs to the connection and to the credential; a header of your own \
                        goes under `headers` in the configuration";
            self.denied += 1;
            match self.denied {
                // A guest may try any number of times, and must not flood the operator's log.
                n if n > MOST_LOGGED => {}
                n => {
                    deny(&self.view, message, hint);
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
        let admitted = self.admit();
        let view = self.view.clone();
        let span = tracing::info_span!("http", attempt = self.started, method = %request.method());
        let sending = async move {
            let (edge, open) = admitted?;
            let options = options.unwrap_or_default();
            let sent = edge.send(request, view, open, options.between_bytes_timeout);
            // The guest's own timeout. The connect timeout comes from the settings.
            let answer = match options.first_byte_timeout {
                None => sent.await?,
                Some(first_byte) => {
                    let limit = first_byte.saturating_add(options.connect_timeout.unwrap_or_default());
                    let answer = tokio::time::timeout(limit, sent).await;
                    answer.map_err(|_| HttpError::HttpResponseTimeout)??
                }
            };
            Ok((
                answer,
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
