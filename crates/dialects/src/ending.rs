//! What is known of a response at its end and no dialect has a place for: who responded, who failed before, warnings.
//! Clients overlook it under `x_plugin`. Knows no dialect.

use serde_json::{Value, json};

use provider_contract::{
    Attempt, GenerationInfo,
    contract::{Summary, Warning},
};

/// How many members a warning names.
const NAMED: usize = 8;

/// What is known of a response at its end.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The contract's account.
    pub summary: &'a Summary,
    /// Which plugin responded.
    pub generation: &'a GenerationInfo,
    /// Who failed before.
    pub trail: &'a [Attempt],
}

/// What a dialect has to say of a request and its response beside what the contract does.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Images, audio or files of the response that the dialect cannot show.
    pub media: usize,
    /// The paths of members of the request that were not passed on.
    pub left_out: Vec<String>,
    /// The name that was given in place of a model's, and meant the default.
    pub default_for: Option<&'static str>,
    /// Others.
    pub warnings: Vec<Warning>,
}

impl Notes {
    /// Notes something else.
    pub fn warn(&mut self, code: &str, message: impl Into<String>) {
        self.warnings.push(Warning {
            code: code.to_owned(),
            message: message.into(),
        });
    }

    /// Changes every text that may repeat the client's words.
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
            let message = format!("{} pictures or sounds of the answer are not shown", self.media);
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
            let message = format!("`{name}` is no model; the configured default was asked");
            warnings.push(json!({ "code": "default-model", "message": message }));
        }
        warnings
    }
}

impl Ending<'_> {
    /// What the dialect has no place for.
    pub fn details(&self, notes: &Notes) -> Value {
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
            "trail": trail(self.trail),
        }))
    }
}

fn warning(warning: &Warning) -> Value {
    json!({ "code": warning.code, "message": warning.message })
}

/// Who failed, and of what.
pub fn trail(attempts: &[Attempt]) -> Vec<Value> {
    let told = attempts.iter().map(|attempt| {
        json!({
            "ref": attempt.reference,
            "kind": attempt.error.kind().as_str(),
            "message": attempt.error.message(),
        })
    });
    told.collect()
}

/// An object without what is null in it.
pub fn known(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let known = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(known.collect())
        }
        other => other,
    }
}
