//! Opening connections: resolve once, check every address, dial exactly those. Where a proxy stands between, it is
//! dialled instead and resolves the name itself.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    connection::{FuturesUnordered, StreamExt as _},
    future::BoxFuture,
};
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use wasmtime_wasi_http::Error as HttpError;

use super::{
    connection::{Conn, Duplex},
    origin::Origin,
    proxy::Via,
    tls::{self, Tls},
};

/// How long an address is tried before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// Dials one origin. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector(Arc<Dial>);

/// All that a connection needs.
pub(super) struct Dial {
    pub(super) origin: Origin,
    /// Whether the origin's name may stand for private addresses.
    pub(super) allow_private: bool,
    /// The longest wait for a connection, handshakes included.
    pub(super) timeout: Duration,
    pub(super) tls: Option<Tls>,
    pub(super) via: Option<Via>,
    pub(super) resolver: Resolver,
    /// Connections opened so far.
    pub(super) opened: Arc<AtomicU64>,
}

/// Which addresses a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Resolver {
    /// As the system says.
    System,
    /// As a test says.
    #[cfg(test)]
    Scripted(fn(&str, u16) -> Vec<SocketAddr>),
}

impl Resolver {
    async fn resolve(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        match self {
            Self::System => {
                let found = tokio::net::lookup_host((host, port)).await;
                found.map(Iterator::collect).map_err(|_| ConnectError::Dns)
            }
            #[cfg(test)]
            Self::Scripted(script) => Ok(script(host, port)),
        }
    }
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
    /// The proxy on the way; what it is and what it did.
    Proxy(String),
}

impl ConnectError {
    /// What went wrong in a handshake: a connection that was lost in it says nothing of certificates.
    fn in_handshake(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof => Self::Io(error),
            _ => Self::Tls(error),
        }
    }

    /// What the guest is told: the class and nothing else.
    pub(super) fn code(&self) -> HttpError {
        match self {
            Self::Dns => HttpError::DnsError {
                rcode: None,
                info_code: None,
            },
            Self::Prohibited(_) => HttpError::DestinationIpProhibited,
            Self::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                HttpError::ConnectionRefused
            }
            Self::Io(_) | Self::Proxy(_) => HttpError::DestinationUnavailable,
            Self::Timeout => HttpError::ConnectionTimeout,
            Self::Tls(_) => HttpError::TlsCertificateError,
        }
    }

    /// What the operator is told, and what they can do.
    pub(super) fn reason(&self) -> (String, &'static str) {
        let check = "check the network and the base URL, then try again";
        match self {
            Self::Dns => ("its name does not resolve".to_owned(), check),
            Self::Prohibited(addresses) => {
                let addresses: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
                let what = "which is of this machine, of its network, or of no public server";
                (
                    format!("its name stands for {}, {what}", addresses.join(", ")),
                    "if a private address is meant, allow it with `--set allow-private=true`; link-local and metadata \
                     addresses are never reached",
                )
            }
            Self::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => (
                "the connection was refused".to_owned(),
                "check that the server is running and the base URL names its port",
            ),
            Self::Io(error) => (error.kind().to_string(), check),
            Self::Timeout => (
                "it took no connection in time".to_owned(),
                "check the network; `--set connect-timeout-ms=…` allows more",
            ),
            Self::Tls(error) => tls::reason(error),
            Self::Proxy(what) => (
                what.clone(),
                "check the proxy's variable; NO_PROXY names hosts that are reached without it",
            ),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason().0)
    }
}

impl std::error::Error for ConnectError {}

impl Connector {
    pub(super) fn new(dial: Dial) -> Self {
        Self(Arc::new(dial))
    }
}

impl Dial {
    /// A connection that carries requests to the origin.
    async fn open(&self) -> Result<Conn, ConnectError> {
        let (host, port) = (self.origin.host(), self.origin.port());
        let (stream, to_proxy) = match &self.via {
            Some(via) => {
                // A name is the proxy's to resolve; an address can be judged here as well.
                if let Some(address) = self.origin.address().filter(|address| !self.admits(address)) {
                    return Err(ConnectError::Prohibited(vec![address]));
                }
                via.open(&self.origin, self.tls.as_ref()).await?
            }
            None => (self.direct(host, port).await?, false),
        };
        let (bytes, speaks_h2) = match &self.tls {
            Some(tls) if self.origin.is_https() => {
                let shaken = tls.with_service(stream, host).await;
                shaken.map_err(ConnectError::in_handshake)?
            }
            _ => (TokioIo::new(stream), false),
        };
        self.opened.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(origin = %self.origin, via = ?self.via, http2 = speaks_h2, "connected");
        Ok(Conn::new(bytes, speaks_h2, to_proxy))
    }

    fn admits(&self, address: &SocketAddr) -> bool {
        self.origin.admits(address.ip(), self.allow_private)
    }

    async fn direct(&self, host: &str, port: u16) -> Result<Box<dyn Duplex>, ConnectError> {
        let found = self.resolver.resolve(host, port).await?;
        let (admitted, refused): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| self.admits(address));
        // One refused address is enough: a name that stands for this network as well is not to be trusted.
        if !refused.is_empty() {
            return Err(ConnectError::Prohibited(refused));
        }
        dial(&admitted).await
    }
}

/// The first of these addresses that takes a connection. One that does not say anything does not hold up the others:
/// after a head start the next is tried beside it, as RFC 8305 has it.
pub(super) async fn dial(addresses: &[SocketAddr]) -> Result<Box<dyn Duplex>, ConnectError> {
    let mut last = ConnectError::Dns;
    let mut untried = in_turn(addresses).into_iter();
    let mut dialled = FuturesUnordered::new();
    loop {
        dialled.extend(untried.next().map(TcpStream::connect));
        tokio::select! {
            Some(done) = dialled.next() => match done {
                Ok(stream) => {
                    // Requests are written whole; waiting for more would only delay them.
                    let _ = stream.set_nodelay(true);
                    return Ok(Box::new(stream));
                }
                Err(error) => last = ConnectError::Io(error),
            },
            () = tokio::time::sleep(HEAD_START), if untried.len() > 0 && !dialled.is_empty() => {}
            else => return Err(last),
        }
    }
}

/// By turns of either family, since it is often a whole family that leads nowhere; the system's preference stands first.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| address.is_ipv6() == is_v6);
    let turns = 0..first.len().max(second.len());
    let pairs = turns.flat_map(|turn| [first.get(turn), second.get(turn)]);
    pairs.flatten().copied().collect()
}

impl tower::Service<Uri> for Connector {
    type Response = Conn;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Conn, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    // The URI was checked before: it is the origin's.
    fn call(&mut self, _: Uri) -> Self::Future {
        let dial = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::time::timeout(dial.timeout, dial.open())
                .await
                .unwrap_or(Err(ConnectError::Timeout))
        })
    }
}
