//! An error, as JSON and as text.

use std::io;

use serde::Serialize;

use super::hint;
use crate::{args::Format, format, style::Style, terminal::Terminal};
use model_provider_host::{Error, sanitize};

/// A failure.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorJson {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
    request_sent: bool,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    suggestions: Vec<String>,
}

impl From<&Error> for ErrorJson {
    fn from(error: &Error) -> Self {
        let details = error.details();
        Self {
            kind: error.kind().as_str(),
            message: details.message.clone(),
            hint: hint::of(error),
            status: details.status,
            code: details.code.clone(),
            retryable: details.retryable,
            retry_after_ms: details.retry_after_ms,
            request_sent: details.request_sent,
            attempts: details.attempts,
            backend: details.backend.clone(),
            request_id: details.request_id.clone(),
            suggestions: details.suggestions.clone(),
        }
    }
}

/// `{"error":{…}}`; as one of several lines also with its type.
#[derive(Debug, Serialize)]
struct Envelope {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    line: Option<&'static str>,
    error: ErrorJson,
}

/// Shows an error: as JSON on standard output for scripts, else on standard error.
pub(crate) fn show(terminal: Terminal, error: &Error) -> io::Result<()> {
    let line = match terminal.format {
        Format::Text => {
            terminal.note(&for_a_person(terminal.err, error));
            return Ok(());
        }
        Format::Json => None,
        Format::Ndjson => Some("error"),
    };
    terminal.json(&Envelope {
        line,
        error: error.into(),
    })
}

/// An error in a few lines: message, hint, and details.
pub(crate) fn for_a_person(paint: Style, error: &Error) -> String {
    let details = error.details();
    let mut text = format!(
        "{} {}",
        paint.red(&format!("error[{}]:", error.kind())),
        sanitize::line(error.message())
    );
    if let Some(hint) = hint::of(error) {
        text += &format!("\n  {} {}", paint.cyan("hint:"), sanitize::line(&hint));
    }
    if !details.suggestions.is_empty() {
        let meant = sanitize::names(details.suggestions.iter().map(String::as_str));
        text += &format!("\n  {} {meant}", paint.cyan("did you mean:"));
    }
    let mut facts = Vec::new();
    facts.extend(details.status.map(|status| format!("HTTP {status}")));
    facts.extend(
        details
            .code
            .as_ref()
            .map(|code| format!("code {}", sanitize::name(code))),
    );
    facts.extend(
        details
            .backend
            .as_ref()
            .map(|backend| format!("backend {}", sanitize::name(backend))),
    );
    facts.extend(
        details
            .request_id
            .as_ref()
            .map(|id| format!("request {}", sanitize::name(id))),
    );
    if details.attempts > 0 {
        facts.push(format::counted(details.attempts as usize, "attempt"));
    }
    facts.extend(
        error
            .retry_after()
            .map(|wait| format!("try again in {}", format::duration(wait))),
    );
    if !facts.is_empty() {
        text += &format!("\n  {}", paint.dim(&sanitize::line(&facts.join(" · "))));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use model_provider_host::{
        ErrorKind,
        contract::{self, ProviderErrorKind},
    };

    #[test]
    fn an_error_has_the_keys_that_scripts_read() {
        let error = Error::from(contract::Error {
            kind: ProviderErrorKind::RateLimited,
            message: "slow down".into(),
            hint: Some("wait".into()),
            retryable: true,
            retry_after_ms: Some(1500),
            request_sent: true,
            attempts: 3,
            status: Some(429),
            code: Some("rate_limit".into()),
            backend: Some("b".into()),
            request_id: Some("r".into()),
            suggestions: vec!["s".into()],
            extras: Vec::new(),
        });
        assert_eq!(
            serde_json::to_value(ErrorJson::from(&error)).expect("it is JSON"),
            json!({
                "kind": "rate-limited", "message": "slow down", "hint": "wait", "status": 429, "code": "rate_limit",
                "retryable": true, "retryAfterMs": 1500, "requestSent": true, "attempts": 3, "backend": "b",
                "requestId": "r", "suggestions": ["s"],
            })
        );
    }

    #[test]
    fn unknown_values_of_an_error_are_absent() {
        let error = Error::new(ErrorKind::PluginLoad, "no file");
        assert_eq!(
            serde_json::to_value(ErrorJson::from(&error)).expect("it is JSON"),
            json!({
                "kind": "plugin-load", "message": "no file", "retryable": false, "requestSent": false,
                "attempts": 0, "suggestions": [],
            })
        );
    }

    #[test]
    fn an_error_as_text_has_its_hint_and_no_escape_sequence() {
        let error = Error::new(ErrorKind::Configuration, "bad \u{1b}[2J").with_hint("mend it");
        assert_eq!(
            for_a_person(Style::PLAIN, &error),
            "error[configuration]: bad \u{fffd}[2J\n  hint: mend it"
        );
    }
}
