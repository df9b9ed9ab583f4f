//! Granted endpoints: method, and path below the base URL.
//!
//! Paths are compared as text, without decoding or normalization: a path that a server might read differently
//! (`..`, `%2e`, `//`, `\`, an encoded slash, path parameters) is never allowed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One kind of request that a plugin may send.
///
/// ```
/// use model_provider_host::GrantedEndpoint;
///
/// assert_eq!(GrantedEndpoint::new("get", "models").to_string(), "GET /models");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantedEndpoint {
    /// The method: `GET`.
    pub method: String,
    /// Below the base URL, beginning with `/`. Includes subpaths, by whole segments; `/` is everything.
    pub path: String,
}

impl GrantedEndpoint {
    /// This method below this path.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let slash = if path.starts_with('/') { "" } else { "/" };
        Self {
            method: method.to_ascii_uppercase(),
            path: format!("{slash}{path}"),
        }
    }

    /// Whether this endpoint allows everything that `other` needs.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let [mine, others] = [self, other].map(|one| one.path.trim_end_matches('/'));
        self.method == other.method && is_plain(mine) && below(others, mine).is_some_and(is_plain)
    }
}

impl fmt::Display for GrantedEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Endpoints as text.
pub fn words(endpoints: &[GrantedEndpoint]) -> String {
    if endpoints.is_empty() {
        return "none".to_owned();
    }
    let each: Vec<_> = endpoints.iter().map(GrantedEndpoint::to_string).collect();
    each.join(", ")
}

/// The allowed requests to one origin.
///
/// ```
/// use model_provider_host::{AllowedEndpoints, GrantedEndpoint};
///
/// let allowed = AllowedEndpoints::new("/v1", Some(vec![GrantedEndpoint::new("GET", "/models")]));
/// assert!(allowed.allow("GET", "/v1/models/a/b"));
/// assert!(!allowed.allow("POST", "/v1/models"));
/// assert!(!allowed.allow("GET", "/v1/models/../keys"));
/// ```
#[derive(Clone, Debug)]
pub struct AllowedEndpoints {
    /// The base URL's path, without a slash at its end.
    base: String,
    /// `None`: all paths below the base.
    endpoints: Option<Vec<GrantedEndpoint>>,
}

impl AllowedEndpoints {
    /// Below a base URL's path: these endpoints, or all.
    #[must_use]
    pub fn new(base: &str, endpoints: Option<Vec<GrantedEndpoint>>) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { base, endpoints }
    }

    /// Whether a request for this path, without its query, is allowed.
    #[must_use]
    pub fn allow(&self, method: &str, path: &str) -> bool {
        let Some(rest) = below(path, &self.base) else {
            return false;
        };
        let matches = |one: &GrantedEndpoint| {
            let prefix = one.path.trim_end_matches('/');
            one.method == method && is_plain(prefix) && below(rest, prefix).is_some()
        };
        is_plain(rest) && self.endpoints.as_ref().is_none_or(|all| all.iter().any(matches))
    }
}

impl fmt::Display for AllowedEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(endpoints) = &self.endpoints else {
            return write!(f, "what lies below {}/", self.base);
        };
        let at_base =
            |one: &GrantedEndpoint| GrantedEndpoint::new(&one.method, &format!("{}{}", self.base, one.path));
        f.write_str(&words(&endpoints.iter().map(at_base).collect::<Vec<_>>()))
    }
}

/// The rest of a path after a prefix of whole segments.
fn below<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Whether every server reads a path as written: segments separated by `/`, none of them `.`, `..` or empty (but
/// for a trailing slash), made of letters, digits, unreserved punctuation, and percent-encoded bytes that need
/// encoding.
fn is_plain(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else {
        return path.is_empty();
    };
    let mut segments = segments.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if (segment.is_empty() && !is_last) || !is_plain_segment(segment) {
            return false;
        }
    }
    true
}

fn is_plain_segment(segment: &str) -> bool {
    if segment.starts_with('.') && segment.trim_start_matches('.').is_empty() {
        return false;
    }
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => encoded(bytes.next(), bytes.next()).is_some_and(needs_encoding),
            _ => byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,=".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

fn encoded(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high?)? * 16 + digit(low?)?).ok()
}

/// Whether a byte has no special meaning in a path and can appear only percent-encoded.
fn needs_encoding(byte: u8) -> bool {
    byte >= 0x80 || b" \"<>[]^`{|}".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> AllowedEndpoints {
        let endpoints = vec![
            GrantedEndpoint::new("GET", "/models"),
            GrantedEndpoint::new("post", "chat/completions"),
        ];
        AllowedEndpoints::new("/v1/", Some(endpoints))
    }

    #[test]
    fn what_is_granted_is_allowed_with_what_lies_below_it() {
        for (method, path) in [
            ("GET", "/v1/models"),
            ("GET", "/v1/models/"),
            ("GET", "/v1/models/a/b-1.5_x~y:z@w"),
            ("GET", "/v1/models/caf%C3%A9%20x"),
            ("POST", "/v1/chat/completions"),
        ] {
            assert!(allowed().allow(method, path), "{method} {path}");
        }
    }

    #[test]
    fn whatever_a_server_may_read_in_another_way_is_not_allowed() {
        for path in [
            "",
            "/",
            "*",
            "/v1",
            "/v1/",
            "/v1/other",
            "/v1/modelsx",
            "/v1/model",
            "/V1/models",
            "/v1/Models",
            "/v1/MODELS",
            "/models",
            "//v1/models",
            "/v1//models",
            "/v1/models//x",
            "/v1/./models",
            "/v1/models/.",
            "/v1/models/..",
            "/v1/models/../other",
            "/v1/models/.../x",
            "/v1/models/%2e%2e/other",
            "/v1/models/%2E%2e/other",
            "/v1/models/.%2e/other",
            "/v1/models/..%2fother",
            "/v1/models/..%2Fother",
            "/v1/models%2fx",
            "/v1%2fmodels",
            "/v1/models/..%5cother",
            "/v1/models/..\\other",
            "/v1/models\\..\\other",
            "/v1/models/%252e%252e/other",
            "/v1/models/..;/other",
            "/v1/models;x=1",
            "/v1/%6dodels",
            "/v1/models/%6d",
            "/v1/models/%00",
            "/v1/models/%0a",
            "/v1/models/%3f",
            "/v1/models/%23",
            "/v1/models/%",
            "/v1/models/%4",
            "/v1/models/%zz",
            "/v1/models/é",
            "/v1/models/ x",
            "/v1/chat/completions",
        ] {
            assert!(!allowed().allow("GET", path), "{path}");
        }
        for method in ["HEAD", "PUT", "DELETE", "POST", "get", "OPTIONS"] {
            assert!(!allowed().allow(method, "/v1/models"), "{method}");
        }
        assert!(!AllowedEndpoints::new("/v1", Some(Vec::new())).allow("GET", "/v1/models"));
    }

    #[test]
    fn without_endpoints_every_path_below_the_base_is_allowed_and_no_other() {
        let all = AllowedEndpoints::new("/team/a", None);
        for path in ["/team/a", "/team/a/", "/team/a/x/y"] {
            assert!(all.allow("DELETE", path), "{path}");
        }
        for path in ["/team/ab", "/team/a/../b", "/team", "/"] {
            assert!(!all.allow("GET", path), "{path}");
        }
        assert!(AllowedEndpoints::new("/", None).allow("GET", "/"));
    }

    #[test]
    fn an_endpoint_covers_its_own_path_and_what_lies_below() {
        let models = GrantedEndpoint::new("GET", "/models");
        for (path, covered) in [
            ("/models", true),
            ("/models/", true),
            ("/models/x", true),
            ("/modelsx", false),
            ("/", false),
            ("/models/../x", false),
        ] {
            assert_eq!(
                models.covers(&GrantedEndpoint::new("GET", path)),
                covered,
                "{path}"
            );
        }
        assert!(!models.covers(&GrantedEndpoint::new("POST", "/models")));
        assert!(GrantedEndpoint::new("GET", "/").covers(&models));
        let odd = GrantedEndpoint::new("GET", "/models/..");
        assert!(!odd.covers(&odd) && !AllowedEndpoints::new("", Some(vec![odd])).allow("GET", "/models/.."));
    }
}
