//! The egress client: policy, pooled connections and redaction of one provider. Survives swaps.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper_util::client::legacy::{ResponseFuture, connect::capture_connection};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::{
    body::{Outgoing, RequestGuard, ResponseBody, Withheld},
    clock_skew::Clock,
    connection::Uses,
    connector::{Connector, Dial, Resolver},
    deny,
    dial::ConnectError,
    headers::{self, OwnHeaders},
    origin::Origin,
    pool::{self, ConnectionPool},
    proxy::ProxyRoute,
    tls::Tls,
};
use crate::{
    error::{Error, ErrorKind, Result},
    grants::AllowedEndpoints,
    limits::StopReason,
    redact::Redactor,
    request_context::RequestContext,
    settings::Settings,
};

/// The egress policy: what is allowed, and what is added.
pub(crate) struct Policy {
    /// The only allowed origin.
    pub(crate) origin: Origin,
    /// The endpoints that are allowed there.
    pub(crate) endpoints: AllowedEndpoints,
    /// Whether the origin's name may resolve to private addresses.
    pub(crate) allow_private: bool,
    /// The headers that the host adds to every request.
    pub(crate) headers: OwnHeaders,
    /// The connect timeout.
    pub(crate) connect_timeout: Duration,
    /// Certificate authorities to trust besides the platform's.
    pub(crate) ca_file: Option<std::path::PathBuf>,
    /// The proxy for the origin.
    pub(crate) via: Option<ProxyRoute>,
}

impl Policy {
    /// Builds the connector for the origin; it counts the connections that it opens.
    fn connector(&self, opened: &Arc<AtomicU64>) -> Result<Connector> {
        let needs_tls = self.origin.is_https() || self.via.as_ref().is_some_and(ProxyRoute::is_https);
        Ok(Connector::new(Dial {
            origin: self.origin.clone(),
            allow_private: self.allow_private,
            timeout: self.connect_timeout,
            tls: needs_tls.then(|| Tls::new(self.ca_file.as_deref())).transpose()?,
            via: self.via.clone(),
            resolver: Resolver::System,
            opened: Arc::clone(opened),
        }))
    }
}

/// The HTTP client of the egress alone: the connection pool and its settings, without policy and redaction. The
/// native code that the benches compare with sends its requests through it.
///
/// # Errors
/// The settings name no origin, or certificates that cannot be read.
#[doc(hidden)]
pub fn bare_client<B>(settings: &Settings) -> Result<impl Fn(Request<B>) -> ResponseFuture + use<B>>
where
    B: http_body::Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let origin = settings.base_url.as_ref().and_then(Origin::of);
    let origin = origin.ok_or_else(|| Error::new(ErrorKind::Configuration, "there is no base URL"))?;
    let policy = Policy {
        via: settings.proxies.before(&origin)?,
        origin,
        endpoints: AllowedEndpoints::new("", None),
        allow_private: settings.allow_private,
        headers: OwnHeaders::default(),
        connect_timeout: settings.connect_timeout,
        ca_file: settings.ca_file.clone(),
    };
    let client = pool::client(&policy.connector(&Arc::default())?);
    Ok(move |request| client.request(request))
}

/// The egress client of one provider: policy, pooled connections and redaction. Survives swaps.
pub(crate) struct EgressClient {
    policy: Policy,
    /// Of the policy's origin.
    authority: String,
    pool: ConnectionPool,
    redactor: Redactor,
    opened: Arc<AtomicU64>,
    denied: Arc<AtomicU64>,
    clock: Clock,
}

impl EgressClient {
    /// `before` is the client that it replaces: its metrics continue.
    pub(crate) fn new(policy: Policy, redactor: Redactor, before: Option<&Self>) -> Result<Arc<Self>> {
        let opened = before
            .map(|egress| Arc::clone(&egress.opened))
            .unwrap_or_default();
        let denied = before
            .map(|egress| Arc::clone(&egress.denied))
            .unwrap_or_default();
        let pool = ConnectionPool::new(policy.connector(&opened)?);
        Ok(Arc::new(Self {
            authority: policy.origin.authority(),
            policy,
            pool,
            redactor,
            opened,
            denied,
            clock: Clock::default(),
        }))
    }

    /// Connections opened so far.
    pub(crate) fn connections_opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Blocked requests and headers.
    pub(crate) fn blocked_requests(&self) -> u64 {
        self.denied.load(Ordering::Relaxed)
    }

    /// See [`Clock::ahead`].
    pub(crate) fn clock_skew(&self) -> Option<i64> {
        self.clock.ahead()
    }

    pub(super) fn count_blocked_request(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn forbids(&self, name: &HeaderName) -> bool {
        self.policy.headers.forbid(name)
    }

    /// Whether the operator's header overrides a guest's.
    pub(super) fn replaces(&self, name: &HeaderName) -> bool {
        self.policy.headers.replace(name)
    }

    fn deny(&self, context: &RequestContext, message: &str, hint: &str) -> HttpError {
        self.count_blocked_request();
        deny::deny(context, self.redactor.own(message), hint)
    }

    /// Sends one request of a guest; `most_between` is the guest's own between-bytes timeout.
    pub(super) async fn send(
        self: Arc<Self>,
        request: Request<WasiBody>,
        context: RequestContext,
        open: RequestGuard,
        most_between: Option<Duration>,
    ) -> Result<Response<WasiBody>, HttpError> {
        context.connecting();
        let (mut parts, body) = request.into_parts();
        self.check(&parts.method, &parts.uri, &context)?;
        if !self.is_plain(&parts.uri) {
            // Normalized, however the guest spelled it; over HTTP/1 the client derives `host` from it.
            parts.uri = self.policy.origin.uri(parts.uri.path_and_query());
        }
        parts.headers.remove(header::HOST);
        self.policy.headers.write_to(&mut parts.headers);
        if let Some(trace) = context.trace_parent() {
            parts.headers.insert(headers::TRACE_PARENT, trace.header());
        }
        let to_proxy = self.proxy_authorization();
        if let Some(value) = to_proxy {
            parts.headers.insert(header::PROXY_AUTHORIZATION, value.clone());
        }
        let path = parts.uri.path().to_owned();
        let mut request = Request::from_parts(parts, Outgoing::new(body, context.clone()));
        let connection = capture_connection(&mut request);
        let started = Instant::now();
        let (client, place) = self.pool.enter();
        let response = client.request(request).await;
        let reused = connection
            .connection_metadata()
            .as_ref()
            .is_some_and(|connected| {
                let mut extras = http::Extensions::new();
                connected.get_extras(&mut extras);
                extras.get::<Uses>().is_some_and(Uses::again)
            });
        let elapsed = started.elapsed();
        let response = response.map_err(|error| self.failure(&error, reused, &context))?;
        context.responded();
        let (mut parts, body) = response.into_parts();
        tracing::info!(origin = %self.policy.origin, path, status = parts.status.as_u16(), reused, ?elapsed, "response");
        self.clock.hear(&parts.headers);
        if let Some(via) = &self.policy.via
            && parts.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
        {
            return Err(self.unconnected(&via.wants_authorization(), &context));
        }
        if let Some(what) = headers::in_part(parts.status, &parts.headers) {
            return Err(self.partial(what, &context));
        }
        let unsearchable = headers::check_codings(&parts.headers, &self.redactor);
        headers::clean(&mut parts.headers, &self.policy.headers, &self.redactor);
        headers::detach(&mut parts.headers);
        if let Err(why) = unsearchable {
            tracing::info!(?why, "body withheld");
            // The head shows what went wrong. The guest sees the content coding in the head, but not the transfer
            // coding.
            let sees = matches!(why, HttpError::HttpResponseContentCoding(_));
            return if sees || !parts.status.is_success() {
                Ok(Response::from_parts(parts, Withheld::new(why).boxed_unsync()))
            } else {
                Err(why)
            };
        }
        let body = ResponseBody::new(body, self.redactor.body(), context, [open, place], most_between);
        Ok(Response::from_parts(parts, body.boxed_unsync()))
    }

    /// The header for a proxy that forwards requests, which it does for plain HTTP.
    fn proxy_authorization(&self) -> Option<&http::HeaderValue> {
        let via = self.policy.via.as_ref()?;
        via.authorization(&self.policy.origin)
    }

    /// Whether an address names the origin exactly as it is written here. Others may mean the same, and are parsed.
    fn is_plain(&self, uri: &http::Uri) -> bool {
        let scheme = if self.policy.origin.is_https() {
            "https"
        } else {
            "http"
        };
        uri.scheme_str() == Some(scheme)
            && uri
                .authority()
                .is_some_and(|authority| authority.as_str() == self.authority)
    }

    /// Whether a request is allowed: an allowed method, to the one origin.
    fn check(&self, method: &Method, uri: &http::Uri, context: &RequestContext) -> Result<(), HttpError> {
        let usual = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        if !usual.contains(method) {
            // CONNECT opens a tunnel, TRACE makes the server echo the credential; no provider needs the rest.
            let message = format!("the plugin tried to send a `{method}` request");
            let methods: Vec<_> = usual.iter().map(Method::as_str).collect();
            let hint = format!("a plugin may send {}", methods.join(", "));
            return Err(self.deny(context, &message, &hint));
        }
        let wanted = uri.to_string();
        let hint = "allow an origin as the base URL or with a grant";
        if !self.is_plain(uri) {
            let Some(url) = url::Url::parse(&wanted).ok() else {
                let message = format!("the plugin sent a request to `{wanted}`, which is not a URL");
                return Err(self.deny(context, &message, hint));
            };
            if Origin::of(&url).as_ref() != Some(&self.policy.origin)
                || !url.username().is_empty()
                || url.password().is_some()
            {
                let place = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                let message = format!(
                    "the plugin sent a request to {place}{port}; only {} is allowed",
                    self.policy.origin
                );
                return Err(self.deny(context, &message, hint));
            }
        }
        // Compared as sent, not as decoded: a path that servers may read in two ways is not allowed.
        let path = uri.path();
        if !self.policy.endpoints.allow(method.as_str(), path) {
            let shown: String = path.chars().take(200).collect();
            let message = format!(
                "the plugin tried to send `{method} {shown}`; allowed: {}",
                self.policy.endpoints
            );
            let hint =
                "a grant names the requests that a plugin may send; `grant FILE.wasm` shows what it requests";
            return Err(self.deny(context, &message, hint));
        }
        if self.redactor.finds(wanted.as_bytes()) {
            let message = "the plugin put the credential into an address";
            let hint = "the host adds the credential to requests; this plugin should not know it";
            return Err(self.deny(context, message, hint));
        }
        Ok(())
    }

    /// The error that the guest gets for a request without a response.
    ///
    /// A reused connection that closed without a byte is `connection-terminated`: the server had closed it before,
    /// so the request may be retried. On a fresh connection the same is `HTTP-response-incomplete`.
    fn failure(
        &self,
        error: &hyper_util::client::legacy::Error,
        reused: bool,
        context: &RequestContext,
    ) -> HttpError {
        let source = error.source();
        if let Some(connect) = source.and_then(|source| source.downcast_ref::<ConnectError>()) {
            return self.unconnected(connect, context);
        }
        let hyper = source.and_then(|source| source.downcast_ref::<hyper::Error>());
        let parse = hyper.is_some_and(hyper::Error::is_parse);
        tracing::info!(origin = %self.policy.origin, reused, parse, "no response");
        match hyper {
            Some(error) if error.is_parse() => HttpError::HttpProtocolError,
            Some(error) if error.is_user() => HttpError::HttpRequestBodySize(None),
            _ if reused => HttpError::ConnectionTerminated,
            _ => HttpError::HttpResponseIncomplete,
        }
    }

    /// A partial response: a credential that is cut at its end could not be found.
    fn partial(&self, what: &str, context: &RequestContext) -> HttpError {
        self.count_blocked_request();
        let message = format!("{} sent {what}, which was not requested", self.policy.origin);
        let hint = "a response has to come whole, so that it can be searched for the credential";
        deny::deny(context, self.redactor.own(&message), hint);
        HttpError::HttpProtocolError
    }

    /// A connection failure: the guest gets the class, the operator the reason.
    fn unconnected(&self, error: &ConnectError, context: &RequestContext) -> HttpError {
        let (why, hint) = error.reason();
        let origin = &self.policy.origin;
        if matches!(error, ConnectError::Prohibited(_)) {
            self.deny(context, &format!("{origin} is not reached: {why}"), hint);
        } else {
            let message = self
                .redactor
                .own(&format!("there is no connection to {origin}: {why}"));
            tracing::info!(reason = message, hint, "no connection");
            context.stop(StopReason::Unconnected {
                message,
                hint: hint.to_owned(),
            });
        }
        error.code()
    }
}
