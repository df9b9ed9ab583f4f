//! One HTTP request over `wasi:http`: sends it, waits for its answer, reads its body. Knows nothing of chats or lists.

use alloc::{string::String, vec::Vec};

use wasi::{
    clocks::monotonic_clock,
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
            OutgoingRequest, RequestOptions, Scheme,
        },
    },
    io::{
        poll::{self, Pollable},
        streams::{InputStream, OutputStream, StreamError},
    },
};

/// How much of a body is asked for at once.
const READ_SIZE: u64 = 16 * 1024;
pub(crate) const NS_PER_MS: u64 = 1_000_000;

/// How long a server that has answered is waited for to read more of the request.
const READS_ON_NS: u64 = 1_000 * NS_PER_MS;

/// A URL taken apart, as `wasi:http` wants it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    https: bool,
    authority: String,
    path: String,
}

impl Endpoint {
    /// Takes a base URL and a path below it; `None` if the base is no http or https URL.
    pub(crate) fn new(base: &str, path: &str) -> Option<Self> {
        let base = base.trim();
        // A char, not a text, is looked for: the search for texts is a large piece of code.
        let (scheme, rest) = base.split_once(':')?;
        let rest = rest.strip_prefix("//")?;
        let https = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return None,
        };
        let (authority, prefix) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.is_empty() || authority.contains(['@', '?', '#']) {
            return None;
        }
        let mut full = String::from(prefix.trim_end_matches('/'));
        full.push_str(path);
        Some(Self {
            https,
            authority: authority.into(),
            path: full,
        })
    }
}

/// Why a request or an answer broke off.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The host or the network says why.
    Code(ErrorCode),
    /// The answer's body was cut.
    Cut,
    /// The rest of the request was not taken in time.
    Stalled,
    /// A handle of `wasi:http` did not do what it should: a fault of the host.
    Host,
}

/// Where the bytes of a request's body go. Collects small writes, so that each crossing carries a good piece.
pub(crate) struct BodyWriter<'a> {
    stream: OutputStream,
    buffer: Vec<u8>,
    /// The answer: where it is there before all was written, nobody may be reading any more.
    answer: &'a Pollable,
    /// How long a piece may wait to be taken.
    stall_ns: u64,
    stalled: bool,
    /// The host takes no more. Not an error: the answer's future says what happened.
    closed: bool,
}

impl BodyWriter<'_> {
    const PIECE: usize = 64 * 1024;

    /// Takes more of the body.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.closed {
            return;
        }
        if self.buffer.len() + bytes.len() > Self::PIECE {
            let held = core::mem::take(&mut self.buffer);
            self.send(&held);
            self.buffer = held;
            self.buffer.clear();
        }
        if bytes.len() >= Self::PIECE {
            self.send(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.closed {
            match self.stream.check_write() {
                Ok(0) => self.wait(),
                Ok(room) => {
                    let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
                    let (now, later) = bytes.split_at(room);
                    self.closed = self.stream.write(now).is_err();
                    bytes = later;
                }
                Err(_) => self.closed = true,
            }
        }
    }

    /// Waits until there is room. An answer that is there already may be the last word, or the server reads on.
    fn wait(&mut self) {
        let room = self.stream.subscribe();
        let timer = monotonic_clock::subscribe_duration(self.stall_ns);
        let mut ready = poll::poll(&[&room, &timer, self.answer]);
        if ready == [2] {
            let timer = monotonic_clock::subscribe_duration(READS_ON_NS);
            ready = poll::poll(&[&room, &timer]);
            self.closed = !ready.contains(&0);
        } else if !ready.contains(&0) {
            self.closed = true;
            self.stalled = true;
        }
    }

    /// Whether all of it was taken in time.
    fn finish(mut self) -> Result<(), Failure> {
        let held = core::mem::take(&mut self.buffer);
        self.send(&held);
        if self.stalled {
            return Err(Failure::Stalled);
        }
        if !self.closed {
            // Only asks for it; what becomes of it is the answer's matter.
            let _ = self.stream.flush();
        }
        Ok(())
    }
}

/// The head of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// What there is of an answer's body right now.
pub(crate) enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// No more.
    End,
}

/// A request on its way. Dropping it ends the exchange.
pub(crate) enum Exchange {
    Sent(Sent),
    Answering(Answering),
}

/// Without an answer yet. Fields drop in this order: children before parents, as WASI wants it.
pub(crate) struct Sent {
    ready: Pollable,
    future: FutureIncomingResponse,
}

/// With an answer whose body is being read. Fields drop in this order.
pub(crate) struct Answering {
    ready: Pollable,
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

/// How long a request may take to leave, in milliseconds.
pub(crate) struct Patience {
    /// To a connection.
    pub(crate) connect: u32,
    /// To the next piece of its body, behind a full buffer.
    pub(crate) stall: u32,
}

/// Sends a request.
pub(crate) fn send(
    method: Method,
    to: &Endpoint,
    headers: &[(String, Vec<u8>)],
    patience: &Patience,
    write: Option<&mut dyn FnMut(&mut BodyWriter<'_>)>,
) -> Result<Exchange, Failure> {
    let fields = Fields::from_list(headers).map_err(|_| Failure::Code(ErrorCode::HttpRequestDenied))?;
    let request = OutgoingRequest::new(fields);
    let scheme = if to.https { Scheme::Https } else { Scheme::Http };
    request.set_method(&method).map_err(|()| Failure::Host)?;
    request.set_scheme(Some(&scheme)).map_err(|()| Failure::Host)?;
    request
        .set_authority(Some(&to.authority))
        .and_then(|()| request.set_path_with_query(Some(&to.path)))
        .map_err(|()| Failure::Code(ErrorCode::HttpRequestUriInvalid))?;
    let options = RequestOptions::new();
    // A host that knows no such timer has one of its own.
    let _ = options.set_connect_timeout(Some(u64::from(patience.connect) * NS_PER_MS));
    let body = match &write {
        Some(_) => Some(request.body().map_err(|()| Failure::Host)?),
        None => None,
    };
    let future = outgoing_handler::handle(request, Some(options)).map_err(Failure::Code)?;
    let ready = future.subscribe();
    if let Some((body, write)) = body.zip(write) {
        let mut writer = BodyWriter {
            stream: body.write().map_err(|()| Failure::Host)?,
            buffer: Vec::new(),
            answer: &ready,
            stall_ns: u64::from(patience.stall) * NS_PER_MS,
            stalled: false,
            closed: false,
        };
        write(&mut writer);
        writer.finish()?;
        // Its error is not the reason but a consequence; the future has the reason.
        let _ = OutgoingBody::finish(body, None);
    }
    Ok(Exchange::Sent(Sent { ready, future }))
}

impl Exchange {
    /// The answer's head, once it is there.
    pub(crate) fn head(self) -> Result<(Self, Option<Head>), Failure> {
        let Self::Sent(sent) = self else {
            return Ok((self, None));
        };
        let response = match sent.future.get() {
            None => return Ok((Self::Sent(sent), None)),
            Some(Ok(Ok(response))) => response,
            Some(Ok(Err(code))) => return Err(Failure::Code(code)),
            Some(Err(())) => return Err(Failure::Host),
        };
        let head = Head {
            status: response.status(),
            headers: response.headers().entries(),
        };
        let body = response.consume().map_err(|()| Failure::Host)?;
        let stream = body.stream().map_err(|()| Failure::Host)?;
        let answering = Answering {
            ready: stream.subscribe(),
            stream,
            _body: body,
            _response: response,
        };
        Ok((Self::Answering(answering), Some(head)))
    }

    /// What there is of the body. Never waits.
    pub(crate) fn read(&self) -> Result<Piece, Failure> {
        let Self::Answering(answering) = self else {
            return Ok(Piece::Nothing);
        };
        match answering.stream.read(READ_SIZE) {
            Ok(bytes) if bytes.is_empty() => Ok(Piece::Nothing),
            Ok(bytes) => Ok(Piece::Bytes(bytes)),
            Err(StreamError::Closed) => Ok(Piece::End),
            // Its debug text can carry details of the host, so nobody looks at it.
            Err(StreamError::LastOperationFailed(_)) => Err(Failure::Cut),
        }
    }

    fn ready(&self) -> &Pollable {
        match self {
            Self::Sent(sent) => &sent.ready,
            Self::Answering(answering) => &answering.ready,
        }
    }
}

/// The timer of one wait after the other. It is kept as long as it rings no later than it has to: who waits for each
/// piece of a long answer would set one for each, and hardly any ever rings.
#[derive(Default)]
pub(crate) struct Alarm {
    set: Option<(u64, Pollable)>,
}

impl Alarm {
    /// Waits until there is something, until this instant at most; false if it has come.
    pub(crate) fn wait(&mut self, exchange: &Exchange, until: u64) -> bool {
        loop {
            let (at, timer) = match self.set.take() {
                Some(kept) if kept.0 <= until => kept,
                _ => (until, monotonic_clock::subscribe_instant(until)),
            };
            if poll::poll(&[exchange.ready(), &timer]).contains(&0) {
                self.set = Some((at, timer));
                return true;
            }
            if at == until {
                return false;
            }
            // It was set for an earlier wait. Not looking at the clock here costs at most another round.
        }
    }
}

/// Waits for a time and nothing else.
pub(crate) fn sleep(ns: u64) {
    if ns > 0 {
        monotonic_clock::subscribe_duration(ns).block();
    }
}

/// The monotonic clock, in nanoseconds.
pub(crate) fn now() -> u64 {
    monotonic_clock::now()
}
