//! Access control: programs of this machine, or clients with the access key. Never a web page.
//!
//! A browser lets any page send requests to this machine, and with DNS rebinding even read the responses. So a
//! server on loopback accepts only loopback names and those that the operator allows, and no request of a foreign
//! origin, unless the operator allows that origin.

use std::{borrow::Cow, net::SocketAddr};

use axum::extract::Request;
use http::{StatusCode, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::ServePolicy;
use dialects::{
    ending::Notes,
    fault::Fault,
    server::{
        access::{SHORTEST_KEY, authority, is_good_key, is_loopback, is_of, shown_keys},
        refusals::{not_allowed, wrong_key},
    },
};
use model_provider_host::{Error, Kind, Result, Secret, contract::Summary, redact::Redactor};

/// Who may ask. The default is for loopback, without a key.
#[derive(Clone, Default)]
pub struct Access {
    /// The digest of the key, so that a comparison leaks nothing, not even its length.
    key: Option<[u8; 32]>,
    /// Redacts the key where a client sent it in the wrong place.
    redaction: Option<Redactor>,
    /// Whether clients may use other host names than loopback's.
    by_any_name: bool,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("key", &self.key.map(|_| "…"))
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
        if !is_good_key(key) {
            let message = format!("an access key has at least {SHORTEST_KEY} visible ASCII characters");
            return Err(
                Error::new(Kind::Configuration, message).with_hint("make one: `openssl rand -hex 32`")
            );
        }
        Ok(Self {
            key: Some(Sha256::digest(key).into()),
            redaction: Some(redaction),
            by_any_name: !is_own(address),
        })
    }

    /// Whether it is sufficient for a server that listens on this address.
    pub(super) fn suits(&self, address: SocketAddr) -> Result<()> {
        if self.key.is_some() || is_own(address) {
            return Ok(());
        }
        let message = format!("{address} can be reached from other machines, and no access key is set");
        Err(Error::new(Kind::Configuration, message).with_hint(
            "name one with `--access-key-env VARIABLE` or `--access-key-file FILE`, or listen on 127.0.0.1",
        ))
    }

    /// Whether a text is the key.
    pub(super) fn is_key(&self, text: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(text).into();
        self.key.is_some_and(|key| key.ct_eq(&digest).into())
    }

    /// Redacts the key in a client's text: in the path, a model's name, or a request id, which the response and the
    /// log repeat.
    pub(super) fn redacted(&self, text: &str) -> String {
        let Some(redaction) = &self.redaction else {
            return text.to_owned();
        };
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        // The key may be encoded in an unusual form, such as each letter percent-encoded.
        if redaction.finds(decoded.as_bytes()) && !redaction.finds(text.as_bytes()) {
            return redaction.own(&decoded);
        }
        redaction.own(text)
    }

    /// Redacts the key in an error, which may repeat what a client sent, such as the name of a tool.
    pub(super) fn redacted_fault(&self, mut fault: Fault) -> Fault {
        if self.redaction.is_some() {
            fault.map_texts(&|text| self.redacted(text));
        }
        fault
    }

    /// Redacts the key in the summary of a response: a warning may repeat what a client sent.
    pub(super) fn redacted_summary<'s>(&self, summary: &'s Summary) -> Cow<'s, Summary> {
        if self.redaction.is_none() || summary.warnings.is_empty() {
            return Cow::Borrowed(summary);
        }
        let mut summary = summary.clone();
        for warning in &mut summary.warnings {
            warning.message = self.redacted(&warning.message);
        }
        Cow::Owned(summary)
    }

    /// Redacts the key in the notes of a reply: they may name what a client sent.
    pub(super) fn redact_notes(&self, notes: &mut Notes) {
        if self.redaction.is_some() {
            notes.redact(|text| self.redacted(text));
        }
    }

    #[allow(clippy::result_large_err, reason = "a fault is made once a request")]
    pub(super) fn check(&self, request: &Request, policy: &ServePolicy) -> Result<(), Fault> {
        let (headers, uri) = (request.headers(), request.uri());
        let Some(name) = authority(headers, uri) else {
            return Err(not_allowed(StatusCode::BAD_REQUEST, "the request names no host"));
        };
        if !self.by_any_name && !is_loopback(name.host()) && !policy.allows_host(name.host()) {
            let message = "this server answers to the names of this machine only (localhost, 127.0.0.1, [::1]); \
                           `serve-allowed-hosts` adds others";
            return Err(not_allowed(StatusCode::FORBIDDEN, message));
        }
        if let Some(origin) = headers.get(header::ORIGIN)
            && !is_of(origin.as_bytes(), &name)
            && !policy.allows_origin(origin.as_bytes())
        {
            let message =
                "web pages may not use this server; `serve-allowed-origins` adds the origin of an app";
            return Err(not_allowed(StatusCode::FORBIDDEN, message));
        }
        // Liveness probes have no key, and learn nothing else.
        if uri.path() == super::health::HEALTH {
            return Ok(());
        }
        if self.key.is_some() && !shown_keys(headers).iter().any(|key| self.is_key(key)) {
            return Err(wrong_key());
        }
        Ok(())
    }
}

fn is_own(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        name: String,
        #[serde(default = "loopback")]
        listen: SocketAddr,
        key: Option<String>,
        #[serde(default = "health")]
        path: String,
        #[serde(default)]
        settings: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        status: Option<u16>,
    }

    fn loopback() -> SocketAddr {
        ([127, 0, 0, 1], 80).into()
    }

    fn health() -> String {
        "/v1/models".to_owned()
    }

    #[test]
    fn only_programs_of_this_machine_and_clients_with_the_key_have_access() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../tests/cases/server-access.json")).expect("the cases");
        for case in cases {
            let key = case.key.as_deref().and_then(Secret::new);
            let access = Access::new(case.listen, key.as_ref()).expect("a good address and key");
            let mut policy = ServePolicy::default();
            for (name, value) in &case.settings {
                policy.set(name, value).expect("a setting");
            }
            let mut request = Request::builder().uri(&case.path);
            for (name, value) in &case.headers {
                request = request.header(name, value);
            }
            let request = request.body(Body::empty()).expect("a request");
            let status = access
                .check(&request, &policy)
                .err()
                .map(|fault| fault.status.as_u16());
            assert_eq!(status, case.status, "{}", case.name);
        }
    }

    #[test]
    fn an_address_that_other_machines_reach_needs_a_strong_key() {
        let key = Secret::new("0123456789abcdef");
        for open in ["0.0.0.0:1", "[::]:1", "192.168.0.2:1", "10.0.0.1:1"] {
            let address = open.parse().expect("an address");
            let error = Access::new(address, None).expect_err("other machines reach it");
            assert_eq!(error.kind(), Kind::Configuration);
            assert!(Access::new(address, key.as_ref()).is_ok());
        }
        for own in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1"] {
            assert!(Access::new(own.parse().expect("an address"), None).is_ok());
        }
        for bad in ["short", "fifteen-letters", "sixteen letters ok?"] {
            let error = Access::new(loopback(), Secret::new(bad).as_ref()).expect_err("too weak");
            assert!(!error.to_string().contains(bad), "{error}");
        }
        let access = Access::new(loopback(), key.as_ref()).expect("a key");
        assert!(!format!("{access:?}").contains("0123"));
        for (given, told) in [
            ("/v1/models/0123456789abcdef", "/v1/models/****************"),
            ("/x%300123456789abcdef", "/x%30****************"),
            ("/%30123456789abcde%66/y", "/****************/y"),
            ("org/model", "org/model"),
        ] {
            assert_eq!(access.redacted(given), told);
        }
        assert_eq!(Access::default().redacted("0123456789abcdef"), "0123456789abcdef");
    }
    #[test]
    fn no_error_repeats_the_key_anywhere() {
        let key = "0123456789abcdef";
        let access = Access::new(loopback(), Secret::new(key).as_ref()).expect("a key");
        let mut fault = Fault::new(
            StatusCode::BAD_REQUEST,
            "t",
            "c",
            &format!("tool_choice {key} names none"),
        );
        let trail = serde_json::json!([{ "reason": format!("no {key}") }]);
        fault.others.insert("trail".to_owned(), trail);
        let fault = access.redacted_fault(fault.about(&format!("tools.{key}")));
        assert!(!fault.members().to_string().contains(key), "{fault:?}");
        assert_eq!(fault.message, "tool_choice **************** names none");
    }

    #[test]
    fn no_warning_of_a_good_response_repeats_the_key() {
        let key = "0123456789abcdef";
        let access = Access::new(loopback(), Secret::new(key).as_ref()).expect("a key");
        let warning = model_provider_host::contract::Warning {
            code: "left-out".to_owned(),
            message: format!("`{key}` was left out"),
        };
        let summary = Summary {
            finish_reason: model_provider_host::contract::FinishReason::Stop,
            raw_finish_reason: None,
            usage: model_provider_host::contract::Usage {
                input_tokens: None,
                cached_input_tokens: None,
                output_tokens: None,
                reasoning_tokens: None,
            },
            model: "x/a/b".to_owned(),
            backend: None,
            request_id: None,
            attempts: 1,
            warnings: vec![warning],
            extras: Vec::new(),
        };
        let told = access.redacted_summary(&summary);
        assert_eq!(told.warnings[0].message, "`****************` was left out");
        let mut notes = Notes {
            left_out: vec!["x".to_owned(), format!("tool_choice.{key}")],
            ..Notes::default()
        };
        notes.warn("left-out", format!("`{key}`"));
        access.redact_notes(&mut notes);
        assert_eq!(notes.left_out, ["x", "tool_choice.****************"]);
        assert_eq!(notes.warnings[0].message, "`****************`");
        let open = Access::default();
        assert_eq!(open.redacted_summary(&summary).warnings, summary.warnings);
    }
}
