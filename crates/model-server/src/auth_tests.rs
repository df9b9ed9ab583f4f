//! Tests of access control: by address, host name, origin and key.

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
            .map(|refused| refused.error.status.as_u16());
        assert_eq!(status, case.status, "{}", case.name);
    }
}

#[test]
fn an_address_that_other_machines_reach_needs_a_strong_key() {
    let key = Secret::new("0123456789abcdef");
    for open in ["0.0.0.0:1", "[::]:1", "192.168.0.2:1", "10.0.0.1:1"] {
        let address = open.parse().expect("an address");
        let error = Access::new(address, None).expect_err("other machines reach it");
        assert_eq!(error.kind(), ErrorKind::Configuration);
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
    let mut error = ApiError::new(
        StatusCode::BAD_REQUEST,
        "t",
        "c",
        &format!("tool_choice {key} names none"),
    );
    let attempts = serde_json::json!([{ "reason": format!("no {key}") }]);
    error.extras.insert("trail".to_owned(), attempts);
    let error = access.redacted_error(error.about(&format!("tools.{key}")));
    assert!(!error.members().to_string().contains(key), "{error:?}");
    assert_eq!(error.message, "tool_choice **************** names none");
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
    let mut notes = RequestNotes {
        left_out: vec!["x".to_owned(), format!("tool_choice.{key}")],
        ..RequestNotes::default()
    };
    notes.warn("left-out", format!("`{key}`"));
    access.redact_notes(&mut notes);
    assert_eq!(notes.left_out, ["x", "tool_choice.****************"]);
    assert_eq!(notes.warnings[0].message, "`****************`");
    let open = Access::default();
    assert_eq!(open.redacted_summary(&summary).warnings, summary.warnings);
}
