//! Checks of a host's network: which requests leave, and which headers a plugin must not set.

use alloc::{
    format,
    string::{String, ToString},
};

use wasi::http::types::{ErrorCode, Fields};

use crate::{
    checks::expect,
    component::{Check, Found, HEADER},
    contract::settings::{self, CredentialState},
    web,
};

pub(crate) const CHECKS: &[Check] = &[
    ("its-own-endpoint", its_own_endpoint),
    ("credential-is-attached", credential_is_attached),
    ("another-origin-is-blocked", another_origin),
    ("another-path-is-blocked", another_path),
    ("another-method-is-blocked", another_method),
    ("a-path-outside-is-blocked", a_path_outside),
    ("credential-header-is-refused", credential_header),
    ("connection-headers-are-refused", connection_headers),
];

fn base() -> Result<String, String> {
    let base = settings::get()
        .base_url
        .ok_or("expected a base URL in the settings, seen none; set one for the probe")?;
    Ok(base.trim_end_matches('/').to_string())
}

/// The status of a request, or how it failed.
fn status(base: &str, path: &str, has_body: bool) -> Result<u16, ErrorCode> {
    let headers: [(&str, &[u8]); 1] = [("content-type", b"application/json")];
    let writing = web::begin(base, path, &headers, has_body)?;
    if has_body {
        writing.write(
            br#"{"model":"probe/start","messages":[{"role":"user","content":"Hello"}],"stream":false}"#,
        );
    }
    Ok(web::answer(&writing.sent())?.response.status())
}

fn its_own_endpoint() -> Found {
    match status(&base()?, "/models", false) {
        Ok(_) => Ok(()),
        Err(code) => Err(format!("expected a response to GET /models, seen {code:?}")),
    }
}

/// "Whether requests will be authenticated."
fn credential_is_attached() -> Found {
    let state = settings::get().credential;
    let status = status(&base()?, "/chat/completions", true);
    match (state, status) {
        (CredentialState::AttachedByHost, Ok(401)) => {
            Err("expected a credential that the upstream takes, seen status 401".to_string())
        }
        (CredentialState::Missing, Ok(status)) => {
            expect(status == 401, "no response without a credential but 401", || {
                format!("status {status}")
            })
        }
        (_, Ok(_)) => Ok(()),
        (_, Err(code)) => Err(format!(
            "expected a response to POST /chat/completions, seen {code:?}"
        )),
    }
}

fn blocked(what: &str, sent: Result<u16, ErrorCode>) -> Found {
    match sent {
        Err(ErrorCode::HttpRequestDenied) => Ok(()),
        Err(code) => Err(format!(
            "expected `HTTP-request-denied` for {what}, seen {code:?}"
        )),
        Ok(status) => Err(format!(
            "expected `HTTP-request-denied` for {what}, seen status {status}"
        )),
    }
}

fn another_origin() -> Found {
    blocked(
        "another origin",
        status("http://127.0.0.2:9/v1", "/models", false),
    )?;
    blocked(
        "another origin",
        status("https://elsewhere.example/v1", "/models", false),
    )
}

fn another_path() -> Found {
    blocked("a path that it did not name", status(&base()?, "/files", false))
}

fn another_method() -> Found {
    blocked("a method that it did not name", status(&base()?, "/models", true))
}

fn a_path_outside() -> Found {
    blocked(
        "a path that leads out of its own",
        status(&base()?, "/models/../../admin", false),
    )?;
    blocked(
        "a path that leads out of its own",
        status(&base()?, "/models/%2e%2e/%2e%2e/admin", false),
    )
}

fn refused(name: &str) -> Found {
    let fields = Fields::new();
    expect(
        fields.append(name, b"probe").is_err(),
        "a refusal of a header of the host's",
        || name.to_string(),
    )
}

fn credential_header() -> Found {
    refused(HEADER)
}

fn connection_headers() -> Found {
    for name in ["host", "connection", "transfer-encoding", "keep-alive", "upgrade"] {
        refused(name)?;
    }
    Ok(())
}
