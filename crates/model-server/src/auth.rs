//! Access control: programs of this machine, or clients with the access key. Never a web page.
//!
//! A browser lets any page send requests to this machine, and with DNS rebinding even read the responses. So a
//! server on loopback accepts only loopback names and those that the operator allows, and no request of a foreign
//! origin, unless the operator allows that origin.

use std::{borrow::Cow, net::SocketAddr, sync::Arc};

use axum::extract::Request;
use http::{StatusCode, header};
use subtle::Choice;

use super::{
    AccessKey, AccessKeys, KeyDigest, ServePolicy, account::Caller, key_digest::without_keys,
    ledger_file::now,
};
use dialects::{
    api_error::ApiError,
    ending::RequestNotes,
    server::{
        access::{SHORTEST_KEY, authority, is_loopback, is_of, is_valid_key, presented_keys},
        refusals::{not_allowed, wrong_key},
    },
};
use model_provider_host::{Error, ErrorKind, Result, Secret, contract::Summary, redact::Redactor};

/// Which clients are accepted. The default is for loopback, without a key.
///
/// ```
/// use model_provider_host::Secret;
/// use model_server::Access;
///
/// let everywhere = "0.0.0.0:8080".parse()?;
/// assert!(Access::new(everywhere, None).is_err()); // other machines could use the credential
/// let key = Secret::new("0123456789abcdef0123456789abcdef");
/// assert!(Access::new(everywhere, key.as_ref()).is_ok());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Default)]
pub struct Access {
    /// The digest of the key, so that a comparison leaks nothing, not even its length.
    key: Option<KeyDigest>,
    /// Named keys.
    keys: Option<Arc<AccessKeys>>,
    /// Redacts the key where a client sent it in the wrong place.
    redaction: Option<Redactor>,
    /// Whether clients may use other host names than loopback's.
    by_any_name: bool,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("key", &self.key.map(|_| "…"))
            .field("keys", &self.keys)
            .field("by_any_name", &self.by_any_name)
            .finish()
    }
}

impl Access {
    /// An access policy for a server that listens on this address.
    ///
    /// # Errors
    /// `configuration` if other machines can reach the address and there is no key, or for a key that is too short
    /// or that no header can carry.
    pub fn new(address: SocketAddr, key: Option<&Secret>) -> Result<Self> {
        let Some(key) = key else {
            let open = Self::default();
            open.suits(address)?;
            return Ok(open);
        };
        let redaction = Redactor::new(Some(key), []);
        let key = key.expose();
        if !is_valid_key(key) {
            let message = format!("an access key has at least {SHORTEST_KEY} visible ASCII characters");
            return Err(
                Error::new(ErrorKind::Configuration, message).with_hint("make one: `openssl rand -hex 32`")
            );
        }
        Ok(Self {
            key: Some(KeyDigest::of(key)),
            keys: None,
            redaction: Some(redaction),
            by_any_name: !is_own(address),
        })
    }

    /// The same for keys with names, beside the server's own key if there is one.
    ///
    /// # Errors
    /// As of [`new`](Self::new), but that the keys are enough.
    pub fn with_keys(address: SocketAddr, key: Option<&Secret>, keys: AccessKeys) -> Result<Self> {
        let own = match key {
            Some(_) => Self::new(address, key)?,
            None => Self::default(),
        };
        Ok(Self {
            keys: Some(Arc::new(keys)),
            by_any_name: !is_own(address),
            ..own
        })
    }

    /// Whether it is sufficient for a server that listens on this address.
    pub(super) fn suits(&self, address: SocketAddr) -> Result<()> {
        if self.is_locked() || is_own(address) {
            return Ok(());
        }
        let message = format!("{address} can be reached from other machines, and no access key is set");
        Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("set an access key or a file of them, or listen on 127.0.0.1"))
    }

    /// Whether clients need a key.
    pub(super) fn is_locked(&self) -> bool {
        self.key.is_some() || self.keys.is_some()
    }

    /// Redacts the key in a client's text: in the path, a model's name, or a request id, which the response and the
    /// log repeat.
    pub(super) fn redacted(&self, text: &str) -> String {
        if !self.is_locked() {
            return text.to_owned();
        }
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        let text = match &self.keys {
            Some(_) if without_keys(&decoded) != decoded && without_keys(text) == text => {
                without_keys(&decoded)
            }
            Some(_) => without_keys(text),
            None => text.to_owned(),
        };
        let Some(redaction) = &self.redaction else {
            return text;
        };
        // The key may be encoded in an unusual form, such as each letter percent-encoded.
        if redaction.finds(decoded.as_bytes()) && !redaction.finds(text.as_bytes()) {
            return redaction.own(&without_keys(&decoded));
        }
        redaction.own(&text)
    }

    /// Redacts the key in an error, which may repeat what a client sent, such as the name of a tool.
    pub(super) fn redacted_error(&self, mut error: ApiError) -> ApiError {
        if self.is_locked() {
            error.map_texts(&|text| self.redacted(text));
        }
        error
    }

    /// Redacts the key in the summary of a response: a warning may repeat what a client sent.
    pub(super) fn redacted_summary<'s>(&self, summary: &'s Summary) -> Cow<'s, Summary> {
        if !self.is_locked() || summary.warnings.is_empty() {
            return Cow::Borrowed(summary);
        }
        let mut summary = summary.clone();
        for warning in &mut summary.warnings {
            warning.message = self.redacted(&warning.message);
        }
        Cow::Owned(summary)
    }

    /// Redacts the key in the notes of a reply: they may name what a client sent.
    pub(super) fn redact_notes(&self, notes: &mut RequestNotes) {
        if self.is_locked() {
            notes.redact(|text| self.redacted(text));
        }
    }

    /// Checks a request, and identifies its caller.
    #[allow(clippy::result_large_err, reason = "an error is made once a request")]
    pub(super) fn check(&self, request: &Request, policy: &ServePolicy) -> Result<Caller, Refused> {
        let (headers, uri) = (request.headers(), request.uri());
        let Some(name) = authority(headers, uri) else {
            return Err(refused(StatusCode::BAD_REQUEST, "the request names no host"));
        };
        if !self.by_any_name && !is_loopback(name.host()) && !policy.allows_host(name.host()) {
            let message = "this server answers to the names of this machine only (localhost, 127.0.0.1, [::1]); \
                           `serve-allowed-hosts` adds others";
            return Err(refused(StatusCode::FORBIDDEN, message));
        }
        if let Some(origin) = headers.get(header::ORIGIN)
            && !is_of(origin.as_bytes(), &name)
            && !policy.allows_origin(origin.as_bytes())
        {
            let message =
                "web pages may not use this server; `serve-allowed-origins` adds the origin of an app";
            return Err(refused(StatusCode::FORBIDDEN, message));
        }
        // Probes have no key, and learn nothing else.
        if super::health::is_probe(uri.path()) || !self.is_locked() {
            return Ok(Caller::Operator);
        }
        self.caller(&presented_keys(headers).map(KeyDigest::of))
    }

    /// Identifies the caller by the given keys. All keys are compared, so that the time leaks nothing; a disabled or
    /// expired key gets the same response as an unknown one.
    #[allow(clippy::result_large_err, reason = "an error is made once a request")]
    fn caller(&self, shown: &[KeyDigest]) -> Result<Caller, Refused> {
        let is_own = self.key.map_or(Choice::from(0), |own| {
            let equal = shown.iter().map(|shown| own.ct_eq(shown));
            equal.fold(Choice::from(0), |any, equal| any | equal)
        });
        let named = self.keys.as_ref().and_then(|keys| keys.find(shown)).cloned();
        let refusal = named.as_ref().and_then(|key| key.refusal(now()));
        match (named, refusal) {
            _ if is_own.into() => Ok(Caller::Operator),
            (Some(key), None) => Ok(Caller::Key(key)),
            (key, reason) => Err(Refused {
                error: wrong_key(),
                key,
                reason: reason.unwrap_or("unknown-key"),
            }),
        }
    }
}

/// A request that is denied access.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) error: ApiError,
    /// The key that it was sent with, if known: for the operator, not for the client.
    pub(super) key: Option<Arc<AccessKey>>,
    /// For metrics and the audit log.
    pub(super) reason: &'static str,
}

fn is_own(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn refused(status: StatusCode, message: &str) -> Refused {
    Refused {
        error: not_allowed(status, message),
        key: None,
        reason: "address",
    }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
