//! An outgoing response: its head, then a body that is flushed as it is written, with a timeout for the client. Does
//! not know the content.

use wasi::{
    clocks::monotonic_clock,
    http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam},
    io::{
        poll,
        streams::{OutputStream, StreamError},
    },
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// How long a client may leave a response unread, as of `host-harness serve`.
const UNREAD_NS: u64 = 60 * 1_000_000_000;

/// The client is gone, or has read nothing for too long.
#[derive(Debug)]
pub(crate) struct Gone;

/// The response of a request, which can be sent once.
pub(crate) struct Client {
    out: ResponseOutparam,
    /// Headers of every response.
    common: HeaderMap,
    has_no_body: bool,
}

/// A body that is being written. Fields drop in this order.
pub(crate) struct Body {
    stream: OutputStream,
    body: OutgoingBody,
}

impl Client {
    pub(crate) fn new(out: ResponseOutparam, has_no_body: bool) -> Self {
        let mut common = HeaderMap::new();
        common.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        common.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self {
            out,
            common,
            has_no_body,
        }
    }

    /// Adds a header to whatever response it will be.
    pub(crate) fn with(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.common.insert(name, value);
        }
    }

    /// A whole response of JSON.
    pub(crate) fn json(self, status: StatusCode, headers: HeaderMap, json: &str) -> Result<(), Gone> {
        let mut all = headers;
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.has_no_body {
            return self.begin(status, &all)?.finish();
        }
        all.insert(header::CONTENT_LENGTH, json.len().into());
        let body = self.begin(status, &all)?;
        body.write(json.as_bytes())?;
        body.finish()
    }

    /// The head of a response; its body follows.
    pub(crate) fn begin(self, status: StatusCode, headers: &HeaderMap) -> Result<Body, Gone> {
        let fields = Fields::new();
        for (name, value) in headers.iter().chain(&self.common) {
            // Headers that the engine sets itself are left to it.
            let _ = fields.append(name.as_str(), value.as_bytes());
        }
        let response = OutgoingResponse::new(fields);
        // Every status here is one of HTTP.
        let _ = response.set_status_code(status.as_u16());
        let body = response.body().map_err(|()| Gone)?;
        ResponseOutparam::set(self.out, Ok(response));
        let stream = body.write().map_err(|()| Gone)?;
        Ok(Body { stream, body })
    }
}

impl Body {
    pub(crate) fn write(&self, mut bytes: &[u8]) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let room = usize::try_from(self.room()?).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.stream.write(now).map_err(gone)?;
            bytes = later;
        }
        Ok(())
    }

    /// Sends what is written, and waits until the engine has taken it.
    pub(crate) fn flush(&self) -> Result<(), Gone> {
        self.stream.flush().map_err(gone)?;
        self.room().map(drop)
    }

    pub(crate) fn finish(self) -> Result<(), Gone> {
        self.flush()?;
        drop(self.stream);
        OutgoingBody::finish(self.body, None).map_err(|_| Gone)
    }

    /// How much may be written; waits until it is something.
    fn room(&self) -> Result<u64, Gone> {
        loop {
            match self.stream.check_write().map_err(gone)? {
                0 => {
                    let timer = monotonic_clock::subscribe_duration(UNREAD_NS);
                    let room = self.stream.subscribe();
                    if !poll::poll(&[&room, &timer]).contains(&0) {
                        return Err(Gone);
                    }
                }
                room => return Ok(room),
            }
        }
    }
}

fn gone(_: StreamError) -> Gone {
    Gone
}
