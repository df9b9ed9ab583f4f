//! A request's head in the types of the crate `http`, and its name. Knows no dialect.

use std::{
    fmt::Write as _,
    hash::{BuildHasher as _, Hasher as _, RandomState},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use wasi::http::types::{self as wasi_http, IncomingRequest};

use dialects::{api_error::ApiError, server::plain_path::plain_uri};

const REQUEST_ID: &str = "x-request-id";
/// The longest name of a client's own.
const LONGEST_NAME: usize = 64;

/// What comes before a body.
pub(crate) struct Head {
    pub(crate) method: Method,
    /// Its path without empty segments and needless escapes.
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The client's own name for the request if it is a plain one, else a new one.
    pub(crate) id: String,
}

impl Head {
    /// Reads it. An invalid head gives an error, and a head with everything that could be read.
    pub(crate) fn of(request: &IncomingRequest) -> (Self, Option<ApiError>) {
        let mut headers = HeaderMap::new();
        let mut error = None;
        for (name, value) in request.headers().entries() {
            match (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_bytes(&value),
            ) {
                (Ok(name), Ok(value)) => {
                    headers.append(name, value);
                }
                _ => error = Some(unreadable("a header of the request is none of HTTP")),
            }
        }
        let id = headers
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|name| is_plain(name))
            .map_or_else(new_name, str::to_owned);
        let path = request.path_with_query().unwrap_or_else(|| "/".to_owned());
        let uri = Uri::builder().path_and_query(path.as_str());
        let uri = match request.authority() {
            Some(authority) => uri.scheme("http").authority(authority),
            None => uri,
        };
        let uri = uri.build().unwrap_or_else(|_| {
            error = Some(unreadable("the address of the request is none of HTTP"));
            Uri::default()
        });
        let head = Self {
            method: method(&request.method()),
            uri: plain_uri(&uri).unwrap_or(uri),
            headers,
            id,
        };
        (head, error)
    }
}

impl Head {
    /// A unique id for the response: clients may name several requests alike.
    pub(crate) fn response_id(&self) -> String {
        format!("{}-{}", self.id, &new_name()[..8])
    }
}

fn unreadable(message: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        "unreadable",
        message,
    )
}

fn method(method: &wasi_http::Method) -> Method {
    match method {
        wasi_http::Method::Get => Method::GET,
        wasi_http::Method::Head => Method::HEAD,
        wasi_http::Method::Post => Method::POST,
        wasi_http::Method::Put => Method::PUT,
        wasi_http::Method::Delete => Method::DELETE,
        wasi_http::Method::Connect => Method::CONNECT,
        wasi_http::Method::Options => Method::OPTIONS,
        wasi_http::Method::Patch => Method::PATCH,
        // Nothing here takes one of these.
        wasi_http::Method::Trace | wasi_http::Method::Other(_) => Method::TRACE,
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(plain)
}

/// A name that no other request has.
fn new_name() -> String {
    let mut name = String::new();
    for _ in 0..2 {
        // The standard library's hasher is seeded at random.
        let _ = write!(name, "{:016x}", RandomState::new().build_hasher().finish());
    }
    name
}
