//! Connection pool of the egress client. Over HTTP/2 all requests of a client share one connection, and servers
//! limit the concurrent streams of a connection; so the pool adds clients as needed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_body::Body;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use super::{
    body::{Outgoing, RequestGuard},
    connector::Connector,
};

/// The idle timeout of pooled connections.
const POOL_IDLE: Duration = Duration::from_secs(15);
/// Concurrent requests on one client. RFC 9113 advises servers to allow no fewer streams.
const MOST: usize = 100;
/// The HTTP/2 flow-control window of a stream. Responses are read as they arrive, so this only bounds the
/// throughput of large ones: this many bytes per round trip.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The flow-control window of a connection: more than its streams can use up together, so that unread responses do
/// not block other ones.
const CONNECTION_WINDOW: u32 = 2 * STREAM_WINDOW * MOST as u32;

/// The HTTP/2 keep-alive interval and timeout: after this much silence on a connection with requests, a ping is
/// sent; without a reply within the same time the connection is closed. Otherwise a path that drops all packets
/// would get one request after another, since a connection in use is never idle.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// All clients; each has its own connections.
pub(super) struct ConnectionPool {
    connector: Connector,
    clients: Mutex<Vec<PooledClient>>,
}

struct PooledClient {
    client: Client<Connector, Outgoing>,
    open: Arc<AtomicUsize>,
}

impl ConnectionPool {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            clients: Mutex::default(),
        }
    }

    /// A client with capacity for one more request, which counts until the guard is dropped.
    pub(super) fn enter(&self) -> (Client<Connector, Outgoing>, RequestGuard) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // The first with capacity: with fewer requests the later ones become idle, and their connections are
        // closed.
        let found = clients
            .iter()
            .find(|pooled| pooled.open.load(Ordering::Relaxed) < MOST);
        if let Some(pooled) = found {
            return (pooled.client.clone(), RequestGuard::enter(&pooled.open));
        }
        let pooled = PooledClient {
            client: client(&self.connector),
            open: Arc::default(),
        };
        let entered = (pooled.client.clone(), RequestGuard::enter(&pooled.open));
        clients.push(pooled);
        entered
    }
}

/// One pooled client, for requests with any kind of body.
pub(super) fn client<B>(connector: &Connector) -> Client<Connector, B>
where
    B: Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build(connector.clone())
}
