//! Headers at the edge: which ones no guest may set or see, and those that the host adds itself.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

use super::{Scrubber, Secret};
use crate::error::{Error, Kind, Result};

/// The headers that the host adds: the operator's, and the one with the credential.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnHeaders(Vec<(HeaderName, HeaderValue)>);

impl OwnHeaders {
    /// Adds the header that carries a credential.
    pub(super) fn credential(&mut self, name: &str, prefix: &str, secret: &Secret) -> Result<()> {
        let name = header_name(name)?;
        let text = zeroize::Zeroizing::new(format!("{prefix}{}", secret.expose()));
        let value = HeaderValue::from_str(&text).map_err(|_| {
            Error::new(
                Kind::Configuration,
                "the credential has characters that a header cannot carry",
            )
            .with_hint("copy it again; it is plain text without spaces or line breaks")
        })?;
        self.add(name, value);
        Ok(())
    }

    /// Adds a header of the operator's.
    pub(super) fn operators(&mut self, name: &str, value: &Secret) -> Result<()> {
        let parsed = HeaderValue::from_str(value.expose()).map_err(|_| {
            Error::new(
                Kind::Configuration,
                format!("the value of the configured header `{name}` cannot be sent"),
            )
            .with_hint("a header's value is plain text without line breaks")
        })?;
        self.add(header_name(name)?, parsed);
        Ok(())
    }

    fn add(&mut self, name: HeaderName, mut value: HeaderValue) {
        value.set_sensitive(true);
        self.0.push((name, value));
    }

    /// Puts them in place of whatever is there. The last one of a name counts.
    pub(super) fn write_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Whether no guest may set this header, and no answer hands it to one.
    pub(super) fn forbid(&self, name: &HeaderName) -> bool {
        is_forbidden(name) || self.0.iter().any(|(own, _)| own == name)
    }
}

/// The same without an edge: what belongs to the connection, or to the credential.
pub(super) fn is_forbidden(name: &HeaderName) -> bool {
    let sensitive = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        // What comes back has to be searched for secrets, so it has to come as it is.
        header::ACCEPT_ENCODING,
    ];
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || sensitive.contains(name)
        || name.as_str().starts_with("proxy-")
}

/// What a guest gets to see of an answer's headers.
pub(super) fn clean(headers: &mut HeaderMap, own: &OwnHeaders, scrubber: &Scrubber) {
    let hide = |name: &&HeaderName| own.forbid(name) || scrubber.finds(name.as_str().as_bytes());
    let hidden: Vec<_> = headers.keys().filter(hide).cloned().collect();
    for name in hidden {
        headers.remove(name);
    }
    for value in headers.values_mut() {
        if scrubber.finds(value.as_bytes()) {
            let text = scrubber.text(&String::from_utf8_lossy(value.as_bytes()));
            *value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("*"));
        }
    }
}

/// The coding of an answer that is not as it is.
pub(super) fn unasked_coding(headers: &HeaderMap) -> Option<String> {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = codings.map(|value| value.to_str().unwrap_or("?").trim());
    let unasked = codings.find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    unasked.map(str::to_owned)
}

fn header_name(name: &str) -> Result<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::new(Kind::Configuration, format!("`{name}` is no header name")))?;
    if DEFAULT_FORBIDDEN_HEADERS.contains(&parsed) {
        return Err(Error::new(
            Kind::Configuration,
            format!("the header `{name}` belongs to the connection"),
        ));
    }
    Ok(parsed)
}
