//! Dialing: connects to the first of several addresses that accepts, or says why none did. Checks no address and
//! knows no proxy.

use std::{fmt, io, net::SocketAddr, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::net::TcpStream;
use wasmtime_wasi_http::Error as HttpError;

use super::{connection::IoStream, tls};

/// The delay before the next address is tried in parallel.
const HEAD_START: Duration = Duration::from_millis(250);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The name does not resolve.
    Dns,
    /// The name resolves to addresses that must not be dialed.
    Prohibited(Vec<SocketAddr>),
    /// The connection was refused, or the network failed.
    Io(io::Error),
    /// The connect timeout has passed.
    Timeout,
    /// The certificate or the handshake is invalid.
    Tls(io::Error),
    /// The proxy failed; says which one and how.
    Proxy(String),
}

impl ConnectError {
    /// An error in a TLS handshake. A connection that was lost in it is not a certificate problem.
    pub(super) fn in_handshake(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof => Self::Io(error),
            _ => Self::Tls(error),
        }
    }

    /// The error code for the guest: the class and nothing else.
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

    /// The message for the operator, and the hint.
    pub(super) fn reason(&self) -> (String, &'static str) {
        let check = "check the network and the base URL, then try again";
        match self {
            Self::Dns => ("its name does not resolve".to_owned(), check),
            Self::Prohibited(addresses) => {
                let addresses: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
                let what = "which is a loopback, private or reserved address";
                (
                    format!("its name resolves to {}, {what}", addresses.join(", ")),
                    "if a private address is meant, allow it with the setting `allow-private`; link-local and metadata \
                     addresses are never reached",
                )
            }
            Self::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => (
                "the connection was refused".to_owned(),
                "check that the server is running and the base URL names its port",
            ),
            Self::Io(error) => (error.kind().to_string(), check),
            Self::Timeout => (
                "the connection timed out".to_owned(),
                "check the network, or raise the setting `connect-timeout-ms`",
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

/// Connects to the first address that accepts. One that does not respond does not delay the rest: after a head
/// start the next one is tried in parallel, as in RFC 8305.
pub(super) async fn dial(addresses: &[SocketAddr]) -> Result<Box<dyn IoStream>, ConnectError> {
    let mut last = ConnectError::Dns;
    let mut untried = in_turn(addresses).into_iter();
    let mut dialled = FuturesUnordered::new();
    loop {
        dialled.extend(untried.next().map(TcpStream::connect));
        tokio::select! {
            Some(done) = dialled.next() => match done {
                Ok(stream) => {
                    // Requests are written whole; Nagle's algorithm would only delay them.
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

/// Alternates between the address families, since often a whole family is unreachable; the system's preferred one
/// comes first.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| address.is_ipv6() == is_v6);
    let turns = 0..first.len().max(second.len());
    let pairs = turns.flat_map(|turn| [first.get(turn), second.get(turn)]);
    pairs.flatten().copied().collect()
}
