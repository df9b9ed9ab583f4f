//! Tests of connections, with a router of their own: what becomes of one whose client does not read.

use std::{convert::Infallible, future::ready};

use axum::{Extension, routing::get};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
};

use super::*;
use crate::seats::Sitting;

const LIMIT: Duration = Duration::from_secs(60);
/// More than the buffers of a system hold.
const LARGE: usize = 64 * 1024 * 1024;

/// Bytes of a response; says when they are dropped.
struct Held(Vec<u8>, Arc<Notify>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.notify_one();
    }
}

struct Serving {
    address: SocketAddr,
    /// Notified when a large response is dropped.
    dropped: Arc<Notify>,
    accepting: JoinHandle<()>,
    _ending: watch::Sender<bool>,
}

impl Serving {
    /// With one ordinary seat.
    async fn start(send_timeout: Duration) -> Self {
        let dropped = Arc::<Notify>::default();
        let held = |size: usize| {
            let dropped = Arc::clone(&dropped);
            move || Held(vec![b'x'; size], Arc::clone(&dropped))
        };
        let (whole, piece) = (held(LARGE), held(64 * 1024));
        let seat = |Extension(sitting): Extension<Sitting>| {
            let name = if sitting.is_reserved() {
                "reserved"
            } else {
                "ordinary"
            };
            ready(name)
        };
        let whole = move || ready(Body::from(Bytes::from_owner(whole())));
        let stream = move || {
            let pieces = futures::stream::repeat(Bytes::from_owner(piece()));
            ready(Body::from_stream(pieces.map(Ok::<_, Infallible>)))
        };
        let router = Router::new()
            .route("/seat", get(seat))
            .route("/whole", get(whole))
            .route("/stream", get(stream));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ending, has_ended) = watch::channel(false);
        let limits = ServeLimits {
            connections: 1,
            ..ServeLimits::default()
        };
        let accepting = accept(listener, router, has_ended, limits, move || send_timeout);
        Self {
            address,
            dropped,
            accepting: tokio::spawn(accepting),
            _ending: ending,
        }
    }

    async fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream
    }

    /// The seat that a new connection gets.
    async fn seat(&self) -> String {
        let mut response = String::new();
        let mut stream = self.ask("/seat").await;
        stream.read_to_string(&mut response).await.expect("a response");
        response.rsplit('\n').next().expect("a line").to_owned()
    }

    /// A client of a large response that has read its beginning, and goes on to read nothing.
    async fn unread(&self, path: &str) -> TcpStream {
        let mut stream = self.ask(path).await;
        stream.read_exact(&mut [0; 64]).await.expect("its head");
        stream
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_a_stream_loses_its_connection_and_its_seat() {
    let serving = Serving::start(Duration::from_secs(1)).await;
    let mut unread = serving.unread("/stream").await;
    assert_eq!(serving.seat().await, "reserved");
    let dropped = tokio::time::timeout(LIMIT, serving.dropped.notified());
    dropped.await.expect("the response was dropped");
    assert_eq!(serving.seat().await, "ordinary");
    let rest = unread.read_to_end(&mut Vec::new()).await;
    assert!(rest.is_err(), "it was reset: {rest:?}");
}

#[tokio::test]
async fn a_client_that_does_not_read_a_large_whole_response_loses_its_connection() {
    let serving = Serving::start(Duration::from_millis(300)).await;
    let mut unread = serving.unread("/whole").await;
    let dropped = tokio::time::timeout(LIMIT, serving.dropped.notified());
    dropped.await.expect("the response was dropped");
    let rest = unread.read_to_end(&mut Vec::new()).await;
    assert!(rest.is_err(), "it was reset: {rest:?}");
    assert_eq!(serving.seat().await, "ordinary");
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_a_response_that_takes_longer_than_the_timeout() {
    let timeout = Duration::from_secs(1);
    let serving = Serving::start(timeout).await;
    let started = Instant::now();
    let mut reading = serving.unread("/whole").await;
    let (mut read, mut piece) = (64, vec![0; 512 * 1024]);
    loop {
        match reading.read(&mut piece).await.expect("it goes on") {
            0 => break,
            more => read += more,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(read > LARGE, "{read} bytes");
    assert!(started.elapsed() > timeout, "{:?}", started.elapsed());
}
