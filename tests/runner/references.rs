//! `references.json`: what a reference, an alias or an invalid text resolves to.

use serde_json::{Value, json};

use super::{super::types::*, catalogs::facts};

fn routing(routing: &Routing) -> String {
    match routing {
        Routing::Default => String::from("default"),
        Routing::Policy(policy) => policy.clone(),
        Routing::Backend(backend) => format!("backend:{backend}"),
    }
}

/// What is wrong with the outcome of a reference.
pub(crate) fn check_reference(expect: &Value, outcome: Result<&ModelRef, &Error>) -> Vec<String> {
    match (outcome, expect["error"].is_string()) {
        (Ok(found), false) => check_found(expect, found),
        (Err(error), true) => check_mistake(expect, error),
        (other, _) => vec![format!("came out as {other:?}")],
    }
}

fn check_found(expect: &Value, found: &ModelRef) -> Vec<String> {
    let codes: Vec<&String> = found.warnings.iter().map(|warning| &warning.code).collect();
    let is = json!({
        "canonical": found.canonical,
        "model": found.model,
        "wireId": found.wire_id,
        "routing": routing(&found.routing),
        "displayName": found.display_name,
        "alias": found.alias,
        "locked": found.provider_locked,
        "warnings": codes,
    });
    let mut expected = json!({ "locked": false, "warnings": [] });
    for (key, value) in expect.as_object().unwrap() {
        expected[key] = value.clone();
    }
    let mut wrong = Vec::new();
    for (key, value) in expected.as_object().unwrap() {
        match key.as_str() {
            "warns" => {
                let text = value.as_str().unwrap();
                if !found
                    .warnings
                    .iter()
                    .any(|warning| warning.message.contains(text))
                {
                    wrong.push(format!("no warning names {text}: {:?}", found.warnings));
                }
            }
            "metadata" if value.is_null() => {
                if let Some(model) = &found.metadata {
                    wrong.push(format!("metadata of a model that nobody knows: {model:?}"));
                }
            }
            "metadata" => {
                let is = found.metadata.as_ref().map_or(Value::Null, facts);
                for (key, value) in value.as_object().unwrap() {
                    if is[key] != *value {
                        wrong.push(format!("metadata.{key} is {}, expected {value}", is[key]));
                    }
                }
            }
            _ if is[key] != *value => wrong.push(format!("{key} is {}, expected {value}", is[key])),
            _ => (),
        }
    }
    wrong
}

fn check_mistake(expect: &Value, error: &Error) -> Vec<String> {
    let mut wrong = Vec::new();
    if error.kind != ErrorKind::InvalidReference || expect["error"] != "invalid-reference" {
        wrong.push(format!("the error is {error:?}"));
    }
    if error.request_sent || error.retryable || error.attempts != 0 || error.hint.is_none() {
        wrong.push(format!(
            "an error before sending has a hint and no attempt: {error:?}"
        ));
    }
    if let Some(suggestions) = expect["suggestions"].as_array()
        && *suggestions != error.suggestions
    {
        wrong.push(format!("the suggestions are {:?}", error.suggestions));
    }
    if let Some(first) = expect["suggestsFirst"].as_str()
        && error.suggestions.first().map(String::as_str) != Some(first)
    {
        wrong.push(format!("the suggestions are {:?}", error.suggestions));
    }
    if !error
        .message
        .contains(expect["says"].as_str().unwrap_or_default())
    {
        wrong.push(format!("the message is {}", error.message));
    }
    wrong
}
