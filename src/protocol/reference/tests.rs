use alloc::{format, string::String, vec, vec::Vec};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::contract::types::{Error, ErrorKind, Model, ModelRef, ModelSource, Routing};
use crate::settings::{PlainSettings, from_case};

fn routing(routing: &Routing) -> String {
    match routing {
        Routing::Default => String::from("default"),
        Routing::Policy(policy) => policy.clone(),
        Routing::Backend(backend) => format!("backend:{backend}"),
    }
}

/// The model's facts under the names that the case files use.
fn model_facts(model: &Model) -> Value {
    serde_json::json!({
        "id": model.id,
        "alias": model.alias,
        "source": match model.source {
            ModelSource::Live => "live",
            ModelSource::Bundled => "bundled",
            ModelSource::Configured => "configured",
        },
        "reasoning": model.reasoning,
        "contextWindow": model.context_window,
        "maxOutputTokens": model.max_output_tokens,
        "price": model.price.as_ref().map(|price| format!("{}/{}", price.input, price.output)),
        "supportsTools": model.supports_tools,
        "routes": model.routes.iter().map(|route| &route.backend).collect::<Vec<_>>(),
        "picks": model.picks.iter().map(|pick| format!("{}={}", pick.policy, pick.backend)).collect::<Vec<_>>().join(" "),
    })
}

fn check_found(expect: &Value, found: &ModelRef) -> Vec<String> {
    let facts = serde_json::json!({
        "canonical": found.canonical,
        "model": found.model,
        "wireId": found.wire_id,
        "routing": routing(&found.routing),
        "displayName": found.display_name,
        "alias": found.alias,
        "locked": found.provider_locked,
        "warnings": found.warnings.iter().map(|warning| &warning.code).collect::<Vec<_>>(),
    });
    let mut expected = serde_json::json!({ "locked": false, "warnings": [] });
    let mut wrong = Vec::new();
    for (key, value) in expect.as_object().unwrap() {
        expected[key] = value.clone();
    }
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
                let facts = found.metadata.as_ref().map_or(Value::Null, model_facts);
                for (key, value) in value.as_object().unwrap() {
                    if facts[key] != *value {
                        wrong.push(format!("metadata.{key} is {}, expected {value}", facts[key]));
                    }
                }
            }
            _ if facts[key] != *value => wrong.push(format!("{key} is {}, expected {value}", facts[key])),
            _ => (),
        }
    }
    wrong
}

fn check_error(expect: &Value, error: &Error) -> Vec<String> {
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

#[test]
fn every_case_of_the_case_file_resolves_as_it_says() {
    let file: Value = serde_json::from_str(include_str!("../../../tests/cases/references.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    for case in cases {
        let settings = from_case(&case["settings"]);
        let wrong = match (
            resolve(case["input"].as_str().unwrap(), &settings),
            case["expect"]["error"].is_string(),
        ) {
            (Ok(found), false) => {
                assert_eq!(
                    resolve(&found.canonical, &settings)
                        .as_ref()
                        .map(|again| &again.canonical),
                    Ok(&found.canonical)
                );
                check_found(&case["expect"], &found)
            }
            (Err(error), true) => check_error(&case["expect"], &error),
            (other, _) => vec![format!("came out as {other:?}")],
        };
        failures.extend(
            wrong
                .into_iter()
                .map(|wrong| format!("{}: {wrong}", case["name"])),
        );
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_broken_text_of_any_length_gets_a_short_message() {
    for text in [
        "x".repeat(1_000_000),
        "/".repeat(100_000),
        "a/b:".repeat(30_000),
        " \u{0}@é ".repeat(20_000),
    ] {
        let error = resolve(&text, &PlainSettings::default()).unwrap_err();
        assert!(
            error.message.len() < 1000 && error.suggestions.len() <= 5,
            "{}",
            error.message
        );
    }
}

#[test]
fn an_error_tells_what_to_write_instead() {
    let error = parse("Qwen").unwrap_err();
    assert!(error.lacks_organisation());
    assert!(!parse("a/b c").unwrap_err().lacks_organisation());
    assert_eq!(parse("a/b!"), Err(ParseError::Character('!')));
    assert_eq!(parse("a/b\u{200b}"), Err(ParseError::Character('\u{200b}')));
}

proptest! {
    #[test]
    fn whatever_parses_prints_as_a_text_that_parses_to_the_same(text in r"(?i)[ ]?(huggingface/){0,3}[a-z0-9é._@/: -]{0,24}") {
        if let Ok(reference) = parse(&text) {
            let canonical = reference.canonical();
            prop_assert_eq!(parse(&canonical), Ok(reference.clone()));
            prop_assert_eq!(canonical_text(&canonical), canonical);
            if !begins_with_prefix(&reference.wire_id()) {
                prop_assert_eq!(parse(&reference.wire_id()), Ok(reference));
            }
        }
    }

    #[test]
    fn an_organisation_a_name_and_a_suffix_always_parse(
        prefix in "(huggingface/|HuggingFace/|)",
        org in r"[A-Za-z0-9._-]{1,12}",
        name in r"[A-Za-z0-9._-]{1,12}",
        suffix in "(:[A-Za-z0-9-]{1,9}|)",
    ) {
        prop_assume!(!org.eq_ignore_ascii_case("huggingface"));
        let reference = parse(&format!("{prefix}{org}/{name}{suffix}")).unwrap();
        prop_assert_eq!(&reference.model, &format!("{org}/{name}"));
        prop_assert_eq!(reference.canonical(), format!("huggingface/{org}/{name}{}", suffix.to_lowercase()));
    }

    #[test]
    fn any_text_resolves_or_is_an_invalid_reference(text in any::<String>()) {
        match resolve(&text, &PlainSettings::default()) {
            Ok(found) => prop_assert_eq!(resolve(&found.canonical, &PlainSettings::default()).unwrap().canonical, found.canonical),
            Err(error) => {
                prop_assert_eq!(error.kind, ErrorKind::InvalidReference);
                prop_assert!(error.suggestions.iter().all(|suggestion| parse(suggestion).is_ok()));
            }
        }
    }
}
