//! Access: clients with the key; without a key, programs that address the server by a name of its own machine. Never a web
//! page, which could send requests to any server that its reader reaches.

use http::{StatusCode, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use dialects::{
    api_error::ApiError,
    server::{
        access::{authority, is_loopback, is_of, presented_keys},
        refusals::{not_allowed, wrong_key},
    },
};

use crate::{bindings::Options, request::Head};

#[allow(clippy::result_large_err, reason = "an error is made once a request")]
pub(crate) fn check(head: &Head, options: &Options) -> Result<(), ApiError> {
    let Some(name) = authority(&head.headers, &head.uri) else {
        return Err(not_allowed(StatusCode::BAD_REQUEST, "the request names no host"));
    };
    let is_known = || {
        let host = name.host().trim_end_matches('.').to_ascii_lowercase();
        is_loopback(&host) || options.allowed_hosts.contains(&host)
    };
    if options.access_key.is_none() && !is_known() {
        let message = "without an access key this gateway answers to names of this machine only (localhost, 127.0.0.1, \
                       [::1]); `allowed-hosts` adds others, the variable GATEWAY_ACCESS_KEY sets a key";
        return Err(not_allowed(StatusCode::FORBIDDEN, message));
    }
    let origin = head.headers.get(header::ORIGIN);
    if origin.is_some_and(|origin| !is_of(origin.as_bytes(), &name)) {
        return Err(not_allowed(
            StatusCode::FORBIDDEN,
            "web pages may not use this gateway",
        ));
    }
    // Health checks have no key, and get nothing else.
    if head.uri.path() == crate::component::HEALTH {
        return Ok(());
    }
    match &options.access_key {
        Some(key)
            if !presented_keys(&head.headers)
                .iter()
                .any(|shown| is_same(shown, key)) =>
        {
            Err(wrong_key())
        }
        _ => Ok(()),
    }
}

/// Compares in constant time; by digest, so that not even the length leaks.
fn is_same(shown: &str, key: &str) -> bool {
    let [shown, key]: [[u8; 32]; 2] = [shown, key].map(|text| Sha256::digest(text).into());
    shown.ct_eq(&key).into()
}
