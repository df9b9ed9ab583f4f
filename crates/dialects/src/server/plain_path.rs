//! Path normalization: `//v1/models/` is `/v1/models`, and `%63hat` is `chat`.
//!
//! For base URLs with a trailing slash, and clients that encode more than necessary.

use std::borrow::Cow;

use http::{Uri, uri::PathAndQuery};

/// The same URI with a normalized path: no empty segments and no needless escapes. `None` if it is normalized already,
/// which most are.
pub fn plain_uri(uri: &Uri) -> Option<Uri> {
    let path = without_escapes(uri.path());
    let is_plain = !path.contains("//") && (path.len() <= 1 || !path.ends_with('/'));
    let is_same = matches!(path, Cow::Borrowed(_));
    if is_plain && is_same || !path.starts_with('/') {
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

/// Decodes unreserved characters (RFC 3986, 6.2.2.2). All other escapes have a meaning: `%2F` is part of a name.
fn without_escapes(path: &str) -> Cow<'_, str> {
    let mut plain = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        let unreserved = escape.get(1..3).and_then(unreserved);
        let (shown, after) = match unreserved {
            Some(_) => ("", 3),
            None => ("%", 1),
        };
        plain.push_str(before);
        plain.push_str(shown);
        plain.extend(unreserved);
        rest = &escape[after..];
    }
    plain.push_str(rest);
    if plain == path {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(plain)
    }
}

/// The unreserved character of these two digits.
fn unreserved(digits: &str) -> Option<char> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    is_unreserved.then_some(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_segments_and_needless_escapes_are_left_out_and_nothing_else_is_changed() {
        for (given, plain) in [
            ("//v1/models", "/v1/models"),
            ("/v1//chat///completions/", "/v1/chat/completions"),
            ("/v1/models/?limit=1//", "/v1/models?limit=1//"),
            ("/v1/models/a%2Fb/", "/v1/models/a%2Fb"),
            ("/v1/%63hat/completion%73", "/v1/chat/completions"),
            ("/v1/models/org%2Fname%2d1%25", "/v1/models/org%2Fname-1%25"),
            ("//", "/"),
            ("http://localhost:1//v1/", "http://localhost:1/v1"),
        ] {
            let uri = given.parse().expect("an address");
            assert_eq!(plain_uri(&uri).map(|uri| uri.to_string()).as_deref(), Some(plain));
        }
        for given in [
            "/",
            "/v1/models",
            "/v1/models?a=//",
            "/v1/models/a%2Fb%25",
            "/v1/%+1",
            "*",
            "http://localhost:1/v1",
        ] {
            assert_eq!(plain_uri(&given.parse().expect("an address")), None, "{given}");
        }
    }
}
