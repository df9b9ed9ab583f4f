//! The pooled clients of an edge, as many as it takes: over HTTP/2 all requests of a client share one connection, and a
//! server takes only so many on one at once. One more would wait until another has ended.

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
    body::{Open, Outgoing},
    connector::Connector,
};

/// A connection that nobody used for this long is closed.
const POOL_IDLE: Duration = Duration::from_secs(15);
/// So many requests go over one client at once; the standard advises servers to take no fewer than this.
const MOST: usize = 100;
/// How far ahead a server may send what nobody has read yet, to one request. Answers are read as they come, so that this
/// bounds the speed of large ones only: by this much in each round trip.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all requests of a connection: more than they can use up together, or those whose answers nobody reads
/// would hold up all others.
const CONNECTION_WINDOW: u32 = 2 * STREAM_WINDOW * MOST as u32;

/// After so long without a word, a server on an HTTP/2 connection with requests is asked whether it is there; without an
/// answer within the same time the connection is given up. A path that swallows everything would take request after
/// request, since a connection in use is never idle.
const ASKED: Duration = Duration::from_secs(10);

/// All clients; each has connections of its own.
pub(super) struct Lanes {
    connector: Connector,
    lanes: Mutex<Vec<Lane>>,
}

struct Lane {
    client: Client<Connector, Outgoing>,
    open: Arc<AtomicUsize>,
}

impl Lanes {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            lanes: Mutex::default(),
        }
    }

    /// A client with room for one more request, which takes its place until the guard is dropped.
    pub(super) fn enter(&self) -> (Client<Connector, Outgoing>, Open) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        // The first that has room: those behind it fall idle when less is asked, and their connections are closed.
        let found = lanes.iter().find(|lane| lane.open.load(Ordering::Relaxed) < MOST);
        if let Some(lane) = found {
            return (lane.client.clone(), Open::one_more(&lane.open));
        }
        let lane = Lane {
            client: client(&self.connector),
            open: Arc::default(),
        };
        let entered = (lane.client.clone(), Open::one_more(&lane.open));
        lanes.push(lane);
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
        .http2_keep_alive_interval(ASKED)
        .http2_keep_alive_timeout(ASKED)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build(connector.clone())
}
