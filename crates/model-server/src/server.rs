//! The listening server: connection limits and graceful shutdown.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use tower::ServiceExt as _;

use super::{
    ServeLimits, ServeOptions, Service,
    connection::{Closing, InProgress},
    seats::{Seat, Seats},
    unread::Lingers,
};
use model_provider_host::{Error, ErrorKind, Host, Result};

/// The head timeout on a reserved seat.
const RESERVED_HEAD: Duration = Duration::from_secs(2);
/// How long cancelled responses may take to send their error.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running server. Dropping it closes its connections at once; [`shutdown`](Self::shutdown) waits for responses.
///
/// ```no_run
/// # async fn run(host: model_provider_host::Host) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use model_server::{ServeOptions, Server, Service};
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let server = Server::start(listener, Service::new(host, ServeOptions::default()))?;
/// println!("listening on {}", server.base_url());
/// tokio::signal::ctrl_c().await?;
/// let cancelled = server.shutdown(Duration::from_secs(30)).await;
/// println!("{cancelled} responses were cancelled");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Server {
    service: Service,
    address: SocketAddr,
    ending: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    refreshing: JoinHandle<()>,
}

impl Server {
    /// Serves on a bound listener; needs a tokio runtime.
    ///
    /// # Errors
    /// `configuration` if other machines can reach the listener and the service's [`Access`](super::Access) has no
    /// key.
    pub fn start(listener: TcpListener, service: Service) -> Result<Self> {
        let address = listener.local_addr().map_err(|error| {
            Error::new(
                ErrorKind::Configuration,
                format!("the listener has no address: {error}"),
            )
        })?;
        service.current().access.suits(address)?;
        let ending = watch::Sender::new(false);
        let limits = service.0.limits.clone();
        let (fresh, tested, current) = (service.clone(), service.clone(), service.clone());
        // A reload may change it.
        let send_timeout = move || current.current().limits.send_timeout;
        let accepting = accept(
            listener,
            service.router(),
            ending.subscribe(),
            limits,
            send_timeout,
        );
        tokio::spawn(async move { tested.readiness(&tested.current()).await });
        Ok(Self {
            service,
            address,
            ending,
            accepting: tokio::spawn(accepting),
            refreshing: tokio::spawn(async move { fresh.keep_models_fresh().await }),
        })
    }

    /// The listening address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for clients: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The service that it serves.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Applies another configuration, as [`Service::reload`] does.
    ///
    /// # Errors
    /// `configuration` if other machines can reach the server and there would be no key; then nothing changes.
    pub fn reload(&self, host: Host, options: ServeOptions) -> Result<Vec<&'static str>> {
        options.access.suits(self.address)?;
        Ok(self.service.reload(host, options))
    }

    /// Shuts down gracefully. For `serve-drain-delay-ms` it still accepts requests, while `/readyz` says `draining`.
    /// Then no new connections, no new requests. Responses in progress get until the deadline;
    /// the rest end with the error `drained`. The host accepts no requests any more either. Returns the number of
    /// cancelled responses.
    pub async fn shutdown(mut self, deadline: Duration) -> usize {
        self.service.0.readiness.ending();
        tokio::time::sleep(self.service.current().limits.drain_delay).await;
        self.refreshing.abort();
        self.ending.send_replace(true);
        let started = Instant::now();
        let cut = self.service.host().drain(deadline).await;
        // Finished responses still have to be sent…
        let responses = Arc::clone(&self.service.0.in_progress);
        let all = u32::try_from(self.service.0.limits.concurrent).unwrap_or(u32::MAX);
        let left = deadline.saturating_sub(started.elapsed());
        let _ = tokio::time::timeout(left, responses.acquire_many_owned(all)).await;
        // …and so do the errors of cancelled ones.
        if tokio::time::timeout(LAST_WORDS, &mut self.accepting)
            .await
            .is_err()
        {
            tracing::info!("connections that did not end were closed");
        }
        let books = Arc::clone(&self.service.0.books);
        let _ = tokio::task::spawn_blocking(move || books.flush()).await;
        cut
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.refreshing.abort();
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    mut ending: watch::Receiver<bool>,
    limits: ServeLimits,
    send_timeout: impl Fn() -> Duration,
) {
    // Owned by this task, so that aborting it closes every connection.
    let mut open = JoinSet::new();
    let seats = Seats::new(&limits);
    let ending_of_connections = ending.clone();
    let ended = has_ended(&mut ending);
    tokio::pin!(ended);
    loop {
        tokio::select! {
            () = &mut ended => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    if let Some(seat) = seats.take(address.ip()) {
                        let sitting = seat.sitting();
                        let timeouts = (limits.head_timeout, send_timeout());
                        let serving = serve(stream, router.clone(), ending_of_connections.clone(), seat, timeouts);
                        seats.served_by(&sitting, open.spawn(serving));
                    } else {
                        tracing::warn!("a connection was closed: not even a reserved seat is free");
                    }
                }
                // Out of file descriptors, or a connection that was reset in the queue: neither stops the server.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// Serves one connection until it is closed, or idle at shutdown.
async fn serve(
    stream: TcpStream,
    router: Router,
    mut ending: watch::Receiver<bool>,
    seat: Seat,
    (head_timeout, send_timeout): (Duration, Duration),
) {
    // Events are sent without delay.
    let _ = stream.set_nodelay(true);
    let (sitting, lingers) = (seat.sitting(), Lingers::default());
    let stream = Closing::new(stream, lingers.clone(), send_timeout);
    let is_reserved = sitting.is_reserved();
    let respond = service_fn(move |mut request: Request<Incoming>| {
        let busy = sitting.busy();
        request.extensions_mut().insert(sitting.clone());
        request.extensions_mut().insert(lingers.clone());
        let answering = router.clone().oneshot(request);
        async move {
            let response = answering.await?;
            Ok::<_, std::convert::Infallible>(response.map(|body| Body::new(InProgress::new(body, busy))))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(!is_reserved)
        .header_read_timeout(if is_reserved {
            head_timeout.min(RESERVED_HEAD)
        } else {
            head_timeout
        })
        .serve_connection(TokioIo::new(stream), respond);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = has_ended(&mut ending) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = ended {
        // Mostly clients that disconnected.
        tracing::debug!(%error, "a connection ended");
    }
    drop(seat);
}

async fn has_ended(ending: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is the end as well.
    let _ = ending.wait_for(|ending| *ending).await;
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
