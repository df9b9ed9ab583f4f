//! The mock router: real HTTP over loopback with the responses of the Hugging Face router, faults included.
//!
//! The only part of the host that knows a provider; it must not know the host's library or the plugin, so that it
//! tests both from outside. Every response is a [`Script`]: the default response is derived from the request,
//! scenarios are data files under `scenarios/`, replays are recorded files given by path.

mod catalog;
mod default_response;
mod faulty_stream;
mod options;
mod player;
mod recorder;
mod replay;
mod router;
mod scenario;
mod schema;
mod script;
mod sse_chunk;
#[cfg(test)]
mod tests;
mod tool_call;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// The requests of the demo, as JSON: names, references and prompts.
pub const DEMO: &str = include_str!("demo.json");

pub use options::{Chunking, MockOptions};
pub use recorder::RecordedRequest;
pub use scenario::scenarios;
pub use script::{End, Script};

use faulty_stream::FaultyStream;
use router::Router;

/// Why the mock router did not start, or does not know a scenario.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MockError {
    /// The port could not be bound.
    #[error(
        "the mock router cannot listen on 127.0.0.1:{port}: {source}; choose another port, or 0 for a free one"
    )]
    Bind {
        /// The requested port.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
    /// There is no scenario of this name.
    #[error("there is no scenario `{name}`{}; `--scenario list` lists them", suggestion(.nearest))]
    UnknownScenario {
        /// The requested name.
        name: String,
        /// The most similar known name.
        nearest: Option<&'static str>,
    },
    /// A recorded response cannot be read or understood.
    #[error("cannot replay {}: {why}", .file.display())]
    Replay {
        /// The file.
        file: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A data file of the mock itself is broken.
    #[error("the mock router's own data is broken: {0}")]
    Data(String),
}

fn suggestion(name: &Option<&'static str>) -> String {
    name.map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

/// The protocol of a connection: HTTP/1.1 on plain TCP, or what ALPN agreed on over TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 (prior knowledge or ALPN `h2`).
    Http2,
}

/// A running mock router. It stops, and closes its connections, when it is dropped.
///
/// ```
/// use mock_router::{MockOptions, MockRouter, Script};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let router = MockRouter::start(MockOptions::immediate()).await?;
/// router.push(Script::sse([r#"{"choices":[{"delta":{"content":"Hi"}}]}"#, "[DONE]"]));
/// println!("the upstream of a test: {}", router.base_url());
/// assert!(router.requests().is_empty());
/// # Ok::<(), mock_router::MockError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MockRouter {
    router: Arc<Router>,
    addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl MockRouter {
    /// Starts a mock router on 127.0.0.1; needs a tokio runtime.
    pub async fn start(options: MockOptions) -> Result<Self, MockError> {
        let bind = |source| MockError::Bind {
            port: options.port,
            source,
        };
        let listener = TcpListener::bind(("127.0.0.1", options.port))
            .await
            .map_err(bind)?;
        Self::listen(listener, options)
    }

    /// Starts a mock router on a bound listener; the port of the options is ignored.
    pub fn listen(listener: TcpListener, options: MockOptions) -> Result<Self, MockError> {
        let addr = listener.local_addr().map_err(|source| MockError::Bind {
            port: options.port,
            source,
        })?;
        let router = Arc::new(Router::new(options)?);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&router)));
        Ok(Self {
            router,
            addr,
            accepting,
        })
    }

    /// Serves one connection on any byte stream, a TLS stream for example, until it is closed.
    pub fn serve_connection<S>(&self, io: S, protocol: Protocol) -> impl Future<Output = ()> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        serve(Arc::clone(&self.router), io, protocol)
    }

    /// The base URL for clients: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// The address that the router listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every request received so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.router.recorder.requests()
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.router.recorder.connections.load(Ordering::SeqCst)
    }

    /// Exchanges that the client cancelled before the response was complete.
    #[must_use]
    pub fn disconnects(&self) -> usize {
        *self.router.recorder.abandoned.borrow()
    }

    /// Exchanges that have neither completed nor been cancelled.
    #[must_use]
    pub fn open_exchanges(&self) -> usize {
        *self.router.recorder.open.borrow()
    }

    /// Bytes of response bodies handed to the transport so far; stops growing when a reader applies backpressure.
    #[must_use]
    pub fn body_bytes_sent(&self) -> u64 {
        self.router.recorder.body_bytes.load(Ordering::SeqCst)
    }

    /// Waits until clients have cancelled at least `count` exchanges.
    pub async fn wait_disconnects(&self, count: usize) {
        let mut abandoned = self.router.recorder.abandoned.subscribe();
        // The sender is in the router, which this borrows: it cannot be dropped.
        let _ = abandoned.wait_for(|now| *now >= count).await;
    }

    /// Waits until at least `count` complete requests have been received.
    pub async fn wait_requests(&self, count: usize) {
        let mut received = self.router.recorder.received.subscribe();
        let _ = received.wait_for(|now| *now >= count).await;
    }

    /// From now on responds to every chat or model-list request by this scenario (and restarts its sequence).
    pub fn set_scenario(&self, name: &str) -> Result<(), MockError> {
        self.router.set_scenario(Some(name))
    }

    /// Restores the default responses.
    pub fn clear_scenario(&self) {
        // Only an unknown scenario name can fail.
        let _ = self.router.set_scenario(None);
    }

    /// Responds to the next chat request without a pending script by this script.
    pub fn push(&self, script: Script) {
        self.router.push_chat(script);
    }

    /// Responds to the next model-list request without a pending script by this script.
    pub fn push_models(&self, script: Script) {
        self.router.push_models(script);
    }
}

impl Drop for MockRouter {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, router: Arc<Router>) {
    // Owned by this task, so that aborting it closes every connection.
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Chunk boundaries are part of the test: no batching by the kernel.
                    let _ = stream.set_nodelay(true);
                    open.spawn(serve(Arc::clone(&router), stream, Protocol::Http1));
                }
                // Out of file descriptors, or a connection that was reset in the queue: neither stops the server.
                Err(error) => {
                    tracing::warn!(%error, "mock router: accept failed");
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn serve<S>(router: Arc<Router>, io: S, protocol: Protocol)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connection = router.recorder.connections.fetch_add(1, Ordering::SeqCst) + 1;
    let (wire, control) = FaultyStream::new(io);
    let service = hyper::service::service_fn(move |request| {
        router::exchange(Arc::clone(&router), connection, control.clone(), request)
    });
    let ended = match protocol {
        Protocol::Http1 => {
            let mut http = hyper::server::conn::http1::Builder::new();
            // Scripts decide about `date`: a response without one is a test case.
            http.auto_date_header(false)
                .serve_connection(TokioIo::new(wire), service)
                .await
        }
        Protocol::Http2 => {
            let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            http.auto_date_header(false)
                .serve_connection(TokioIo::new(wire), service)
                .await
        }
    };
    if let Err(error) = ended {
        // Truncations and hang-ups end here too; scripts produce them.
        tracing::debug!(connection, %error, "mock router: connection ended");
    }
}
