//! Connector of the egress client: resolves once, checks every address, dials exactly those. With a proxy, it dials
//! the proxy, which resolves the name itself.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;

use super::{
    connection::{Conn, IoStream},
    dial::{ConnectError, dial},
    origin::Origin,
    proxy::ProxyRoute,
    tls::Tls,
};

/// Connects to one origin. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector(Arc<Dial>);

/// The parameters of a connection.
pub(super) struct Dial {
    pub(super) origin: Origin,
    /// Whether the origin's name may resolve to private addresses.
    pub(super) allow_private: bool,
    /// The connect timeout, handshakes included.
    pub(super) timeout: Duration,
    pub(super) tls: Option<Tls>,
    pub(super) via: Option<ProxyRoute>,
    pub(super) resolver: Resolver,
    /// Connections opened so far.
    pub(super) opened: Arc<AtomicU64>,
}

/// Name resolution.
#[derive(Clone, Copy, Debug)]
pub(super) enum Resolver {
    /// The system's resolver.
    System,
    /// A test's own.
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

impl Connector {
    pub(super) fn new(dial: Dial) -> Self {
        Self(Arc::new(dial))
    }
}

impl Dial {
    /// Opens a connection to the origin.
    async fn open(&self) -> Result<Conn, ConnectError> {
        let (host, port) = (self.origin.host(), self.origin.port());
        let (stream, to_proxy) = match &self.via {
            Some(via) => {
                // A name is resolved by the proxy; an address can be checked here as well.
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

    async fn direct(&self, host: &str, port: u16) -> Result<Box<dyn IoStream>, ConnectError> {
        let found = self.resolver.resolve(host, port).await?;
        let (admitted, refused): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| self.admits(address));
        // One refused address is enough: a name that also resolves to this network cannot be trusted.
        if !refused.is_empty() {
            return Err(ConnectError::Prohibited(refused));
        }
        dial(&admitted).await
    }
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
