//! A minimal HTTP exchange over `wasi:http`, for guests of the tests.

use alloc::vec::Vec;

use wasi::{
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
            OutgoingRequest, Scheme,
        },
    },
    io::streams::{InputStream, OutputStream, StreamError},
};

/// The size of a read of a response body.
const PIECE: u64 = 64 * 1024;

/// A request whose body is still being written.
pub(crate) struct Writing {
    pub(crate) stream: OutputStream,
    pub(crate) body: OutgoingBody,
    pub(crate) future: FutureIncomingResponse,
}

/// Begins a request; one without a body is a GET.
pub(crate) fn begin(
    base: &str,
    path: &str,
    headers: &[(&str, &[u8])],
    has_body: bool,
) -> Result<Writing, ErrorCode> {
    let (scheme, rest) = base.split_once("://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let path = alloc::format!("/{}{path}", prefix.trim_end_matches('/'));
    let scheme = if scheme == "https" {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let method = if has_body { Method::Post } else { Method::Get };
    let fields = Fields::new();
    for (name, value) in headers {
        fields
            .append(name, value)
            .map_err(|_| ErrorCode::HttpRequestDenied)?;
    }
    let request = OutgoingRequest::new(fields);
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_method(&method).map_err(invalid)?;
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    request.set_path_with_query(Some(&path)).map_err(invalid)?;
    let body = request.body().map_err(invalid)?;
    let stream = body.write().map_err(invalid)?;
    let future = outgoing_handler::handle(request, None)?;
    Ok(Writing { stream, body, future })
}

impl Writing {
    /// Writes more of the body; false if the reader is gone.
    pub(crate) fn write(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match self.stream.check_write() {
                Ok(0) => self.stream.subscribe().block(),
                Ok(room) => {
                    let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
                    let (now, later) = bytes.split_at(room);
                    if self.stream.write(now).is_err() {
                        return false;
                    }
                    bytes = later;
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// Ends the body.
    pub(crate) fn sent(self) -> FutureIncomingResponse {
        let Self { stream, body, future } = self;
        let _ = stream.flush();
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
        future
    }
}

/// A response whose body is being read. Fields drop in this order: children before parents, as WASI requires.
pub(crate) struct WebResponse {
    pub(crate) stream: InputStream,
    _body: IncomingBody,
    pub(crate) response: IncomingResponse,
}

/// Waits for the response's head.
pub(crate) fn answer(future: &FutureIncomingResponse) -> Result<WebResponse, ErrorCode> {
    future.subscribe().block();
    look(future)?.ok_or(ErrorCode::InternalError(None))
}

/// The response, if its head has arrived.
pub(crate) fn look(future: &FutureIncomingResponse) -> Result<Option<WebResponse>, ErrorCode> {
    let response = match future.get() {
        None => return Ok(None),
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(code),
        Some(Err(())) => return Err(ErrorCode::InternalError(None)),
    };
    let gone = |()| ErrorCode::InternalError(None);
    let body = response.consume().map_err(gone)?;
    let stream = body.stream().map_err(gone)?;
    Ok(Some(WebResponse {
        stream,
        _body: body,
        response,
    }))
}

impl WebResponse {
    /// Waits for the next chunk of the body; `None` at its end.
    pub(crate) fn next(&self) -> Result<Option<Vec<u8>>, ErrorCode> {
        match self.stream.blocking_read(PIECE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::Closed) => Ok(None),
            Err(StreamError::LastOperationFailed(_)) => Err(ErrorCode::HttpResponseIncomplete),
        }
    }
}
