//! An error in the dialect's form.
//!
//! Its service has a status of its own for each type, and clients of it know no others.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{ending::known, fault::Fault};

/// The service's own status for being overloaded.
const OVERLOADED: u16 = 529;
/// The code of a prompt that exceeds the model's context window.
const TOO_LONG: &str = "context_length_exceeded";
/// How the service's own message of it begins: by these words clients know that a conversation is to be made shorter.
const TOO_LONG_WORDS: &str = "prompt is too long";

/// The type of an error, and its status.
fn class(fault: &Fault) -> (&'static str, u16) {
    let status = fault.status.as_u16();
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
pub(super) fn status(fault: &Fault) -> StatusCode {
    StatusCode::from_u16(class(fault).1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The body of the response, and the data of an event of a stream.
pub(super) fn body(fault: &Fault, request_id: &str) -> Value {
    let message = if fault.code == TOO_LONG && !fault.message.to_ascii_lowercase().contains(TOO_LONG_WORDS) {
        format!("{TOO_LONG_WORDS}: {}", fault.message)
    } else {
        fault.message.clone()
    };
    let mut details = json!({ "code": fault.code, "param": fault.param });
    for (name, value) in &fault.others {
        details[name] = value.clone();
    }
    json!({
        "type": "error",
        "error": { "type": class(fault).0, "message": message, "x_plugin": known(details) },
        "request_id": request_id,
    })
}
