//! Minimal HTTP client: one request per connection, with limits of time and size. No redirects, no retries.
//!
//! Uses the same HTTP library as the host: the usual registry clients follow redirects themselves and add a second
//! HTTP client. Knows no registry.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::{
    error::{Error, ErrorKind, Result, shown},
    limits::Limits,
    reference::is_loopback,
};

/// The `User-Agent`.
const AGENT: &str = concat!("plugin-registry/", env!("CARGO_PKG_VERSION"));

/// The HTTP client.
pub(crate) struct Http {
    tls: TlsConnector,
    limits: Limits,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn body(mut self, media_type: &'static str, body: Bytes) -> Self {
        self.body = body;
        self.header(header::CONTENT_TYPE, HeaderValue::from_static(media_type))
    }
}

/// The head of a response, and its pending body.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    idle: Duration,
}

impl Response {
    /// A header as text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type without its parameters.
    pub(crate) fn media_type(&self) -> &str {
        let text = self.header(&header::CONTENT_TYPE).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim()
    }

    /// The next chunk of the body.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = within(self.idle, "the registry stopped sending", self.body.frame()).await?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| {
                Error::new(ErrorKind::Network, format!("the response broke off: {error}"))
            })?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// The whole body, up to this size.
    pub(crate) async fn all(&mut self, largest: u64) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if (all.len() + chunk.len()) as u64 > largest {
                let message =
                    format!("the registry sends more than {largest} bytes where none should have as many");
                return Err(Error::new(ErrorKind::Size, message));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }
}

async fn within<T>(time: Duration, what: &str, future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(time, future).await.map_err(|_| {
        Error::new(
            ErrorKind::Network,
            format!("{what}: nothing came for {} s", time.as_secs_f32()),
        )
    })
}

/// A plain or TLS connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Http {
    pub(crate) fn new(limits: Limits) -> Result<Self> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        // The platform's may be missing (a minimal container); the bundled ones remain.
        let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Network, format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            limits,
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends the request, and returns the head of the response.
    pub(crate) async fn send(&self, call: Call) -> Result<Response> {
        let authority = authority(&call.url)?;
        let unreachable = |what: String| {
            Error::new(
                ErrorKind::Network,
                format!("the registry {authority} cannot be reached: {what}"),
            )
            .hint(
                "check its name and the network; what is in the cache and pinned by its digest needs neither",
            )
        };
        let dialled = within(
            self.limits.connect,
            "the registry does not respond",
            self.dial(&call.url),
        );
        let stream = dialled
            .await
            .map_err(|error| unreachable(error.message().to_owned()))?
            .map_err(|error| unreachable(error.to_string()))?;
        let handshake = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| unreachable(error.to_string()))?;
        // Ends when the body has been read or dropped.
        tokio::spawn(connection);
        let path = match call.url.query() {
            Some(query) => format!("{}?{query}", call.url.path()),
            None => call.url.path().to_owned(),
        };
        let mut request = Request::builder()
            .method(call.method)
            .uri(path)
            .header(header::HOST, &authority)
            .header(header::USER_AGENT, AGENT)
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONNECTION, "close")
            .body(Full::new(call.body))
            .map_err(|error| {
                Error::new(
                    ErrorKind::Protocol,
                    format!("the request cannot be made: {error}"),
                )
            })?;
        request.headers_mut().extend(
            call.headers
                .into_iter()
                .map(|(name, value)| (Some(name), value))
                .collect::<Vec<_>>()
                .into_iter()
                .filter_map(|(name, value)| Some((name?, value))),
        );
        let sent = sender.send_request(request);
        let response = within(self.limits.idle, "the registry does not respond", sent)
            .await?
            .map_err(|error| unreachable(error.to_string()))?;
        let (head, body) = response.into_parts();
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
            idle: self.limits.idle,
        })
    }

    async fn dial(&self, url: &Url) -> std::io::Result<Box<dyn Stream>> {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(443);
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        if url.scheme() == "http" {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        Ok(Box::new(self.tls.connect(name, stream).await?))
    }
}

/// `HOST[:PORT]` of an allowed URL: https, or http on this machine, without user information.
pub(crate) fn authority(url: &Url) -> Result<String> {
    let host = url.host_str().unwrap_or_default();
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&authority));
    if host.is_empty() || !is_safe || !url.username().is_empty() || url.password().is_some() {
        // The URL may hold a password.
        let message = format!(
            "no request goes to {}://{}: expected https, or http on this machine, and no user name",
            shown(url.scheme()),
            shown(&authority)
        );
        return Err(Error::new(ErrorKind::Redirect, message));
    }
    Ok(authority)
}
