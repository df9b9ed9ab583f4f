//! What a request shows of who asks: the name by which it knows the server, the page it comes from, and its key. Compares
//! no keys.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Uri, header, uri::Authority};

/// The shortest access key; anything shorter can be tried out.
pub const SHORTEST_KEY: usize = 16;
/// The header in which clients of the Messages API send their key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The name by which the client knows the server.
#[must_use]
pub fn authority(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    let name = match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => headers.get(header::HOST)?.to_str().ok()?.parse().ok(),
    };
    // A name alone: what stands before an `@` is nobody's, and hides whose name it is.
    name.filter(|name: &Authority| !name.as_str().contains('@'))
}

/// Whether a name is this machine's own.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.trim_end_matches('.').eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Whether an origin is a page of the server itself.
#[must_use]
pub fn is_of(origin: &[u8], name: &Authority) -> bool {
    let uri = Uri::try_from(origin).ok();
    uri.and_then(|uri| uri.into_parts().authority)
        .is_some_and(|authority| authority == *name)
}

/// What a client shows as its key, in the two places where clients do.
#[must_use]
pub fn presented_keys(headers: &HeaderMap) -> [&str; 2] {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION)
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key);
    [bearer, text(API_KEY)].map(|key| key.unwrap_or_default().trim())
}

/// Whether a text can be an access key.
#[must_use]
pub fn is_valid_key(key: &str) -> bool {
    key.len() >= SHORTEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic())
}
