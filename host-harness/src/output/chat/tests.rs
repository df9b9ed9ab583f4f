//! The JSON keys of a response.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use model_provider_host::{
    Error, ErrorKind,
    contract::{self, Extra, Reasoning, ToolCall},
};

fn summary() -> Summary {
    Summary {
        finish_reason: FinishReason::ToolCalls,
        raw_finish_reason: Some("tool_calls".into()),
        usage: Usage {
            input_tokens: Some(3),
            cached_input_tokens: None,
            output_tokens: Some(5),
            reasoning_tokens: Some(2),
        },
        model: "acme/org/m".into(),
        backend: Some("east".into()),
        request_id: Some("r1".into()),
        attempts: 2,
        warnings: vec![contract::Warning {
            code: "w".into(),
            message: "m".into(),
        }],
        extras: Vec::new(),
    }
}

fn generation() -> GenerationInfo {
    GenerationInfo::new(1, "0.1.0", "sha256:00")
}

fn content() -> Vec<AssistantPart> {
    let call = |id: &str, arguments: &str| AssistantPart::ToolCall(ToolCall::new(id, "f", arguments));
    vec![
        AssistantPart::Reasoning(Reasoning::new("hm")),
        AssistantPart::Text("hello".into()),
        call("c0", r#"{"b":1,"a":[2.5]}"#),
        call("c1", "{broken"),
    ]
}

fn gathered() -> Gathered {
    let mut gathered = Gathered::default();
    for event in Gathered::events(content()) {
        gathered.take(&event);
    }
    gathered
}

#[test]
fn a_response_has_the_keys_that_scripts_read() {
    let failed_attempts = [Attempt::new(
        "acme/org/other",
        Error::new(ErrorKind::PluginTrap, "it fell"),
        Duration::from_millis(7),
    )];
    let summary = SummaryJson::new(
        &summary(),
        &generation(),
        Some("0.000008".into()),
        &failed_attempts,
        Vec::new(),
    );
    let gathered = gathered();
    let text = serde_json::to_string(&AnswerJson::new(&gathered, summary)).expect("it is JSON");
    let json: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(
        json,
        json!({
            "text": "hello", "reasoning": "hm",
            "toolCalls": [
                {"id": "c0", "name": "f", "arguments": {"b": 1, "a": [2.5]}},
                {"id": "c1", "name": "f", "arguments": "{broken"},
            ],
            "finishReason": "tool-calls", "rawFinishReason": "tool_calls",
            "usage": {"inputTokens": 3, "outputTokens": 5, "reasoningTokens": 2},
            "model": "acme/org/m", "backend": "east", "requestId": "r1", "attempts": 2,
            "generation": {"number": 1, "digest": "sha256:00", "version": "0.1.0"},
            "cost": "0.000008",
            "warnings": [{"code": "w", "message": "m"}],
            "trail": [{
                "ref": "acme/org/other",
                "error": {
                    "kind": "plugin-trap", "message": "it fell", "retryable": false, "requestSent": false,
                    "attempts": 0, "suggestions": [],
                },
                "elapsedMs": 7,
            }],
        })
    );
}

#[test]
fn a_response_that_broke_off_has_its_partial_text_and_the_error() {
    let broken = BrokenJson {
        model: "acme/org/m".into(),
        generation: (&generation()).into(),
        failed_attempts: Vec::new(),
        error: (&Error::new(ErrorKind::Cancelled, "given up")).into(),
        others: BTreeMap::new(),
    };
    let gathered = Gathered {
        text: "hel".into(),
        ..Gathered::default()
    };
    let json = serde_json::to_value(AnswerJson::new(&gathered, broken)).expect("it is JSON");
    let keys: Vec<_> = json.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        ["text", "toolCalls", "model", "generation", "trail", "error"]
    );
    assert_eq!(json["error"]["kind"], "cancelled");
}

#[test]
fn events_are_lines_with_a_type() {
    let lines: Vec<Value> = Gathered::events(content())
        .iter()
        .filter_map(LineJson::of)
        .map(|line| serde_json::to_value(line).expect("it is JSON"))
        .collect();
    assert_eq!(
        Value::Array(lines),
        json!([
            {"type": "reasoning", "text": "hm"},
            {"type": "text", "text": "hello"},
            {"type": "toolCallStart", "index": 0, "id": "c0", "name": "f"},
            {"type": "toolCallDelta", "index": 0, "argumentsFragment": "{\"b\":1,\"a\":[2.5]}"},
            {"type": "toolCallEnd", "index": 0},
            {"type": "toolCallStart", "index": 1, "id": "c1", "name": "f"},
            {"type": "toolCallDelta", "index": 1, "argumentsFragment": "{broken"},
            {"type": "toolCallEnd", "index": 1},
        ])
    );
}

#[test]
fn unknown_fields_of_the_upstream_are_in_every_format() {
    let other = |key: &str, value_json: &str| {
        AssistantPart::Other(Extra {
            key: key.into(),
            value_json: value_json.into(),
        })
    };
    let parts = vec![
        other("refusal", r#""I ""#),
        other("refusal", r#""cannot""#),
        other("logprobs", r#"{"content":[-0.11082194000482559]}"#),
        other("logprobs", r#"{"content":[2]}"#),
    ];
    let mut gathered = Gathered::default();
    for event in Gathered::events(parts) {
        gathered.take(&event);
    }
    assert_eq!(
        gathered.unshown().expect("something"),
        "`logprobs`, `refusal`: I cannot"
    );
    let mut summary = SummaryJson::new(&self::summary(), &generation(), None, &[], Vec::new());
    summary.others.clone_from(&gathered.others);
    let others = r#""others":{"logprobs":{"content":[-0.11082194000482559,2]},"refusal":"I cannot"}"#;
    let line = serde_json::to_string(&LineJson::Finished { summary }).expect("it is JSON");
    assert!(line.contains(others), "{line}");
    let mut summary = SummaryJson::new(&self::summary(), &generation(), None, &[], Vec::new());
    summary.others.clone_from(&gathered.others);
    let json = serde_json::to_string(&AnswerJson::new(&gathered, summary)).expect("it is JSON");
    assert!(json.contains(others), "{json}");
    assert_eq!(Gathered::default().unshown(), None);
}

#[test]
fn numbers_in_arguments_keep_their_digits() {
    let call = ToolCall::new("c", "f", r#"{"id": 123456789012345678901234567890}"#);
    let mut gathered = Gathered::default();
    for event in Gathered::events(vec![AssistantPart::ToolCall(call)]) {
        gathered.take(&event);
    }
    let json = serde_json::to_string(&AnswerJson::new(&gathered, json!({}))).expect("it is JSON");
    assert!(
        json.contains(r#""arguments":{"id": 123456789012345678901234567890}"#),
        "{json}"
    );
}

#[test]
fn the_last_lines_are_a_summary_or_an_error() {
    let summary = SummaryJson::new(&summary(), &generation(), None, &[], Vec::new());
    let line = serde_json::to_value(LineJson::Finished { summary }).expect("it is JSON");
    assert_eq!(line["type"], "finished");
    let keys: Vec<_> = line["summary"].as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "finishReason",
            "rawFinishReason",
            "usage",
            "model",
            "backend",
            "requestId",
            "attempts",
            "generation",
            "warnings",
            "trail"
        ]
    );
    let error = ErrorJson::from(&Error::new(ErrorKind::Drained, "swapped"));
    let line = serde_json::to_value(LineJson::Error { error }).expect("it is JSON");
    assert_eq!(
        (&line["type"], &line["error"]["kind"]),
        (&json!("error"), &json!("drained"))
    );
}
