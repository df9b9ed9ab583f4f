//! An error of a server: status, class and code for clients, and retry hints. Each dialect serializes it in its own
//! form; this knows none.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::json::{PARAM, TOO_DENSE};
use provider_contract::{Error, ErrorKind, contract::ProviderErrorKind};

/// Clients ignore a longer `retry-after` and retry at once.
const LONGEST_WAIT: u64 = 60;

/// An error, ready to be written in a dialect.
///
/// ```
/// use dialects::api_error::ApiError;
/// use provider_contract::{Error, ErrorKind, contract::ProviderErrorKind};
///
/// let kind = ErrorKind::Provider(ProviderErrorKind::ContextOverflow);
/// let error = ApiError::from(Error::new(kind, "the prompt has 9000 tokens; the limit is 8192"));
/// assert_eq!((error.status.as_u16(), &*error.code), (400, "context_length_exceeded"));
/// ```
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The status of the response, if none has been sent yet.
    pub status: StatusCode,
    /// Its class, as in OpenAI's API: `invalid_request_error`.
    pub class: &'static str,
    /// The code that clients branch on.
    pub code: String,
    /// What happened and how to fix it, for a user.
    pub message: String,
    /// The path of the invalid member of the request.
    pub param: Option<String>,
    /// Additional members: `upstream_code`, `suggestions`, `trail`.
    pub extras: Map<String, Value>,
    /// The `retry-after` in seconds.
    pub retry_after: Option<u64>,
    /// Whether the same request may succeed later.
    pub retry: bool,
}

/// Class and code of an error.
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
        let ErrorKind::Provider(kind) = error.kind() else {
            return Self::of_the_host(error);
        };
        match kind {
            ProviderErrorKind::InvalidRequest | ProviderErrorKind::Unsupported => {
                words(400, "invalid_request_error")
            }
            ProviderErrorKind::InvalidReference => words(400, "invalid_request_error").about_the_model(),
            ProviderErrorKind::ContextOverflow => {
                words(400, "invalid_request_error").code("context_length_exceeded")
            }
            ProviderErrorKind::ContentFiltered => words(400, "invalid_request_error").code("content_filter"),
            ProviderErrorKind::Unauthenticated => words(401, "authentication_error"),
            ProviderErrorKind::PaymentRequired => words(402, "insufficient_quota").code("insufficient_quota"),
            ProviderErrorKind::PermissionDenied => words(403, "permission_error"),
            ProviderErrorKind::ModelUnavailable => words(404, "not_found_error")
                .code("model_not_found")
                .about_the_model(),
            ProviderErrorKind::RateLimited => words(429, "rate_limit_error").code("rate_limit_exceeded"),
            // The upstream distinguishes server errors, and clients branch on them.
            ProviderErrorKind::Upstream => words(
                error
                    .details()
                    .status
                    .filter(|status| (500..600).contains(status))
                    .unwrap_or(502),
                "server_error",
            ),
            ProviderErrorKind::Timeout => words(504, "server_error"),
            ProviderErrorKind::Transport | ProviderErrorKind::Protocol => words(502, "server_error"),
            ProviderErrorKind::Denied | ProviderErrorKind::Internal | ProviderErrorKind::Other => {
                words(500, "server_error")
            }
        }
    }

    fn of_the_host(error: &Error) -> Self {
        match (error.kind(), error.details().code.as_deref()) {
            (ErrorKind::Drained | ErrorKind::Cancelled, _) => words(503, "server_error"),
            _ if error.is_sandbox_full() => words(503, "server_error"),
            (ErrorKind::Limit, Some("max-wall-clock-ms")) => words(504, "server_error"),
            (ErrorKind::Limit, Some("max-request-bytes" | TOO_DENSE)) => words(413, "invalid_request_error"),
            _ => words(500, "server_error"),
        }
    }
}

impl ApiError {
    /// An error of the server's own.
    #[must_use]
    pub fn new(status: StatusCode, class: &'static str, code: &str, message: &str) -> Self {
        Self {
            status,
            class,
            code: code.to_owned(),
            message: message.to_owned(),
            param: None,
            extras: Map::new(),
            retry_after: None,
            retry: false,
        }
    }

    /// Marks it as retryable after this many seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            retry: true,
            ..self
        }
    }

    /// Sets the path of the member.
    #[must_use]
    pub fn about(self, param: &str) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..self
        }
    }

    /// Names the member by its path in the client's body, if `of` knows it.
    pub(crate) fn relocate(&mut self, of: impl FnOnce(&str) -> Option<String>) {
        let Some(here) = self.param.as_deref().and_then(of) else {
            return;
        };
        if let Some(there) = self.param.replace(here.clone()) {
            self.message = self.message.replacen(&there, &here, 1);
        }
    }

    /// Changes each of its texts, which may repeat what a client sent.
    pub fn map_texts(&mut self, map: &impl Fn(&str) -> String) {
        for text in [&mut self.message, &mut self.code]
            .into_iter()
            .chain(&mut self.param)
        {
            *text = map(text);
        }
        self.extras.values_mut().for_each(|value| map_value(value, map));
    }

    /// The members of an error in OpenAI's form, which several dialects share.
    #[must_use]
    pub fn members(&self) -> Value {
        let mut members = json!({
            "message": self.message,
            "type": self.class,
            "param": self.param,
            "code": self.code,
        });
        for (name, value) in &self.extras {
            members[name] = value.clone();
        }
        members
    }
}

fn map_value(value: &mut Value, map: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = map(text),
        Value::Array(items) => items.iter_mut().for_each(|item| map_value(item, map)),
        Value::Object(members) => members.values_mut().for_each(|member| map_value(member, map)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for ApiError {
    fn from(error: &Error) -> Self {
        let words = Words::of(error);
        let details = error.details();
        let message = match error.hint() {
            Some(hint) => format!("{} ({hint})", error.message()),
            None => error.message().to_owned(),
        };
        let retry_after = details
            .retry_after_ms
            .map(|ms| u64::from(ms).div_ceil(1000))
            .or_else(|| (error.kind() == ErrorKind::Drained || error.is_sandbox_full()).then_some(1));
        let mut extras = Map::new();
        if let Some(upstream) = &details.code {
            extras.insert("upstream_code".to_owned(), upstream.as_str().into());
        }
        if !details.suggestions.is_empty() {
            extras.insert("suggestions".to_owned(), details.suggestions.clone().into());
        }
        Self {
            status: StatusCode::from_u16(words.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            class: words.kind,
            // Clients know these codes; without one, the contract's kind says most.
            code: words.code.unwrap_or_else(|| error.kind().as_str()).to_owned(),
            message,
            param: words.param.map(str::to_owned).or_else(|| param(error)),
            extras,
            retry_after,
            retry: error.is_retryable() && retry_after.is_none_or(|seconds| seconds <= LONGEST_WAIT),
        }
    }
}

/// The path of the invalid member in the dialect's spelling, if known.
fn param(error: &Error) -> Option<String> {
    let named = error.details().extras.iter().find(|extra| extra.key == PARAM)?;
    serde_json::from_str(&named.value_json).ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use provider_contract::contract;

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
            serde_json::from_str(include_str!("../../../tests/cases/openai-errors.json")).expect("the cases");
        for kind in ErrorKind::ALL {
            assert!(
                cases.iter().any(|case| case.kind == kind.as_str()),
                "{kind} has no case"
            );
        }
        for case in cases {
            let kind = ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == case.kind);
            let kind = kind.unwrap_or_else(|| panic!("there is no kind {}", case.kind));
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
            let error = ApiError::from(&error);
            let said = error.members();
            assert_eq!(error.status.as_u16(), case.gives.status, "{}", case.kind);
            assert_eq!(said["message"], "what happened (what to do)");
            assert_eq!(said["type"], case.gives.r#type, "{}", case.kind);
            assert_eq!(said["code"], case.gives.code, "{}", case.kind);
            assert_eq!(said["param"], json!(case.gives.param), "{}", case.kind);
            assert_eq!(error.retry_after, case.gives.retry_after, "{}", case.kind);
        }
    }

    #[test]
    fn suggestions_and_the_upstreams_own_code_are_passed_on() {
        let error = Error::from(contract::Error {
            code: Some("model_not_found".into()),
            suggestions: vec!["a/b".into()],
            ..Error::new(
                ErrorKind::Provider(ProviderErrorKind::ModelUnavailable),
                "no such model",
            )
            .details()
            .clone()
        });
        let said = ApiError::from(&error).members();
        assert_eq!(said["upstream_code"], "model_not_found");
        assert_eq!(said["suggestions"], json!(["a/b"]));
    }
}
