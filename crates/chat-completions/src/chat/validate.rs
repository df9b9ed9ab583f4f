//! Validation of a chat request before anything is sent. A request that every backend would refuse, or that cannot be
//! sent, is refused with the path of the error in the upstream's spelling, so that a client of any dialect finds it
//! in its own request. A request that only some backends refuse is sent.

use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};

use super::{conversation, features, left_out, rules::Rules, writer};
use crate::{
    contract::types::{ChatRequest, Error, ErrorKind, Extra, ModelRef, Warning},
    json,
    warning::quote,
};

/// Keys that extras must not set.
const RESERVED: [&str; 5] = ["model", "messages", "stream", "stream_options", "n"];
/// The key of an error's extras with the path of the invalid field.
const PARAM: &str = "param";

pub(super) type Checked = Result<(), Error>;

/// Validates a request against the wire format and the model's metadata.
pub(super) fn check(request: &ChatRequest, model: &ModelRef, rules: &Rules) -> Result<Vec<Warning>, Error> {
    let mut warnings = model.warnings.clone();
    warnings.extend(conversation::check(
        &request.messages,
        model.metadata.as_ref(),
        rules,
    )?);
    features::check(request, model, rules)?;
    for (name, number) in numbers(request) {
        if number.is_some_and(|number| writer::decimal(number).is_none()) {
            return invalid(name, "is not a finite number");
        }
    }
    extras(request, rules)?;
    warnings.extend(left_out::members(request, rules));
    if let Some(extra) = request.extras.iter().find(|extra| !rules.sends(&extra.key)) {
        let message = format!(
            "The settings say that this model takes no {}; it was not sent.",
            extra.key
        );
        warn(&mut warnings, "members-left-out", message);
    }
    if request.reasoning_effort.is_some() && !rules.sends_effort(request) {
        let message = "The reasoning effort was not sent: by the settings, or since the request sets its member itself.";
        warn(&mut warnings, "reasoning-effort-left-out", message.to_owned());
    }
    Ok(warnings)
}

/// The sampling parameters, under their names on the wire.
pub(super) fn numbers(request: &ChatRequest) -> [(&'static str, Option<f64>); 4] {
    [
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("frequency_penalty", request.frequency_penalty),
        ("presence_penalty", request.presence_penalty),
    ]
}

/// Whether the output limit is among the extras, under the newer of its two names.
pub(super) fn has_own_limit(request: &ChatRequest) -> bool {
    request
        .extras
        .iter()
        .any(|extra| extra.key == "max_completion_tokens")
}

/// Refuses an invalid field. The path is one of the request on the wire: `messages[3].tool_call_id`.
pub(super) fn invalid<T>(path: &str, what: &str) -> Result<T, Error> {
    Err(refused(
        ErrorKind::InvalidRequest,
        path,
        format!("{path} {what}."),
    ))
}

/// Refuses an unsupported feature.
pub(super) fn unsupported<T>(path: &str, what: &str, hint: &str) -> Result<T, Error> {
    Err(refused(ErrorKind::Unsupported, path, format!("{path}: {what}.")).with_hint(hint))
}

fn refused(kind: ErrorKind, path: &str, message: String) -> Error {
    Error {
        extras: vec![Extra {
            key: PARAM.to_owned(),
            value_json: json::quoted(path),
        }],
        ..Error::before_sending(kind, message)
    }
}

pub(super) fn warn(warnings: &mut Vec<Warning>, code: &str, message: String) {
    warnings.push(Warning {
        code: code.to_owned(),
        message,
    });
}

fn extras(request: &ChatRequest, rules: &Rules) -> Checked {
    let written = [
        (
            rules.max_tokens_field.as_str(),
            request.max_output_tokens.is_some() && !has_own_limit(request),
        ),
        ("temperature", request.temperature.is_some()),
        ("top_p", request.top_p.is_some()),
        ("frequency_penalty", request.frequency_penalty.is_some()),
        ("presence_penalty", request.presence_penalty.is_some()),
        ("seed", request.seed.is_some()),
        ("stop", !request.stop.is_empty()),
        ("tools", !request.tools.is_empty()),
        ("tool_choice", request.tool_choice.is_some()),
        ("response_format", request.response_format.is_some()),
        ("reasoning_effort", request.reasoning_effort.is_some()),
    ];
    for (at, Extra { key, value_json }) in request.extras.iter().enumerate() {
        let wrong = |what: &str| {
            let message = format!("extras[{at}] {} {what}.", quote(key));
            Err(refused(ErrorKind::InvalidRequest, key, message))
        };
        if key.is_empty() || RESERVED.contains(&key.as_str()) {
            return wrong("is not for extras to set");
        }
        if written.iter().any(|(name, is_set)| name == key && *is_set) {
            return wrong("is set by another field of the request already");
        }
        if request.extras.iter().take(at).any(|earlier| earlier.key == *key) {
            return wrong("occurs twice");
        }
        if !json::is_value(value_json) {
            return wrong("has a value that is not JSON");
        }
    }
    Ok(())
}
