//! The edge of the sandbox: the one place where requests leave and answers come in.
//!
//! Deny by default. A request goes to the granted origin or nowhere; the credential is added here, behind everything
//! that the guest wrote, and searched for in everything that goes back. Nothing here knows a provider.
//!
//! Read in this order: [`origin`] (where), [`secret`] and [`scrub`] (the credential), [`connect`] (how), `body` (how
//! much), and this file, which puts them together.

mod body;
mod clock;
mod connect;
mod origin;
mod scrub;
mod secret;

use std::{
    error::Error as _,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks, p2::bindings::http::types::ErrorCode,
};

use crate::{
    error::{Error, Kind, Result},
    sandbox::{Note, View},
};
use body::{Answer, Open, Outgoing};
use clock::Clock;
use connect::{ConnectError, Connector, Uses};

pub use origin::Origin;
pub use scrub::SHORTEST as SHORTEST_SEARCHED_SECRET;
pub(crate) use scrub::Scrubber;
pub use secret::Secret;

/// A connection that nobody used for this long is closed.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// What the edge lets through and adds.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The only destination.
    pub(crate) origin: Origin,
    /// Whether the destination's name may stand for private addresses.
    pub(crate) allow_private: bool,
    /// The header that carries the credential, with its value.
    pub(crate) credential: Option<(HeaderName, HeaderValue)>,
    /// Headers that the operator wants on every request.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The longest wait for a connection.
    pub(crate) connect_timeout: Duration,
    /// Certificates to trust besides the platform's.
    pub(crate) ca_file: Option<std::path::PathBuf>,
}

/// The way out for one provider: policy, pooled connections and scrubbing. Survives swaps.
pub(crate) struct Edge {
    policy: Policy,
    client: Client<Connector, Outgoing>,
    scrubber: Scrubber,
    forbidden: ForbiddenHeaderFilter,
    opened: Arc<AtomicU64>,
    denied: AtomicU64,
    clock: Clock,
}

impl Edge {
    pub(crate) fn new(policy: Policy, scrubber: Scrubber) -> Result<Arc<Self>> {
        let opened = Arc::new(AtomicU64::new(0));
        let connector = Connector::new(
            policy.origin.clone(),
            policy.allow_private,
            policy.connect_timeout,
            policy.ca_file.as_deref(),
            Arc::clone(&opened),
        )?;
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        let own: Vec<HeaderName> = policy
            .credential
            .iter()
            .chain(&policy.headers)
            .map(|(name, _)| name.clone())
            .collect();
        let forbidden = Arc::new(move |name: &HeaderName| is_forbidden(name, &own));
        Ok(Arc::new(Self {
            policy,
            client,
            scrubber,
            forbidden,
            opened,
            denied: AtomicU64::new(0),
            clock: Clock::default(),
        }))
    }

    /// Connections opened so far.
    pub(crate) fn connections_opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Requests that were not let through.
    pub(crate) fn denials(&self) -> u64 {
        self.denied.load(Ordering::Relaxed)
    }

    /// See [`Clock::ahead`].
    pub(crate) fn clock_ahead(&self) -> Option<i64> {
        self.clock.ahead()
    }

    fn deny(&self, view: &View, message: String, hint: &str) -> HttpError {
        self.denied.fetch_add(1, Ordering::Relaxed);
        let message = self.scrubber.text(&message);
        tracing::warn!(%message, hint, "request denied");
        view.note(Note::Denied {
            message,
            hint: hint.to_owned(),
        });
        HttpError::HttpRequestDenied
    }

    /// Sends one request of a guest.
    async fn send(
        self: Arc<Self>,
        request: Request<WasiBody>,
        view: View,
        open: Open,
    ) -> Result<Response<WasiBody>, HttpError> {
        let (mut parts, body) = request.into_parts();
        self.check_destination(&parts.uri, &view)?;
        // The authority goes into the URI alone; over HTTP/1 the client writes `host` from it.
        parts.headers.remove(header::HOST);
        self.add_own_headers(&mut parts.headers);
        let mut request = Request::from_parts(parts, Outgoing::new(body, view.clone()));
        let connection = capture_connection(&mut request);
        let started = std::time::Instant::now();
        let answer = self.client.request(request).await;
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        tracing::debug!(origin = %self.policy.origin, status, elapsed = ?started.elapsed(), "request");
        let reused = connection
            .connection_metadata()
            .as_ref()
            .is_some_and(|connected| {
                let mut extras = http::Extensions::new();
                connected.get_extras(&mut extras);
                extras.get::<Uses>().is_some_and(Uses::again)
            });
        let (mut parts, body) = answer
            .map_err(|error| self.failure(&error, reused, &view))?
            .into_parts();
        self.clock.hear(&parts.headers);
        if let Some(coding) = unasked_coding(&parts.headers) {
            return Err(HttpError::HttpResponseContentCoding(Some(coding)));
        }
        self.scrub_headers(&mut parts.headers);
        let body = Answer::new(body, self.scrubber.stream(), view, open);
        Ok(Response::from_parts(parts, body.boxed_unsync()))
    }

    fn check_destination(&self, uri: &http::Uri, view: &View) -> Result<(), HttpError> {
        let wanted = uri.to_string();
        let hint = "allow an origin with `--base-url`, `baseUrl` in the configuration, or a grant";
        let Some(url) = url::Url::parse(&wanted).ok() else {
            return Err(self.deny(
                view,
                format!("the plugin asked for `{wanted}`, which is no URL"),
                hint,
            ));
        };
        if Origin::of(&url).as_ref() != Some(&self.policy.origin)
            || !url.username().is_empty()
            || url.password().is_some()
        {
            let place = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let message = format!(
                "the plugin asked for {place}{port}; only {} is allowed",
                self.policy.origin
            );
            return Err(self.deny(view, message, hint));
        }
        if self.scrubber.finds(wanted.as_bytes()) {
            return Err(self.deny(
                view,
                "the plugin put the credential into an address".to_owned(),
                hint,
            ));
        }
        Ok(())
    }

    fn add_own_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in self.policy.headers.iter().chain(&self.policy.credential) {
            headers.insert(name.clone(), value.clone());
        }
    }

    fn scrub_headers(&self, headers: &mut HeaderMap) {
        headers.remove(header::SET_COOKIE);
        for value in headers.values_mut() {
            if self.scrubber.finds(value.as_bytes()) {
                let text = self.scrubber.text(&String::from_utf8_lossy(value.as_bytes()));
                *value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("*"));
            }
        }
    }

    /// What the guest is told of a request that got no answer.
    ///
    /// A reused connection that closed without a byte is `connection-terminated`: the server had given it up, so the
    /// request may be sent again. On a fresh one the same is `HTTP-response-incomplete`.
    fn failure(&self, error: &hyper_util::client::legacy::Error, reused: bool, view: &View) -> HttpError {
        let source = error.source();
        if let Some(connect) = source.and_then(|source| source.downcast_ref::<ConnectError>()) {
            tracing::debug!(error = %connect, "no connection");
            return match connect {
                ConnectError::Dns => HttpError::DnsError {
                    rcode: None,
                    info_code: None,
                },
                ConnectError::Timeout => HttpError::ConnectionTimeout,
                ConnectError::Tls(_) => HttpError::TlsCertificateError,
                ConnectError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    HttpError::ConnectionRefused
                }
                ConnectError::Io(_) => HttpError::DestinationUnavailable,
                ConnectError::Prohibited(addresses) => {
                    let message = format!(
                        "{} stands for {}, an address of this machine or its network",
                        self.policy.origin,
                        addresses
                            .iter()
                            .map(|a| a.ip().to_string())
                            .collect::<Vec<_>>()
                            .join(", ")
                    );
                    self.deny(view, message, "if that is meant, set `allow-private=true`");
                    HttpError::DestinationIpProhibited
                }
            };
        }
        let hyper = source.and_then(|source| source.downcast_ref::<hyper::Error>());
        tracing::debug!(
            reused,
            parse = hyper.is_some_and(hyper::Error::is_parse),
            "a request got no answer"
        );
        match hyper {
            Some(error) if error.is_parse() => HttpError::HttpProtocolError,
            Some(error) if error.is_user() => HttpError::HttpRequestBodySize(None),
            _ if reused => HttpError::ConnectionTerminated,
            _ => HttpError::HttpResponseIncomplete,
        }
    }
}

/// Headers that no guest may set, and that no answer hands to one.
fn is_forbidden(name: &HeaderName, own: &[HeaderName]) -> bool {
    let sensitive = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        // What comes back has to be searched for secrets, so it has to come as it is.
        header::ACCEPT_ENCODING,
    ];
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || sensitive.contains(name)
        || own.contains(name)
        || name.as_str().starts_with("proxy-")
}

/// The coding of an answer that is not as it is.
fn unasked_coding(headers: &HeaderMap) -> Option<String> {
    let coding = headers
        .get(header::CONTENT_ENCODING)?
        .to_str()
        .unwrap_or("?")
        .trim()
        .to_owned();
    (!coding.is_empty() && !coding.eq_ignore_ascii_case("identity")).then_some(coding)
}

/// The gate of one store: the edge, if there is one, and what this request has used of it.
pub(crate) struct Gate {
    edge: Option<Arc<Edge>>,
    view: View,
    open: Arc<AtomicUsize>,
    started: usize,
}

impl Gate {
    /// Through this edge, or nowhere.
    pub(crate) fn new(edge: Option<Arc<Edge>>, view: View) -> Self {
        Self {
            edge,
            view,
            open: Arc::new(AtomicUsize::new(0)),
            started: 0,
        }
    }

    fn admit(&mut self) -> Result<(Arc<Edge>, Open), HttpError> {
        let Some(edge) = &self.edge else {
            self.view.note(Note::Denied {
                message: "the plugin has no grant, so it may reach nothing".to_owned(),
                hint: "write one with `grant FILE.wasm`, or name the destination with `--base-url`"
                    .to_owned(),
            });
            return Err(HttpError::HttpRequestDenied);
        };
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

/// What `send_request` gives: the answer, and the work that goes on beside its body (none here: the pool does it).
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
            Some(edge) => Arc::clone(&edge.forbidden),
            None => Arc::new(|name| is_forbidden(name, &[])),
        }
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _fut: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let admitted = self.admit();
        let view = self.view.clone();
        Box::new(async move {
            let (edge, open) = admitted?;
            let answer = edge.send(request, view, open).await?;
            Ok((
                answer,
                Box::new(async { Ok(()) }) as Box<dyn Future<Output = _> + Send>,
            ))
        })
    }

    // The defaults of these three log what they are given, which may hold anything.
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

/// The header that carries a credential.
pub(crate) fn credential_header(
    name: &str,
    prefix: &str,
    secret: &Secret,
) -> Result<(HeaderName, HeaderValue)> {
    let name = header_name(name)?;
    let text = zeroize::Zeroizing::new(format!("{prefix}{}", secret.expose()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        Error::new(
            Kind::Configuration,
            "the credential has characters that a header cannot carry",
        )
        .with_hint("copy it again; it is plain text without spaces or line breaks")
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// A header of the operator's.
pub(crate) fn operator_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let mut parsed = HeaderValue::from_str(value).map_err(|_| {
        Error::new(
            Kind::Configuration,
            format!("the value of the configured header `{name}` cannot be sent"),
        )
    })?;
    parsed.set_sensitive(true);
    Ok((header_name(name)?, parsed))
}

fn header_name(name: &str) -> Result<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::new(Kind::Configuration, format!("`{name}` is no header name")))?;
    if DEFAULT_FORBIDDEN_HEADERS.contains(&parsed) {
        return Err(Error::new(
            Kind::Configuration,
            format!("the header `{name}` belongs to the connection"),
        ));
    }
    Ok(parsed)
}
