//! Artifact references: `oci://HOST[:PORT]/REPOSITORY`, then `:TAG`, `@sha256:…` or both.
//!
//! There are no defaults: a reference names its registry and its version, so that it is unambiguous. With a digest,
//! the tag is informative only.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    error::{Error, ErrorKind, Result, shown},
};

/// The scheme of a reference.
pub const SCHEME: &str = "oci://";

/// The name of an artifact in a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// `HOST[:PORT]`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path below the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if it names one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest, if it names one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// `HOST[:PORT]/REPOSITORY`: what a policy allows.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same artifact, by this digest only.
    #[must_use]
    pub fn at(&self, digest: &Digest) -> Self {
        Self {
            tag: None,
            digest: Some(digest.clone()),
            ..self.clone()
        }
    }

    /// The same repository with another tag.
    pub(crate) fn tagged(&self, tag: String) -> Self {
        Self {
            tag: Some(tag),
            digest: None,
            ..self.clone()
        }
    }

    /// The manifest's identifier in requests: the digest if there is one.
    pub(crate) fn version(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "",
        }
    }

    /// Whether the registry is on this machine, where plain HTTP is used.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.registry)
    }
}

/// The first part of a reference and what follows, if that part is no registry: a namespace, if there is one of that name.
pub(crate) fn namespace(text: &str) -> Option<(&str, &str)> {
    let (first, rest) = text.strip_prefix(SCHEME)?.split_once('/')?;
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c);
    let is_name = !first.is_empty() && first != "localhost" && first.bytes().all(is_plain);
    is_name.then_some((first, rest))
}

/// Whether `HOST[:PORT]` is this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let failure = |what: &str| {
            let message = format!("invalid plugin reference \"{}\": {what}", shown(text));
            Error::new(ErrorKind::Reference, message)
                .hint("write oci://HOST/REPOSITORY:TAG, or @sha256:… in place of the tag")
        };
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| failure("expected oci:// at its beginning"))?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest.parse().map_err(|error: Error| failure(error.message()))?;
                (rest, Some(digest))
            }
            None => (rest, None),
        };
        let (registry, path) = rest
            .split_once('/')
            .ok_or_else(|| failure("expected a registry, `/` and a repository"))?;
        if !is_registry(registry) {
            return Err(failure(
                "expected a registry such as ghcr.io, registry.example:5000 or 127.0.0.1:5000 before the first `/`",
            ));
        }
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !is_repository(repository) {
            return Err(failure(
                "expected a repository of lower-case letters, digits, `.`, `_`, `-` and `/`",
            ));
        }
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            return Err(failure(
                "expected a tag of at most 128 letters, digits, `.`, `_` and `-`",
            ));
        }
        if tag.is_none() && digest.is_none() {
            return Err(failure("expected a tag or a digest; there is no default version"));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

/// A name with a dot, a port, or this machine; anything else could be the first path segment at some default
/// registry.
fn is_registry(text: &str) -> bool {
    let named = text.contains('.') || text.contains(':') || text == "localhost";
    // Parsed as a URL, so that no other host can hide in it.
    let url = url::Url::parse(&format!("https://{text}/"));
    named
        && url.is_ok_and(|url| {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let is_default = text.ends_with(":443") && url.port().is_none();
            let port = if is_default { ":443".to_owned() } else { port };
            url.host_str().map(|host| format!("{host}{port}")).as_deref() == Some(text)
        })
}

fn is_repository(text: &str) -> bool {
    let is_part = |part: &str| {
        let edge = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let bytes = part.as_bytes();
        edge(bytes.first().copied())
            && edge(bytes.last().copied())
            && part
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c))
            && !part.contains("..")
    };
    text.len() <= 255 && text.split('/').all(is_part)
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|c| is_word(c) || c == b'.' || c == b'-')
}

impl TryFrom<String> for Reference {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        let digest = Digest::of(b"x");
        for text in [
            "oci://ghcr.io/openclaw/huggingface-provider:0.2.0".to_owned(),
            "oci://127.0.0.1:5000/a/b:1".to_owned(),
            "oci://[::1]:5000/a:1".to_owned(),
            "oci://localhost/a:x_Y-1.2".to_owned(),
            format!("oci://registry.example/a@{digest}"),
            format!("oci://registry.example/a:1@{digest}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_form_that_it_should_have() {
        for text in [
            "",
            "ghcr.io/a/b:1",
            "oci://",
            "oci://a/b:1",
            "oci://ghcr.io/a",
            "oci://ghcr.io/:1",
            "oci://ghcr.io/A:1",
            "oci://ghcr.io/a/../b:1",
            "oci://ghcr.io/a//b:1",
            "oci://ghcr.io/a:",
            "oci://ghcr.io/a:1@sha256:00",
            "oci://ghcr.io/a:b c",
            "oci://user:password@ghcr.io/a:1",
            "oci://ghcr.io\\@evil.example/a:1",
            "oci://ghcr.io#/a:1",
            "oci://GHCR.io/a:1",
            "oci://0x7f.1/a:1",
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Reference, "{text}");
            assert!(
                error.fix().unwrap().contains("oci://HOST/REPOSITORY:TAG"),
                "{text}"
            );
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (authority, expected) in [
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("localhost", true),
            ("10.0.0.1:5000", false),
            ("localhost.example:1", false),
            ("ghcr.io", false),
        ] {
            assert_eq!(is_loopback(authority), expected, "{authority}");
        }
    }
}
