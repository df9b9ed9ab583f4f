//! Recorded responses, from the directory that `ROUTER_CORPUS` names: each has an outcome, and the same one for any
//! split of its bytes. They are not part of the repository.

use std::{env, fs, path::PathBuf, prelude::v1::*, println};

use serde_json::{Value, json};

use super::*;

/// The recordings of one kind: name, description and body.
pub(super) fn recordings(kind: &str) -> Vec<(String, Value, Vec<u8>)> {
    let Some(root) = env::var_os("ROUTER_CORPUS") else {
        println!("skipped: ROUTER_CORPUS is not set");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(PathBuf::from(root).join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(!paths.is_empty(), "ROUTER_CORPUS holds no {kind}");
    let read = |path: PathBuf| {
        let about: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let body = match kind {
            "sse" => fs::read(path.with_extension("sse")).unwrap(),
            "chat" => match about["response_raw"].as_str() {
                Some(raw) => raw.as_bytes().to_vec(),
                None => about["response_body"].to_string().into_bytes(),
            },
            _ => about["body"]
                .as_str()
                .map_or_else(|| about["body"].to_string(), String::from)
                .into_bytes(),
        };
        (
            path.file_stem().unwrap().to_string_lossy().into_owned(),
            about,
            body,
        )
    };
    paths.into_iter().map(read).collect()
}

pub(super) fn served(about: &Value, body: Vec<u8>) -> Served {
    let status = u16::try_from(about["status"].as_u64().unwrap()).unwrap();
    let headers = cases::served(&json!({ "headers": about["response_headers"] }));
    let mut headers = Served::from(headers).headers;
    headers.retain(|(name, _)| {
        !matches!(
            name.as_str(),
            "content-length" | "transfer-encoding" | "connection" | "content-encoding"
        )
    });
    let id = about["model_requested"].as_str().unwrap_or("org/name");
    Served {
        model: ModelRef {
            model: id.replace("%2F", "/"),
            ..reference(None)
        },
        status,
        headers,
        body,
        close: Close::End,
    }
}

/// The outcome, after a check that the split of the bytes does not change it.
fn steady(name: &str, served: &Served) -> Outcome {
    let whole = outcome(served, &[]);
    let every: Vec<usize> = (0..served.body.len()).collect();
    assert_eq!(outcome(served, &every), whole, "{name}: byte by byte");
    // Places that differ between recordings and stay the same between runs.
    let random = name
        .bytes()
        .fold(7usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let cut = random % (served.body.len() + 1);
    assert_eq!(outcome(served, &[cut]), whole, "{name}: cut at {cut}");
    whole
}

#[test]
fn every_recorded_stream_and_response_decodes() {
    let mut errors = Vec::new();
    for kind in ["sse", "chat"] {
        for (name, about, body) in recordings(kind) {
            let outcome = steady(&name, &served(&about, body));
            match outcome.result {
                Ok(summary) => assert!(
                    summary.usage.output_tokens.is_some() || !outcome.events.is_empty(),
                    "{name}"
                ),
                Err(error) => errors.push((name, word(error.kind), error.message, error.retryable)),
            }
        }
    }
    for (name, kind, message, retryable) in &errors {
        println!("{name}: {kind} (retryable: {retryable}): {message}");
    }
    // Recorded failures: errors within a stream, and calls whose arguments are not JSON.
    for (name, kind, message, _) in &errors {
        let is_expected = match kind.as_str() {
            "upstream" | "invalid-request" | "unsupported" | "context-overflow" => !message.is_empty(),
            "protocol" => message.contains("arguments") || message.contains("is empty"),
            _ => false,
        };
        assert!(is_expected, "{name}: {kind}: {message}");
    }
}

/// The number of characters of text and of reasoning, and the calls as name and arguments.
fn content(events: &[ChatEvent]) -> (usize, usize, Vec<(String, String)>) {
    let (mut text, mut reasoning, mut calls) = (0, 0, Vec::new());
    for event in events {
        match event {
            ChatEvent::Text(more) => text += more.chars().count(),
            ChatEvent::Reasoning(more) => reasoning += more.text.chars().count(),
            ChatEvent::ToolCallStart(start) => calls.push((start.name.clone(), String::new())),
            ChatEvent::ToolCallDelta(delta) => calls[delta.index as usize].1 += &delta.arguments_fragment,
            ChatEvent::ToolCallEnd(_) | ChatEvent::Media(_) | ChatEvent::Other(_) => {}
        }
    }
    (text, reasoning, calls)
}

#[test]
fn recorded_streams_hold_what_their_recorder_counted() {
    for (name, about, body) in recordings("sse") {
        let facts = &about["facts"];
        let Outcome { events, result } = outcome(&served(&about, body), &[]);
        let (text, reasoning, calls) = content(&events);
        let has_tags =
            facts["think_tags_in_content"] == true || reasoning > 0 && facts["reasoning_chars"].is_null();
        let tags = if has_tags { "<think></think>".len() } else { 0 };
        // A block that the limit cut has no closing tag.
        let expected = [
            facts["text_chars"].as_u64().unwrap(),
            facts["reasoning_chars"].as_u64().unwrap_or(0),
        ];
        let sum = (text + reasoning) as u64;
        let is_same = if tags == 0 {
            [text as u64, reasoning as u64] == expected
        } else {
            let missing = expected[0] + expected[1] - sum;
            [0, "<think>".len(), "</think>".len(), tags].contains(&(missing as usize))
        };
        assert!(is_same, "{name}: {text} and {reasoning}, not {expected:?}");
        let Ok(summary) = result else { continue };
        let reasons = facts["finish_reasons"].as_array().unwrap();
        assert_eq!(
            summary.raw_finish_reason.as_deref(),
            reasons.last().and_then(Value::as_str),
            "{name}"
        );
        let expected: Vec<(String, Value)> = facts["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|call| {
                (
                    call["name"].as_str().unwrap_or_default().into(),
                    call["arguments"].clone(),
                )
            })
            .collect();
        if calls.len() != expected.len() {
            println!("{name}: {calls:?}, recorder: {expected:?}");
            continue;
        }
        for ((name, arguments), (their_name, theirs)) in calls.iter().zip(&expected) {
            assert_eq!(name, their_name);
            let theirs = theirs.as_str().unwrap_or_default().trim();
            let theirs = if matches!(theirs, "" | "null") {
                "{}"
            } else {
                theirs
            };
            assert!(
                arguments.starts_with(theirs.trim_end_matches('…')),
                "{name}: {arguments} {theirs}"
            );
        }
    }
}

#[test]
fn every_recorded_error_has_the_kind_of_its_status() {
    for (name, about, body) in recordings("errors") {
        let error = steady(&name, &served(&about, body)).result.unwrap_err();
        println!("{name}: {:?} {:?} {}", error.kind, error.code, error.message);
        assert_eq!(error.status.map(u64::from), about["status"].as_u64());
        let kind = word(error.kind);
        let allowed: &[&str] = match error.status {
            Some(400) => &[
                "invalid-request",
                "model-unavailable",
                "unsupported",
                "upstream",
                "context-overflow",
            ],
            Some(401) => &["unauthenticated"],
            Some(403) => &["permission-denied", "upstream"],
            Some(404 | 410) => &["model-unavailable"],
            Some(422) => &["invalid-request", "unsupported", "context-overflow"],
            _ => &["upstream"],
        };
        assert!(allowed.contains(&kind.as_str()), "{name}: {kind}");
        assert!(
            !error.message.is_empty() && !error.message.contains('<'),
            "{name}: {}",
            error.message
        );
    }
}
