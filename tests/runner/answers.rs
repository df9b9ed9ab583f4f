//! `streams/*.json` and `errors.json`: the events, summary or error of a response.

use serde_json::{Map, Value, json};

use super::{super::types::*, bytes, word};

/// A response as a case's server sends it.
pub(crate) struct Served {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What follows the body: `end`, `reset` or `timeout`.
    pub(crate) close: String,
}

/// A case's response.
pub(crate) fn served(case: &Value) -> Served {
    let headers = case["headers"].as_object().into_iter().flatten();
    Served {
        status: u16::try_from(case["status"].as_u64().unwrap_or(200)).unwrap(),
        headers: headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().into()))
            .collect(),
        body: bytes(&case["body"]),
        close: case["close"].as_str().unwrap_or("end").into(),
    }
}

/// The model reference of a case.
pub(crate) fn requested_model(case: &Value) -> String {
    format!("huggingface/{}", case["model"].as_str().unwrap_or("org/name"))
}

/// Every call starts once, before its deltas, and ends at most once, after them; indices count up from 0.
pub(crate) fn check_order(events: &[ChatEvent]) {
    let (mut started, mut ended) = (0, Vec::new());
    let is_open = |index: u32, started: u32, ended: &[u32]| index < started && !ended.contains(&index);
    for event in events {
        match event {
            ChatEvent::ToolCallStart(start) => {
                assert_eq!(start.index, started);
                assert!(!start.id.is_empty() && !start.name.is_empty());
                started += 1;
            }
            ChatEvent::ToolCallDelta(delta) => assert!(is_open(delta.index, started, &ended), "{events:?}"),
            ChatEvent::ToolCallEnd(ToolCallEnd { index, .. }) => {
                assert!(is_open(*index, started, &ended), "{events:?}");
                ended.push(*index);
            }
            ChatEvent::Text(text) => assert!(!text.is_empty()),
            ChatEvent::Reasoning(_) | ChatEvent::Media(_) | ChatEvent::Other(_) => {}
        }
    }
}

/// The events, neighbouring deltas of one kind joined: their bounds have no meaning.
pub(crate) fn joined(events: Vec<ChatEvent>) -> Vec<ChatEvent> {
    let mut all: Vec<ChatEvent> = Vec::new();
    for event in events {
        match (all.last_mut(), event) {
            (Some(ChatEvent::Text(text)), ChatEvent::Text(more)) => text.push_str(&more),
            (Some(ChatEvent::Reasoning(last)), ChatEvent::Reasoning(more)) if last.signature.is_none() => {
                last.text.push_str(&more.text);
                last.signature = more.signature;
            }
            (Some(ChatEvent::ToolCallDelta(last)), ChatEvent::ToolCallDelta(more))
                if last.index == more.index =>
            {
                last.arguments_fragment.push_str(&more.arguments_fragment);
            }
            (_, event) => all.push(event),
        }
    }
    all
}

/// Whether an identifier has the format of generated ones: `call_SALT_INDEX`.
fn is_made_up(id: &str, index: u32) -> bool {
    let salt = id
        .strip_prefix("call_")
        .and_then(|rest| rest.strip_suffix(&format!("_{index}")));
    salt.is_some_and(|salt| !salt.is_empty() && salt.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// An event in the cases' short form.
fn short(event: &ChatEvent) -> Value {
    match event {
        ChatEvent::Text(text) => json!({ "text": text }),
        ChatEvent::Reasoning(thought) => match &thought.signature {
            None => json!({ "reasoning": thought.text }),
            Some(signature) => json!({ "reasoning": thought.text, "signature": signature }),
        },
        ChatEvent::ToolCallStart(start) => {
            // Another test checks that generated identifiers are unique.
            let id = if is_made_up(&start.id, start.index) {
                "*"
            } else {
                &start.id
            };
            json!({ "start": [start.index, id, start.name] })
        }
        ChatEvent::ToolCallDelta(delta) => json!({ "delta": [delta.index, delta.arguments_fragment] }),
        ChatEvent::ToolCallEnd(end) => json!({ "end": end.index }),
        ChatEvent::Media(media) => json!({ "media": media.mime_type }),
        ChatEvent::Other(other) => {
            json!({ "other": [other.key, serde_json::from_str::<Value>(&other.value_json).unwrap()] })
        }
    }
}

fn short_summary(summary: &Summary) -> Value {
    let usage = &summary.usage;
    json!({
        "finish": word(summary.finish_reason),
        "raw": summary.raw_finish_reason,
        "usage": [usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_tokens],
    })
}

/// What is wrong with the outcome of a stream; the events are `joined`.
pub(crate) fn check_stream(
    case: &Value,
    events: &[ChatEvent],
    result: Result<&Summary, &Error>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let events: Value = events.iter().map(short).collect();
    if events != case["events"] {
        wrong.push(format!("the events are {events}, expected {}", case["events"]));
    }
    match (result, &case["error"]) {
        (Ok(summary), Value::Null) => {
            let is = short_summary(summary);
            if is != case["summary"] {
                wrong.push(format!("the summary is {is}, expected {}", case["summary"]));
            }
            if (summary.attempts, &summary.model) != (1, &requested_model(case)) {
                wrong.push(format!("{} attempts at {}", summary.attempts, summary.model));
            }
            let codes = summary.warnings.iter().map(|warning| &*warning.code);
            let expected = case["warnings"].as_array().into_iter().flatten();
            let expected: Vec<_> = expected.filter_map(Value::as_str).collect();
            if codes.clone().ne(expected.iter().copied()) {
                let codes: Vec<_> = codes.collect();
                wrong.push(format!("the warnings are {codes:?}, expected {expected:?}"));
            }
        }
        (Err(error), expected @ Value::Object(_)) => wrong.extend(check_error(expected, error)),
        (other, _) => wrong.push(format!("it ended as {other:?}")),
    }
    wrong
}

/// What is wrong with the error of a response without success.
pub(crate) fn check_failure(case: &Value, error: &Error) -> Vec<String> {
    let mut wrong = check_error(&case["error"], error);
    if (json!(error.status), error.request_sent, error.attempts) != (case["status"].clone(), true, 1) {
        wrong.push(format!("status, request and attempts of {error:?}"));
    }
    if error.message.trim().is_empty() || has_tag(&error.message) {
        wrong.push(format!("the message is {:?}", error.message));
    }
    wrong
}

/// Whether a message shows HTML.
fn has_tag(message: &str) -> bool {
    let mut behind = message.split('<').skip(1);
    behind.any(|text| text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!')))
}

/// What is wrong with an error; members that the case does not name may have any value.
pub(crate) fn check_error(expected: &Value, error: &Error) -> Vec<String> {
    let mut wrong = Vec::new();
    let hint = error.hint.clone().unwrap_or_default();
    for (member, value) in expected.as_object().unwrap() {
        let actual: Value = match member.as_str() {
            "kind" => word(error.kind).into(),
            "message" => error.message.clone().into(),
            "message-part" | "hint-part" | "provider-hint-part" => {
                let text = if member == "message-part" {
                    &error.message
                } else {
                    &hint
                };
                if !text.contains(value.as_str().unwrap()) {
                    wrong.push(format!("{member} {value} is not in {text:?}"));
                }
                continue;
            }
            "status" => error.status.into(),
            "code" => error.code.clone().into(),
            "retryable" => error.retryable.into(),
            "retry-after-ms" => error.retry_after_ms.into(),
            "request-sent" => error.request_sent.into(),
            "attempts" => error.attempts.into(),
            "backend" => error.backend.clone().into(),
            "request-id" => error.request_id.clone().into(),
            "suggestions" => error.suggestions.clone().into(),
            "extras" => {
                let value = |extra: &Extra| serde_json::from_str::<Value>(&extra.value_json).unwrap();
                let extras = error.extras.iter();
                let members: Map<String, Value> =
                    extras.map(|extra| (extra.key.clone(), value(extra))).collect();
                members.into()
            }
            other => panic!("unknown member {other}"),
        };
        if actual != *value {
            wrong.push(format!("{member} is {actual}, expected {value}: {error:?}"));
        }
    }
    wrong
}
