//! Dialling: the first of several addresses that takes a connection, and why none did. Judges no address and knows no
//! proxy.

use std::{fmt, io, net::SocketAddr, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::net::TcpStream;
use wasmtime_wasi_http::Error as HttpError;

use super::{connection::Duplex, tls};

/// How long an address is tried before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
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
    pub(super) fn in_handshake(error: io::Error) -> Self {
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
