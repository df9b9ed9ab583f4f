//! Headers at the edge: which ones no guest may set or see, and those that the host adds itself.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error as HttpError};

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

/// Refuses an answer that is not as it is: a secret in it could not be found. Neither was asked for; HTTP/1 knows a
/// second place where a body can be compressed.
pub(super) fn check_codings(headers: &HeaderMap, scrubber: &Scrubber) -> Result<(), HttpError> {
    let unasked = |name: HeaderName, usual: &[&str]| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap_or("?")).collect();
        let codings = values.iter().flat_map(|value| value.split(','));
        let mut codings = codings.map(str::trim).filter(|coding| !coding.is_empty());
        // The server's own word, which may be anything.
        let is_usual = |coding: &str| usual.iter().any(|usual| coding.eq_ignore_ascii_case(usual));
        codings
            .find(|coding| !is_usual(coding))
            .map(|coding| scrubber.text(coding))
    };
    if let Some(coding) = unasked(header::CONTENT_ENCODING, &["identity"]) {
        return Err(HttpError::HttpResponseContentCoding(Some(coding)));
    }
    match unasked(header::TRANSFER_ENCODING, &["identity", "chunked"]) {
        Some(coding) => Err(HttpError::HttpResponseTransferCoding(Some(coding))),
        None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: HeaderName, value: &str) -> Option<HttpError> {
        let scrubber = Scrubber::new([&Secret::new("a-very-secret-token").unwrap()]);
        let mut headers = HeaderMap::new();
        headers.append(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
        headers.append(name, value.parse().unwrap());
        check_codings(&headers, &scrubber).err()
    }

    #[test]
    fn an_answer_that_cannot_be_searched_is_refused_wherever_that_is_said() {
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
    fn the_name_of_a_coding_tells_the_guest_no_secret() {
        for name in [header::CONTENT_ENCODING, header::TRANSFER_ENCODING] {
            let error = format!("{:?}", refused(name, "x-a-very-secret-token"));
            assert!(!error.contains("secret") && error.contains("*****"), "{error}");
        }
    }
}
