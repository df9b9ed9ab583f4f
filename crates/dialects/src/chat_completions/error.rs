//! An error as clients of this dialect read it: a status, a body of one shape, and when to ask again.

use http::StatusCode;
use serde_json::{Value, json};

use super::request::{PARAM, TOO_DENSE};
use model_provider_host::{Error, Kind, contract::ErrorKind};

/// Clients that are told to wait longer than this do not wait, but ask again at once.
const LONGEST_WAIT: u64 = 60;

/// An error, ready to be sent.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The status of the answer, where none has been sent yet.
    pub status: StatusCode,
    /// `{"error":{…}}`
    pub body: Value,
    /// Seconds to wait.
    pub retry_after: Option<u64>,
    /// Whether the same request may succeed later.
    pub retry: bool,
}

/// The words by which clients tell errors apart.
struct Words {
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
}

const fn words(status: u16, kind: &'static str) -> Words {
    Words {
        status,
        kind,
        code: None,
        param: None,
    }
}

impl Words {
    const fn code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    const fn about_the_model(self) -> Self {
        Self {
            param: Some("model"),
            ..self
        }
    }

    fn of(error: &Error) -> Self {
        let Kind::Provider(kind) = error.kind() else {
            return Self::of_the_host(error);
        };
        match kind {
            ErrorKind::InvalidRequest => words(400, "invalid_request_error"),
            ErrorKind::InvalidReference => words(400, "invalid_request_error").about_the_model(),
            ErrorKind::Unsupported => words(400, "invalid_request_error"),
            ErrorKind::ContextOverflow => words(400, "invalid_request_error").code("context_length_exceeded"),
            ErrorKind::ContentFiltered => words(400, "invalid_request_error").code("content_filter"),
            ErrorKind::Unauthenticated => words(401, "authentication_error"),
            ErrorKind::PaymentRequired => words(402, "insufficient_quota").code("insufficient_quota"),
            ErrorKind::PermissionDenied => words(403, "permission_error"),
            ErrorKind::ModelUnavailable => words(404, "not_found_error")
                .code("model_not_found")
                .about_the_model(),
            ErrorKind::RateLimited => words(429, "rate_limit_error").code("rate_limit_exceeded"),
            // Which of the server errors it was is the upstream's word, and clients tell them apart.
            ErrorKind::Upstream => words(
                error
                    .details()
                    .status
                    .filter(|status| (500..600).contains(status))
                    .unwrap_or(502),
                "server_error",
            ),
            ErrorKind::Timeout => words(504, "server_error"),
            ErrorKind::Transport | ErrorKind::Protocol => words(502, "server_error"),
            ErrorKind::Denied | ErrorKind::Internal | ErrorKind::Other => words(500, "server_error"),
        }
    }

    fn of_the_host(error: &Error) -> Self {
        match (error.kind(), error.details().code.as_deref()) {
            (Kind::Drained | Kind::Cancelled, _) => words(503, "server_error"),
            _ if error.is_sandbox_full() => words(503, "server_error"),
            (Kind::Limit, Some("max-wall-clock-ms")) => words(504, "server_error"),
            (Kind::Limit, Some("max-request-bytes" | TOO_DENSE)) => words(413, "invalid_request_error"),
            _ => words(500, "server_error"),
        }
    }
}

impl Fault {
    /// An error of the server's own.
    pub fn new(status: StatusCode, kind: &str, code: &str, message: &str) -> Self {
        Self {
            status,
            body: json!({ "error": { "message": message, "type": kind, "param": null, "code": code } }),
            retry_after: None,
            retry: false,
        }
    }

    /// The same, worth another try after so many seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            retry: true,
            ..self
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        let words = Words::of(error);
        let details = error.details();
        let message = match error.hint() {
            Some(hint) => format!("{} ({hint})", error.message()),
            None => error.message().to_owned(),
        };
        // Clients know these words; where there is none, the contract's says most.
        let code = words.code.unwrap_or_else(|| error.kind().as_str());
        let retry_after = details
            .retry_after_ms
            .map(|ms| u64::from(ms).div_ceil(1000))
            .or_else(|| (error.kind() == Kind::Drained || error.is_sandbox_full()).then_some(1));
        let mut body = json!({
            "message": message,
            "type": words.kind,
            "param": words.param.map(str::to_owned).or_else(|| param(error)),
            "code": code,
        });
        if let Some(upstream) = &details.code {
            body["upstream_code"] = upstream.as_str().into();
        }
        if !details.suggestions.is_empty() {
            body["suggestions"] = details.suggestions.clone().into();
        }
        Self {
            status: StatusCode::from_u16(words.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body: json!({ "error": body }),
            retry_after,
            retry: error.is_retryable() && retry_after.is_none_or(|seconds| seconds <= LONGEST_WAIT),
        }
    }
}

/// The path of what is wrong with the request, in this dialect's spelling, where it is known.
fn param(error: &Error) -> Option<String> {
    let named = error.details().extras.iter().find(|extra| extra.key == PARAM)?;
    serde_json::from_str(&named.value_json).ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use model_provider_host::contract;

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
        code: String,
        param: Option<String>,
        retry_after: Option<u64>,
    }

    #[test]
    fn every_kind_has_a_status_and_words_of_the_dialect() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../tests/cases/openai-errors.json"))
                .expect("the cases");
        for kind in Kind::ALL {
            assert!(
                cases.iter().any(|case| case.kind == kind.as_str()),
                "{kind} has no case"
            );
        }
        for case in cases {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == case.kind);
            let kind = kind.unwrap_or_else(|| panic!("there is no kind {}", case.kind));
            let mut error = Error::new(kind, "what happened").with_hint("what to do");
            if matches!(kind, Kind::Provider(_)) {
                error = Error::from(contract::Error {
                    status: case.status,
                    code: case.code.clone(),
                    retry_after_ms: case.retry_after_ms,
                    ..error.details().clone()
                });
            } else if let Some(code) = &case.code {
                error = error.with_code(code);
            }
            let fault = Fault::from(&error);
            let said = &fault.body["error"];
            assert_eq!(fault.status.as_u16(), case.gives.status, "{}", case.kind);
            assert_eq!(said["message"], "what happened (what to do)");
            assert_eq!(said["type"], case.gives.r#type, "{}", case.kind);
            assert_eq!(said["code"], case.gives.code, "{}", case.kind);
            assert_eq!(said["param"], json!(case.gives.param), "{}", case.kind);
            assert_eq!(fault.retry_after, case.gives.retry_after, "{}", case.kind);
        }
    }

    #[test]
    fn suggestions_and_the_upstreams_own_word_go_along() {
        let error = Error::from(contract::Error {
            code: Some("model_not_found".into()),
            suggestions: vec!["a/b".into()],
            ..Error::new(Kind::Provider(ErrorKind::ModelUnavailable), "no such model")
                .details()
                .clone()
        });
        let said = &Fault::from(&error).body["error"];
        assert_eq!(said["upstream_code"], "model_not_found");
        assert_eq!(said["suggestions"], json!(["a/b"]));
    }
    #[test]
    fn the_path_of_what_is_wrong_is_the_param_whoever_found_it() {
        let found_here = super::super::request::ChatBody::parse(br#"{"messages":[{"role":"x"}]}"#);
        let by_the_plugin = Error::from(contract::Error {
            extras: vec![contract::Extra {
                key: PARAM.to_owned(),
                value_json: r#""messages[0].tool_call_id""#.to_owned(),
            }],
            ..Error::new(Kind::Provider(ErrorKind::InvalidRequest), "wrong")
                .details()
                .clone()
        });
        for (error, param) in [
            (found_here.expect_err("no such role"), "messages[0].role"),
            (by_the_plugin, "messages[0].tool_call_id"),
        ] {
            assert_eq!(Fault::from(&error).body["error"]["param"], param);
        }
    }

    #[test]
    fn a_request_of_too_many_small_values_is_too_large() {
        let body = format!(
            r#"{{"messages":[{}]}}"#,
            vec![r#"{"role":"user","content":"x"}"#; 200_000].join(",")
        );
        let error = super::super::request::ChatBody::parse(body.as_bytes()).expect_err("too many");
        assert_eq!(Fault::from(&error).status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
