//! The JSON that scripts read: one file per result; the command line's contract names its keys.
//!
//! Keys are camelCase; a key that is absent means unknown.

pub(super) mod chat;
pub(super) mod error;
#[cfg(test)]
pub(super) mod fixtures;
pub(super) mod hint;
pub(super) mod inspect;
pub(super) mod models;
pub(super) mod resolve;

use serde::Serialize;

use model_provider_host::contract;

/// A warning about a result that is still a result.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Warning {
    code: String,
    message: String,
}

impl Warning {
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl From<&contract::Warning> for Warning {
    fn from(warning: &contract::Warning) -> Self {
        Self {
            code: warning.code.clone(),
            message: warning.message.clone(),
        }
    }
}

pub(super) fn warnings(warnings: &[contract::Warning]) -> Vec<Warning> {
    warnings.iter().map(Warning::from).collect()
}
