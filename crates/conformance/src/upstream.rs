//! In-memory upstream of the kit: it sees a plugin's request before any host changes it, and cuts a response at the
//! same byte each time. This module must not know dialects.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::stream;
use http::{HeaderName, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks};

/// What happens on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// It is refused.
    Refused,
    /// The response is not HTTP.
    Garbage,
    /// The connection is accepted, but there is no response.
    Silent,
    /// A response.
    Response(Played),
}

/// A response, byte by byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Played {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<Bytes>,
    pub(crate) end: End,
}

/// What follows the last byte of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    Cut,
    Stall,
}

/// A request as the plugin sent it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The requests so far, and the responses to come.
#[derive(Debug, Default)]
struct Journal {
    chat: VecDeque<Exchange>,
    list: VecDeque<Exchange>,
    seen: Vec<Seen>,
    /// Requests that the plugin started, including those that it dropped before they were seen.
    begun: usize,
    /// Forbidden headers that the plugin tried to set.
    denied: Vec<String>,
    /// Body frames that the plugin read.
    frames: usize,
    /// Responses that are neither read to their end nor dropped.
    open: usize,
}

/// The upstream of one session. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upstream {
    journal: Arc<Mutex<Journal>>,
    /// The header of the credential, which is the host's.
    owned: Option<String>,
}

impl Upstream {
    pub(crate) fn new(chat: Vec<Exchange>, list: Vec<Exchange>, owned: Option<String>) -> Self {
        let journal = Journal {
            chat: chat.into(),
            list: list.into(),
            ..Journal::default()
        };
        Self {
            journal: Arc::new(Mutex::new(journal)),
            owned,
        }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.journal().seen.clone()
    }

    pub(crate) fn begun(&self) -> usize {
        self.journal().begun
    }

    pub(crate) fn denied(&self) -> Vec<String> {
        self.journal().denied.clone()
    }

    pub(crate) fn frames(&self) -> usize {
        self.journal().frames
    }

    pub(crate) fn open(&self) -> usize {
        self.journal().open
    }

    /// The next exchange for this method; the last one is repeated.
    fn next(&self, method: &Method) -> Exchange {
        let mut journal = self.journal();
        let queue = if *method == Method::GET {
            &mut journal.list
        } else {
            &mut journal.chat
        };
        match queue.len() {
            0 => Exchange::Response(Played {
                status: 404,
                headers: Vec::new(),
                body: Vec::new(),
                end: End::Close,
            }),
            1 => queue[0].clone(),
            _ => queue.pop_front().unwrap_or(Exchange::Refused),
        }
    }

    fn is_owned(&self, name: &HeaderName) -> bool {
        let is_credential = self
            .owned
            .as_ref()
            .is_some_and(|owned| owned.eq_ignore_ascii_case(name.as_str()));
        is_credential || DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }
}

/// Counts a response as open while it is held.
#[derive(Debug)]
struct Open(Upstream);

impl Open {
    fn new(upstream: &Upstream) -> Self {
        upstream.journal().open += 1;
        Self(upstream.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.journal().open -= 1;
    }
}

type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Upstream {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        let is_owned = self.is_owned(name);
        if is_owned {
            self.journal().denied.push(name.to_string());
        }
        is_owned
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        self.journal().begun += 1;
        let upstream = self.clone();
        let exchange = self.next(request.method());
        let options = options.unwrap_or_default();
        Box::new(async move {
            if exchange == Exchange::Refused {
                return Err(Error::ConnectionRefused);
            }
            let open = Open::new(&upstream);
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            upstream.journal().seen.push(Seen {
                method: head.method,
                uri: head.uri,
                body,
                at: Instant::now(),
            });
            match exchange {
                Exchange::Response(played) => respond(played, open, options.between_bytes_timeout),
                Exchange::Garbage => Err(Error::HttpProtocolError),
                Exchange::Refused => Err(Error::ConnectionRefused),
                Exchange::Silent => {
                    silence(options.first_byte_timeout).await;
                    drop(open);
                    Err(Error::HttpResponseTimeout)
                }
            }
        })
    }
}

/// The plugin's own timeout, where it delegates it to the host.
async fn silence(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn respond(played: Played, open: Open, idle: Option<Duration>) -> Sent {
    let Played {
        status,
        headers,
        body,
        end,
    } = played;
    let frames = stream::unfold(
        (VecDeque::from(body), open, false),
        move |(mut left, open, ended)| async move {
            // As on a network, the next bytes arrive a moment later.
            tokio::task::yield_now().await;
            if let Some(bytes) = left.pop_front() {
                open.0.journal().frames += 1;
                return Some((Ok(Frame::data(bytes)), (left, open, false)));
            }
            match end {
                _ if ended => None,
                End::Close => None,
                End::Cut => Some((Err(Error::HttpResponseIncomplete), (left, open, true))),
                End::Stall => {
                    silence(idle).await;
                    Some((Err(Error::ConnectionReadTimeout), (left, open, true)))
                }
            }
        },
    );
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let body = StreamBody::new(frames).boxed_unsync();
    // Names and values were validated when the dialect was read.
    let response = response.body(body).map_err(|_| Error::HttpProtocolError)?;
    Ok((response, Box::new(async { Ok(()) })))
}
