//! Header rules of the egress client: headers that no guest may set or see, and headers that the host adds.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error as HttpError};

use crate::secret::Secret;
use crate::{
    error::{Error, ErrorKind, Result},
    redact::Redactor,
};

/// The header with the trace context of a request.
pub(crate) const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The headers that the host adds: the operator's, and the one with the credential.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnHeaders(Vec<OwnHeader>);

/// One of them.
#[derive(Clone, Debug)]
struct OwnHeader {
    name: HeaderName,
    value: HeaderValue,
    /// Whether the operator has configured it; else it carries the credential.
    is_operators: bool,
}

impl OwnHeaders {
    /// Adds the header that carries a credential.
    pub(crate) fn credential(&mut self, name: &str, prefix: &str, secret: &Secret) -> Result<()> {
        let name = header_name(name)?;
        let text = zeroize::Zeroizing::new(format!("{prefix}{}", secret.expose()));
        let value = HeaderValue::from_str(&text).map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                "the credential has characters that a header cannot carry",
            )
            .with_hint("copy it again; it is plain text without spaces or line breaks")
        })?;
        self.add(name, value, false);
        Ok(())
    }

    /// Adds a header of the operator's.
    pub(crate) fn operators(&mut self, name: &str, value: &Secret) -> Result<()> {
        let parsed = HeaderValue::from_str(value.expose()).map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                format!("the value of the configured header `{name}` cannot be sent"),
            )
            .with_hint("a header's value is plain text without line breaks")
        })?;
        self.add(header_name(name)?, parsed, true);
        Ok(())
    }

    fn add(&mut self, name: HeaderName, mut value: HeaderValue, is_operators: bool) {
        value.set_sensitive(true);
        self.0.push(OwnHeader {
            name,
            value,
            is_operators,
        });
    }

    /// Sets them, replacing existing values. The last one of a name wins.
    pub(crate) fn write_to(&self, headers: &mut HeaderMap) {
        for own in &self.0 {
            headers.insert(own.name.clone(), own.value.clone());
        }
    }

    /// Whether this header is hidden from the guest in a response.
    pub(crate) fn hide(&self, name: &HeaderName) -> bool {
        is_forbidden(name) || self.0.iter().any(|own| own.name == *name)
    }

    /// Whether a guest must not set this header.
    pub(crate) fn forbid(&self, name: &HeaderName) -> bool {
        is_forbidden(name) || self.0.iter().any(|own| own.name == *name && !own.is_operators)
    }

    /// Whether a guest may set this header without effect, since [`write_to`](Self::write_to) overrides it. The two
    /// values may come from independent settings, so this is no reason to block the request.
    pub(crate) fn replace(&self, name: &HeaderName) -> bool {
        // Most hosts add none.
        self.0.iter().any(|own| own.is_operators && own.name == *name) && !self.forbid(name)
    }
}

/// The same without a policy: headers of the connection, the credential, or the form of the response. A `match`: it runs
/// several times for each header.
pub(crate) fn is_forbidden(name: &HeaderName) -> bool {
    let text = name.as_str();
    matches!(
        text,
        // Of the connection; a test compares them with wasmtime's.
        "connection"
            | "keep-alive"
            | "transfer-encoding"
            | "upgrade"
            | "host"
            | "http2-settings"
            // The credential and similar headers.
            | "authorization"
            | "cookie"
            | "set-cookie"
            // The response has to be searched for secrets, so it has to be complete, not compressed, and in an ASCII
            // superset.
            | "accept-encoding"
            | "accept-charset"
            | "a-im"
            | "range"
            | "if-range"
            | "request-range"
            | "te"
            | "trailer"
            // How the request is transferred is the host's decision.
            | "expect"
            | "via"
            | "forwarded"
            // The trace of a request is set by the host.
            | "traceparent"
            | "tracestate"
            // Headers that a server may read as the method or the path, instead of those that were checked.
            | "x-http-method"
            | "x-http-method-override"
            | "x-method-override"
            | "x-original-url"
            | "x-original-uri"
            | "x-rewrite-url"
            | "x-override-url"
    ) || text.starts_with("proxy-")
        || text.starts_with("x-forwarded-")
}

/// What makes a response partial, in words.
pub(crate) fn in_part(status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
    let parts = |value: &HeaderValue| {
        let value = value.as_bytes().get(..b"multipart/byteranges".len());
        value.is_some_and(|value| value.eq_ignore_ascii_case(b"multipart/byteranges"))
    };
    if status == StatusCode::PARTIAL_CONTENT {
        Some("a part of a response (206)")
    } else if status == StatusCode::IM_USED {
        Some("a changed form of a response (226)")
    } else if headers.contains_key(header::CONTENT_RANGE) {
        Some("a part of a response (`content-range`)")
    } else if headers.get_all(header::CONTENT_TYPE).iter().any(parts) {
        Some("parts of a response (`multipart/byteranges`)")
    } else {
        None
    }
}

/// Removes the response headers that a guest must not see, and redacts the rest.
pub(crate) fn clean(headers: &mut HeaderMap, own: &OwnHeaders, redactor: &Redactor) {
    let hide = |name: &&HeaderName| own.hide(name) || redactor.finds(name.as_str().as_bytes());
    let hidden: Vec<_> = headers.keys().filter(hide).cloned().collect();
    for name in hidden {
        headers.remove(name);
    }
    for value in headers.values_mut() {
        if redactor.finds(value.as_bytes()) {
            let text = redactor.said(&String::from_utf8_lossy(value.as_bytes()));
            *value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("*"));
        }
    }
}

/// Copies the values into memory of their own. As they come they are parts of the buffer that the connection reads into,
/// and a guest that holds the head of its response would keep all of that.
pub(crate) fn detach(headers: &mut HeaderMap) {
    let mut all = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    for value in headers.values() {
        all.extend_from_slice(value.as_bytes());
    }
    let mut all = all.freeze();
    for value in headers.values_mut() {
        let own = HeaderValue::from_maybe_shared(all.split_to(value.len()));
        // It was a value before, so it is one.
        let Ok(mut own) = own else { continue };
        own.set_sensitive(value.is_sensitive());
        *value = own;
    }
}

/// Refuses a compressed response: a secret in it could not be found. The request asked for no compression; in
/// HTTP/1 the transfer coding may compress as well.
pub(crate) fn check_codings(headers: &HeaderMap, redactor: &Redactor) -> Result<(), HttpError> {
    let unasked = |name: HeaderName, usual: &[&str]| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap_or("?")).collect();
        let codings = values.iter().flat_map(|value| value.split(','));
        let mut codings = codings.map(str::trim).filter(|coding| !coding.is_empty());
        // The server's own value, which may be anything.
        let is_usual = |coding: &str| usual.iter().any(|usual| coding.eq_ignore_ascii_case(usual));
        codings
            .find(|coding| !is_usual(coding))
            .map(|coding| redactor.said(coding))
    };
    if let Some(charset) = headers
        .get_all(header::CONTENT_TYPE)
        .iter()
        .find_map(strange_charset)
    {
        return Err(HttpError::HttpResponseContentCoding(Some(
            redactor.said(&charset),
        )));
    }
    if let Some(coding) = unasked(header::CONTENT_ENCODING, &["identity"]) {
        return Err(HttpError::HttpResponseContentCoding(Some(coding)));
    }
    match unasked(header::TRANSFER_ENCODING, &["identity", "chunked"]) {
        Some(coding) => Err(HttpError::HttpResponseTransferCoding(Some(coding))),
        None => Ok(()),
    }
}

/// The character set of a content type, if it is no ASCII superset.
fn strange_charset(content_type: &HeaderValue) -> Option<String> {
    let value = content_type.to_str().ok()?.to_ascii_lowercase();
    let (_, charset) = value.split_once("charset")?;
    let charset = charset
        .trim_start()
        .strip_prefix('=')?
        .trim_start_matches([' ', '"', '\'']);
    let charset = charset.split([';', ',', '"', '\'', ' ']).next()?;
    let strange = [
        "utf-7",
        "utf7",
        "utf-16",
        "utf16",
        "utf-32",
        "utf32",
        "ucs",
        "unicode",
        "iso-10646",
        "ibm",
        "cp",
        "ebcdic",
        "hz-",
        "iso-2022",
    ];
    strange
        .iter()
        .any(|name| charset.starts_with(name))
        .then(|| charset.to_owned())
}

fn header_name(name: &str) -> Result<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::new(ErrorKind::Configuration, format!("`{name}` is not a header name")))?;
    if DEFAULT_FORBIDDEN_HEADERS.contains(&parsed) {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("the header `{name}` belongs to the connection"),
        ));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_guest_neither_sets_nor_sees_the_trace_headers() {
        let own = OwnHeaders::default();
        for name in ["traceparent", "tracestate"] {
            let name = HeaderName::from_static(name);
            assert!(own.forbid(&name) && own.hide(&name), "{name}");
        }
    }

    #[test]
    fn the_head_of_a_response_does_not_keep_the_buffer_that_it_was_read_into() {
        let buffer = Bytes::from(b"first, second; the rest of what was read".to_vec());
        let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
        let mut headers = HeaderMap::new();
        headers.append("x-one", value(0..5));
        headers.append("x-one", value(7..13));
        let mut secret = value(0..0);
        secret.set_sensitive(true);
        headers.append("x-empty", secret);
        assert!(!buffer.is_unique());
        let before = headers.clone();
        detach(&mut headers);
        assert_eq!(headers, before);
        assert!(headers["x-empty"].is_sensitive() && !headers["x-one"].is_sensitive());
        drop(before);
        assert!(buffer.is_unique());
    }

    fn refused(name: HeaderName, value: &str) -> Option<HttpError> {
        let redactor = Redactor::new(Secret::new("a-very-secret-token").as_ref(), []);
        let mut headers = HeaderMap::new();
        headers.append(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
        headers.append(name, value.parse().unwrap());
        check_codings(&headers, &redactor).err()
    }

    #[test]
    fn a_response_that_cannot_be_searched_is_refused_by_any_header() {
        for value in ["gzip", "identity, br", "GZIP", ",x"] {
            let error = refused(header::CONTENT_ENCODING, value);
            assert!(
                matches!(error, Some(HttpError::HttpResponseContentCoding(Some(_)))),
                "{value}: {error:?}"
            );
        }
        for value in ["gzip, chunked", "deflate", "chunked,gzip"] {
            let error = refused(header::TRANSFER_ENCODING, value);
            assert!(
                matches!(error, Some(HttpError::HttpResponseTransferCoding(Some(_)))),
                "{value}: {error:?}"
            );
        }
        for value in ["", "identity", "Identity , identity"] {
            assert!(refused(header::CONTENT_ENCODING, value).is_none(), "{value}");
        }
        assert!(refused(header::TRANSFER_ENCODING, "Chunked").is_none());
    }

    #[test]
    fn a_partial_response_is_detected() {
        let with = |name: HeaderName, value| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        for (status, headers) in [
            (206, HeaderMap::new()),
            (226, HeaderMap::new()),
            (200, with(header::CONTENT_RANGE, "bytes 0-9/20")),
            (
                200,
                with(header::CONTENT_TYPE, "Multipart/ByteRanges; boundary=x"),
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(in_part(status, &headers).is_some(), "{status} {headers:?}");
        }
        for content_type in ["text/event-stream", "multipart/mixed", ""] {
            assert!(in_part(StatusCode::OK, &with(header::CONTENT_TYPE, content_type)).is_none());
        }
    }

    #[test]
    fn a_response_in_characters_that_cannot_be_searched_is_refused() {
        for value in [
            "text/plain; charset=utf-16",
            "application/json;charset=\"UTF-16LE\"",
            "a/b; x=1; Charset = IBM037",
        ] {
            let error = refused(header::CONTENT_TYPE, value);
            assert!(
                matches!(error, Some(HttpError::HttpResponseContentCoding(Some(_)))),
                "{value}"
            );
        }
        for value in [
            "application/json",
            "text/plain; charset=utf-8",
            "text/html; charset=ISO-8859-1",
            "a/b; charset",
        ] {
            assert!(refused(header::CONTENT_TYPE, value).is_none(), "{value}");
        }
    }

    #[test]
    fn a_guest_cannot_set_headers_that_change_the_request_or_the_form_of_the_response() {
        for name in [
            "Range",
            "If-Range",
            "Accept-Charset",
            "TE",
            "Trailer",
            "Expect",
            "Accept-Encoding",
            "A-IM",
            "Connection",
            "Upgrade",
            "Keep-Alive",
            "Transfer-Encoding",
            "Host",
            "Proxy-Anything",
            "X-HTTP-Method-Override",
            "X-Original-URL",
            "X-Forwarded-Prefix",
            "Authorization",
            "Cookie",
            "HTTP2-Settings",
        ] {
            assert!(is_forbidden(&name.parse().unwrap()), "{name}");
        }
        for name in DEFAULT_FORBIDDEN_HEADERS {
            assert!(is_forbidden(&name), "{name}");
        }
        for name in [
            "accept",
            "content-type",
            "user-agent",
            "x-bill-to",
            "accept-language",
            "idempotency-key",
        ] {
            assert!(!is_forbidden(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn a_header_of_the_operators_replaces_the_guests_and_the_credentials_is_refused() {
        let secret = Secret::new("a-very-secret-token").unwrap();
        let mut own = OwnHeaders::default();
        own.credential("x-key", "", &secret).unwrap();
        own.operators("X-Bill-To", &Secret::new("operators").unwrap())
            .unwrap();
        own.operators("Authorization", &secret).unwrap();
        let (bill, key) = (
            HeaderName::from_static("x-bill-to"),
            HeaderName::from_static("x-key"),
        );
        assert!(!own.forbid(&bill) && own.replace(&bill) && own.hide(&bill));
        for name in [&key, &header::AUTHORIZATION] {
            assert!(own.forbid(name) && !own.replace(name), "{name}");
        }
        assert!(!own.replace(&header::ACCEPT));
        let mut headers = HeaderMap::from_iter([(bill.clone(), HeaderValue::from_static("guests"))]);
        headers.append(&bill, HeaderValue::from_static("again"));
        own.write_to(&mut headers);
        let sent: Vec<_> = headers.get_all(&bill).iter().collect();
        assert_eq!(sent, ["operators"]);
    }

    #[test]
    fn the_name_of_a_coding_reveals_no_secret_to_the_guest() {
        for name in [header::CONTENT_ENCODING, header::TRANSFER_ENCODING] {
            let error = format!("{:?}", refused(name, "x-a-very-secret-token"));
            assert!(!error.contains("secret") && error.contains("*****"), "{error}");
        }
    }
}
