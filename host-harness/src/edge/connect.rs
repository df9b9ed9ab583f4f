//! Opening connections: resolve once, check every address, dial exactly those, TLS by the host's name.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::origin::Origin;
use crate::error::{Error, Kind, Result};

/// Dials one origin. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    origin: Origin,
    allow_private: bool,
    timeout: Duration,
    tls: Option<TlsConnector>,
    opened: Arc<AtomicU64>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// The name does not resolve.
    Dns,
    /// The name stands for addresses that may not be dialled.
    Prohibited(Vec<SocketAddr>),
    /// Nobody listens, or the network says no.
    Io(io::Error),
    /// It took too long.
    Timeout,
    /// The certificate or the handshake.
    Tls(io::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns => f.write_str("the name does not resolve"),
            Self::Prohibited(addresses) => write!(f, "addresses that may not be dialled: {addresses:?}"),
            Self::Io(error) => write!(f, "no connection: {error}"),
            Self::Timeout => f.write_str("no connection in time"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl Connector {
    pub(super) fn new(
        origin: Origin,
        allow_private: bool,
        timeout: Duration,
        ca_file: Option<&Path>,
        opened: Arc<AtomicU64>,
    ) -> Result<Self> {
        let tls = origin
            .is_https()
            .then(|| tls_config(ca_file))
            .transpose()?
            .map(TlsConnector::from);
        Ok(Self(Arc::new(Inner {
            origin,
            allow_private,
            timeout,
            tls,
            opened,
        })))
    }
}

impl Inner {
    async fn connect(&self, uri: &Uri) -> Result<Conn, ConnectError> {
        let host = uri.host().unwrap_or_default();
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        let port = uri
            .port_u16()
            .unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let found = tokio::net::lookup_host((host, port))
            .await
            .map_err(|_| ConnectError::Dns)?;
        let (admitted, refused): (Vec<_>, Vec<_>) =
            found.partition(|address| self.origin.admits(address.ip(), self.allow_private));
        // One refused address is enough: a name that stands for this network as well is not to be trusted.
        if !refused.is_empty() {
            return Err(ConnectError::Prohibited(refused));
        }
        let mut last = ConnectError::Dns;
        for address in admitted {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Requests are written whole; waiting for more would only delay them.
                    let _ = stream.set_nodelay(true);
                    return self.secure(stream, host).await;
                }
                Err(error) => last = ConnectError::Io(error),
            }
        }
        Err(last)
    }

    async fn secure(&self, stream: TcpStream, host: &str) -> Result<Conn, ConnectError> {
        let Some(tls) = &self.tls else {
            return Ok(self.opened(Stream::Plain(TokioIo::new(stream)), false));
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
        let stream = tls.connect(name, stream).await.map_err(ConnectError::Tls)?;
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(self.opened(Stream::Tls(Box::new(TokioIo::new(stream))), h2))
    }

    fn opened(&self, stream: Stream, h2: bool) -> Conn {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Conn {
            stream,
            h2,
            uses: Uses::default(),
        }
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Conn;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Conn, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::time::timeout(inner.timeout, inner.connect(&uri))
                .await
                .unwrap_or(Err(ConnectError::Timeout))
        })
    }
}

fn tls_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    // The platform's may be missing (a bare container); the bundled ones are there then.
    let (_, unreadable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if unreadable > 0 {
        tracing::debug!(unreadable, "certificates of the platform that cannot be read");
    }
    if let Some(path) = ca_file {
        let bad = |what: String| {
            Error::new(
                Kind::Configuration,
                format!("the certificates in {}: {what}", path.display()),
            )
            .with_hint("`ca-file` names a PEM file with the certificates of your authority")
        };
        let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let mut found = 0;
        for certificate in rustls::pki_types::pem::PemObject::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| bad(format!("{error:?}")))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            found += 1;
        }
        if found == 0 {
            return Err(bad("there are none".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Kind::Configuration, format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// How many requests a connection has carried; tells a reused one from a fresh one.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses(Arc<AtomicU64>);

impl Uses {
    /// Counts one more; true if there was one before.
    pub(super) fn again(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) > 0
    }
}

/// An open connection.
pub(super) struct Conn {
    stream: Stream,
    h2: bool,
    uses: Uses,
}

enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Conn {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.uses.clone());
        if self.h2 {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl Read for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Stream::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl Write for Conn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Stream::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(io) => Pin::new(io).poll_flush(cx),
            Stream::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Stream::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(io) => io.is_write_vectored(),
            Stream::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Stream::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }
}
