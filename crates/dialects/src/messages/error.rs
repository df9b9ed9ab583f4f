//! Errors in the dialect's form.
//!
//! Its service has a status for each error type, and clients know no other.

use http::StatusCode;
use serde_json::{Value, json};

use super::request::NO_THREADS;
use crate::{api_error::ApiError, ending::known};

/// The service's own status of an overload.
const OVERLOADED: u16 = 529;
/// The code of a prompt that exceeds the model's context window.
const TOO_LONG: &str = "context_length_exceeded";
/// The prefix of the service's own message: clients compact the conversation when they see it.
const TOO_LONG_WORDS: &str = "prompt is too long";

/// The type and the status of an error.
fn class(error: &ApiError) -> (&'static str, u16) {
    let status = error.status.as_u16();
    match status {
        401 => ("authentication_error", status),
        402 => ("billing_error", status),
        403 => ("permission_error", status),
        404 => ("not_found_error", status),
        413 => ("request_too_large", status),
        429 => ("rate_limit_error", status),
        503 | OVERLOADED => ("overloaded_error", OVERLOADED),
        504 => ("timeout_error", status),
        500.. => ("api_error", 500),
        _ => ("invalid_request_error", status),
    }
}

/// The status of the response.
pub(super) fn status(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(class(error).1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The body of the response, and the data of an event of a stream.
pub(super) fn body(error: &ApiError, request_id: &str) -> Value {
    let message = if error.code == TOO_LONG && !error.message.to_ascii_lowercase().contains(TOO_LONG_WORDS) {
        format!("{TOO_LONG_WORDS}: {}", error.message)
    } else {
        error.message.clone()
    };
    let mut details = json!({ "code": error.code, "param": error.param });
    for (name, value) in &error.extras {
        details[name] = value.clone();
    }
    let mut object = json!({ "type": class(error).0, "message": message, "x_plugin": known(details) });
    if error
        .extras
        .get("upstream_code")
        .is_some_and(|code| *code == NO_THREADS)
    {
        object["details"] = json!({ "error_code": NO_THREADS, "unsupported": ["thread"] });
    }
    json!({ "type": "error", "error": object, "request_id": request_id })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::{dialect::Dialect as _, messages::Messages};
    use provider_contract::{Error, ErrorKind, contract};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        kind: String,
        status: Option<u16>,
        code: Option<String>,
        retry_after_ms: Option<u32>,
        gives: Gives,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Gives {
        status: u16,
        r#type: String,
    }

    fn api_error(kind: ErrorKind, case: &Case) -> ApiError {
        let mut error = Error::new(kind, "what happened").with_hint("what to do");
        if matches!(kind, ErrorKind::Provider(_)) {
            error = Error::from(contract::Error {
                status: case.status,
                code: case.code.clone(),
                retry_after_ms: case.retry_after_ms,
                ..error.details().clone()
            });
        } else if let Some(code) = &case.code {
            error = error.with_code(code);
        }
        ApiError::from(&error)
    }

    #[test]
    fn every_kind_has_a_type_of_the_dialect_and_its_status() {
        let cases = include_str!("../../../../tests/cases/messages-errors.json");
        let cases: Vec<Case> = serde_json::from_str(cases).expect("the cases");
        for kind in ErrorKind::ALL {
            let has_case = cases.iter().any(|case| case.kind == kind.as_str());
            assert!(has_case, "{kind} has no case");
        }
        for case in cases {
            let kind = ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == case.kind);
            let error = api_error(kind.expect("a kind"), &case);
            let body = body(&error, "id");
            assert_eq!(status(&error).as_u16(), case.gives.status, "{}", case.kind);
            assert_eq!(body["error"]["type"], case.gives.r#type, "{}", case.kind);
            assert_eq!(body["type"], "error");
            assert_eq!(body["request_id"], "id");
            let message = body["error"]["message"].as_str().expect("a text");
            assert!(message.ends_with("what happened (what to do)"), "{message}");
        }
    }

    #[test]
    fn a_client_that_requests_a_thread_gets_the_error_on_which_it_falls_back() {
        let asked = br#"{"model":"m","max_tokens":1,"messages":[],"thread":{"type":"create"}}"#;
        let error = Messages.parse(asked).expect_err("there are no threads");
        let body = body(&ApiError::from(&error), "id");
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert_eq!(
            body["error"]["details"]["error_code"],
            "thread_unsupported_request"
        );
    }

    #[test]
    fn a_prompt_that_is_too_long_has_the_message_that_clients_know() {
        for (message, told) in [
            ("the window is full", "prompt is too long: the window is full"),
            (
                "Prompt is too long: 9 tokens > 8 maximum",
                "Prompt is too long: 9 tokens > 8 maximum",
            ),
        ] {
            let error = Error::new(
                ErrorKind::Provider(contract::ProviderErrorKind::ContextOverflow),
                message,
            );
            assert_eq!(body(&ApiError::from(&error), "id")["error"]["message"], told);
        }
    }
}
