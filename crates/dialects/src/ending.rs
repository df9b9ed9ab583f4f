//! The end of a response, and data without a place in any dialect: backend, attempts, warnings. They are under
//! `x_plugin`, which clients ignore. Knows no dialect.

use serde_json::{Value, json};

use provider_contract::{
    Attempt, GenerationInfo,
    contract::{Summary, Usage, Warning},
};

/// The most members that a warning names.
const NAMED: usize = 8;

/// The data at the end of a response.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The contract's summary.
    pub summary: &'a Summary,
    /// The generation that responded.
    pub generation: &'a GenerationInfo,
    /// The failed attempts before it.
    pub attempts: &'a [Attempt],
}

/// A dialect's notes about a request and its response, besides the contract's.
#[derive(Clone, Debug, Default)]
pub struct RequestNotes {
    /// Images, audio or files of the response that the dialect cannot represent.
    pub media: usize,
    /// The paths of members of the request that were not passed on.
    pub left_out: Vec<String>,
    /// The placeholder that was sent instead of a model's name, and selected the default.
    pub default_for: Option<&'static str>,
    /// Other warnings.
    pub warnings: Vec<Warning>,
}

impl RequestNotes {
    /// Adds a warning.
    pub fn warn(&mut self, code: &str, message: impl Into<String>) {
        self.warnings.push(Warning {
            code: code.to_owned(),
            message: message.into(),
        });
    }

    /// Warns of zeros in the usage that stand for unknown counts, which some dialects have no place for.
    pub(crate) fn warn_of_usage(&mut self, usage: &Usage) {
        if usage.input_tokens.is_none() || usage.output_tokens.is_none() {
            let message = "the upstream did not count all tokens; a count that is not known is 0 in `usage`";
            self.warn("usage-unknown", message);
        }
    }

    /// Changes every text that may repeat the client's text.
    pub fn redact(&mut self, redacted: impl Fn(&str) -> String) {
        for name in &mut self.left_out {
            *name = redacted(name);
        }
        for warning in &mut self.warnings {
            warning.message = redacted(&warning.message);
        }
    }

    fn warnings(&self) -> Vec<Value> {
        let mut warnings: Vec<Value> = self.warnings.iter().map(warning).collect();
        if self.media > 0 {
            let message = format!(
                "{} images or audio parts of the response are not shown",
                self.media
            );
            warnings.push(json!({ "code": "media-not-shown", "message": message }));
        }
        if !self.left_out.is_empty() {
            let named: Vec<&str> = self.left_out.iter().take(NAMED).map(String::as_str).collect();
            let more = self.left_out.len() - named.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let message = format!("not passed on: {}{more}", named.join(", "));
            warnings.push(json!({ "code": "members-left-out", "message": message }));
        }
        if let Some(name) = self.default_for {
            let message = format!("`{name}` is not a model; the configured default was used");
            warnings.push(json!({ "code": "default-model", "message": message }));
        }
        warnings
    }
}

impl Ending<'_> {
    /// The data without a place in the dialect.
    pub fn details(&self, notes: &RequestNotes) -> Value {
        let summary = self.summary;
        let mut warnings: Vec<Value> = summary.warnings.iter().map(warning).collect();
        warnings.extend(notes.warnings());
        known(json!({
            "model": summary.model,
            "backend": summary.backend,
            "requestId": summary.request_id,
            "rawFinishReason": summary.raw_finish_reason,
            "attempts": summary.attempts,
            "generation": self.generation.number,
            "version": self.generation.version,
            "warnings": warnings,
            "trail": attempts(self.attempts),
        }))
    }
}

fn warning(warning: &Warning) -> Value {
    json!({ "code": warning.code, "message": warning.message })
}

/// The failed attempts and their errors.
#[must_use]
pub fn attempts(attempts: &[Attempt]) -> Vec<Value> {
    let told = attempts.iter().map(|attempt| {
        json!({
            "ref": attempt.reference,
            "kind": attempt.error.kind().as_str(),
            "message": attempt.error.message(),
        })
    });
    told.collect()
}

/// An object without its null members.
#[must_use]
pub fn known(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let known = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(known.collect())
        }
        other => other,
    }
}
