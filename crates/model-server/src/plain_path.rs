//! Paths as people put them together: `//v1/models/` is `/v1/models`.
//!
//! Base URLs with a slash at their end are the usual reason.

use axum::extract::Request;
use http::{Uri, uri::PathAndQuery};

/// The same request, its path without empty segments.
pub(super) fn plain(mut request: Request) -> Request {
    if let Some(uri) = plain_uri(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// `None` if the path is plain already, which most are.
fn plain_uri(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let is_plain = !path.contains("//") && (path.len() <= 1 || !path.ends_with('/'));
    if is_plain || !path.starts_with('/') {
        return None;
    }
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut plain: String = segments.flat_map(|segment| ["/", segment]).collect();
    if plain.is_empty() {
        plain.push('/');
    }
    if let Some(query) = uri.query() {
        plain = format!("{plain}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(plain).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_segments_are_left_out_and_nothing_else_is_changed() {
        for (given, plain) in [
            ("//v1/models", "/v1/models"),
            ("/v1//chat///completions/", "/v1/chat/completions"),
            ("/v1/models/?limit=1//", "/v1/models?limit=1//"),
            ("/v1/models/a%2Fb/", "/v1/models/a%2Fb"),
            ("//", "/"),
            ("http://localhost:1//v1/", "http://localhost:1/v1"),
        ] {
            let uri = given.parse().expect("an address");
            assert_eq!(plain_uri(&uri).map(|uri| uri.to_string()).as_deref(), Some(plain));
        }
        for given in ["/", "/v1/models", "/v1/models?a=//", "*", "http://localhost:1/v1"] {
            assert_eq!(plain_uri(&given.parse().expect("an address")), None, "{given}");
        }
    }
}
