//! Responses as clients read them.

use serde_json::{Value, json};

use super::*;
use crate::dialect::{has_logprobs, is_logprobs};
use provider_contract::{
    GenerationInfo,
    contract::{
        Extra, Reasoning, Summary, ToolCall, ToolCallDelta, ToolCallEnd, ToolCallStart, Usage, Warning,
    },
};

fn envelope(include_usage: bool) -> Envelope {
    Envelope {
        id: "chatcmpl-1".into(),
        created: 7,
        model: "a/b".into(),
        include_usage,
        reasoning: ReasoningField::default(),
        has_functions: false,
        notes: RequestNotes::default(),
    }
}

fn summary(finish_reason: FinishReason) -> Summary {
    Summary {
        finish_reason,
        raw_finish_reason: Some("raw".into()),
        usage: Usage {
            input_tokens: Some(u32::MAX),
            cached_input_tokens: Some(1),
            output_tokens: Some(2),
            reasoning_tokens: None,
        },
        model: "x/a/b".into(),
        backend: None,
        request_id: None,
        attempts: 2,
        warnings: vec![Warning {
            code: "left-out".into(),
            message: "something".into(),
        }],
        extras: Vec::new(),
    }
}

fn generation() -> GenerationInfo {
    GenerationInfo::new(3, "0.1.0", "sha256:0")
}

fn whole(parts: &[AssistantPart], ending: Ending<'_>) -> Value {
    parsed(&serde_json::to_string(&envelope(false).whole(parts, ending)).expect("a response"))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn chunks_have_the_dialects_deltas() {
    let call = |index, id: &str| {
        ChatEvent::ToolCallStart(ToolCallStart {
            index,
            id: id.into(),
            name: "f".into(),
        })
    };
    let piece = ChatEvent::ToolCallDelta(ToolCallDelta {
        index: 1,
        arguments_fragment: "{\"a\":".into(),
    });
    let extra = |key: &str, value: &str| {
        ChatEvent::Other(Extra {
            key: key.into(),
            value_json: value.into(),
        })
    };
    let thought = ChatEvent::Reasoning(Reasoning::new("hm"));
    let start =
        json!([{"index": 1, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]);
    for (event, delta) in [
        (ChatEvent::Text("a\nb".into()), Some(json!({"content": "a\nb"}))),
        (thought, Some(json!({"reasoning_content": "hm"}))),
        (call(1, "c"), Some(json!({ "tool_calls": start }))),
        (
            piece,
            Some(json!({"tool_calls": [{"index": 1, "function": {"arguments": "{\"a\":"}}]})),
        ),
        (extra("annotations", "[1]"), Some(json!({"annotations": [1]}))),
        (extra("content", "\"no\""), None),
        (extra("broken", "{"), None),
        (
            ChatEvent::ToolCallEnd(ToolCallEnd {
                index: 1,
                extras: vec![],
            }),
            None,
        ),
    ] {
        let chunk = envelope(false).event(&event, None);
        let found = chunk.as_deref().map(parsed);
        assert_eq!(
            found.as_ref().map(|chunk| &chunk["choices"][0]["delta"]),
            delta.as_ref()
        );
        if let Some(chunk) = found {
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert_eq!(chunk["choices"][0]["finish_reason"], Value::Null);
            assert!(chunk.get("usage").is_none());
        }
    }
}

#[test]
fn usage_comes_last_if_it_was_requested_and_is_known() {
    let (summary, generation) = (summary(FinishReason::Stop), generation());
    let ending = Ending {
        summary: &summary,
        generation: &generation,
        attempts: &[],
    };
    let without = envelope(false).closing(ending);
    assert_eq!(without.len(), 1);
    assert!(parsed(&without[0]).get("usage").is_none());
    let with = envelope(true).closing(ending);
    let [end, usage] = [parsed(&with[0]), parsed(&with[1])];
    assert_eq!(end["usage"], Value::Null);
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(
        usage["usage"],
        json!({"prompt_tokens": u32::MAX, "completion_tokens": 2, "total_tokens": u64::from(u32::MAX) + 2,
            "prompt_tokens_details": {"cached_tokens": 1}})
    );
    let unknown = Summary {
        usage: Usage {
            output_tokens: None,
            ..summary.usage
        },
        ..summary.clone()
    };
    let ending = Ending {
        summary: &unknown,
        ..ending
    };
    assert_eq!(envelope(true).closing(ending).len(), 1);
}

#[test]
fn a_response_ends_with_a_finish_reason_of_the_dialect_and_all_other_data() {
    for (reason, word) in [
        (FinishReason::Stop, "stop"),
        (FinishReason::Length, "length"),
        (FinishReason::ToolCalls, "tool_calls"),
        (FinishReason::ContentFilter, "content_filter"),
        (FinishReason::Other, "stop"),
    ] {
        let (summary, generation) = (summary(reason), generation());
        let ending = Ending {
            summary: &summary,
            generation: &generation,
            attempts: &[],
        };
        let mut envelope = envelope(false);
        envelope.notes.media = 1;
        let last = parsed(&envelope.closing(ending)[0]);
        assert_eq!(last["choices"][0]["finish_reason"], word);
        assert_eq!(last["choices"][0]["delta"], json!({}));
        let plugin = &last["x_plugin"];
        assert_eq!(plugin["rawFinishReason"], "raw");
        assert_eq!(plugin["generation"], 3);
        assert_eq!(plugin["warnings"][0]["code"], "left-out");
        assert_eq!(plugin["warnings"][1]["code"], "media-not-shown");
        assert!(plugin.get("backend").is_none(), "unknown is absent");
        let whole = whole(&[], ending);
        assert_eq!(whole["choices"][0]["finish_reason"], word);
    }
}

#[test]
fn a_whole_response_has_text_reasoning_and_calls_where_clients_look() {
    let (summary, generation) = (summary(FinishReason::ToolCalls), generation());
    let ending = Ending {
        summary: &summary,
        generation: &generation,
        attempts: &[],
    };
    let text = |text: &str| AssistantPart::Text(text.into());
    let thought = AssistantPart::Reasoning(Reasoning::new("hm"));
    let call = AssistantPart::ToolCall(ToolCall::new("c", "f", "{}"));
    let message = |parts: &[AssistantPart]| whole(parts, ending)["choices"][0]["message"].clone();
    assert_eq!(
        message(&[thought, text("a"), text("b")]),
        json!({"role": "assistant", "content": "ab", "reasoning_content": "hm", "refusal": null, "annotations": []})
    );
    assert_eq!(
        message(std::slice::from_ref(&call)),
        json!({"role": "assistant", "content": null, "refusal": null, "annotations": [], "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]})
    );
    assert_eq!(
        message(&[]),
        json!({"role": "assistant", "content": "", "refusal": null, "annotations": []})
    );
}

#[test]
fn extras_that_arrive_in_fragments_are_merged_at_the_end() {
    let (summary, generation) = (summary(FinishReason::Stop), generation());
    let ending = Ending {
        summary: &summary,
        generation: &generation,
        attempts: &[],
    };
    let pieces = [
        ("logprobs", json!({"content": [{"token": "a"}], "refusal": null})),
        ("annotations", json!([1])),
        ("executed_tools", json!([{"x": 1}])),
        ("logprobs", json!({"content": [{"token": "b"}], "refusal": null})),
        ("annotations", json!([2, 3])),
        ("refusal", json!("I ")),
        ("refusal", json!("won't")),
        ("role", json!("user")),
    ];
    let extra = |(key, value): &(&str, Value)| Extra {
        key: (*key).into(),
        value_json: value.to_string(),
    };
    let parts: Vec<_> = pieces
        .iter()
        .map(|piece| AssistantPart::Other(extra(piece)))
        .collect();
    let whole = whole(&parts, ending);
    let choice = &whole["choices"][0];
    assert_eq!(
        choice["logprobs"],
        json!({"content": [{"token": "a"}, {"token": "b"}], "refusal": null})
    );
    assert_eq!(
        choice["message"],
        json!({"role": "assistant", "content": "", "annotations": [1, 2, 3], "executed_tools": [{"x": 1}],
            "refusal": "I won't"})
    );
    // In a stream they are in the choice as well, where clients look for them.
    let chunk = parsed(
        &envelope(false)
            .event(&ChatEvent::Other(extra(&pieces[0])), None)
            .unwrap(),
    );
    assert_eq!(chunk["choices"][0]["logprobs"]["content"][0]["token"], "a");
    assert_eq!(chunk["choices"][0]["delta"], json!({}));
}

#[test]
fn what_an_upstream_adds_is_passed_on_as_it_was_written() {
    let (summary, generation) = (summary(FinishReason::Stop), generation());
    let ending = Ending {
        summary: &summary,
        generation: &generation,
        attempts: &[],
    };
    // More digits than a float has, a number beyond all integer types, and half a surrogate pair.
    let written = r#"{"a":-0.11082194000482559,"b":123456789012345678901,"c":1.0,"d":"\ud800"}"#;
    let extra = |value_json: String| Extra {
        key: "added".into(),
        value_json,
    };
    let event = ChatEvent::Other(extra(written.into()));
    let event = envelope(false).event(&event, None).unwrap();
    assert!(event.contains(written), "{event}");
    // Whole, in fragments of one list, and over two lines.
    let lines = format!("[{written},\r\n{written}]");
    for pieces in [
        vec![written.to_owned()],
        vec![format!("[{written}]"), format!("[{written}]")],
        vec![lines.clone()],
    ] {
        let parts: Vec<_> = pieces
            .into_iter()
            .map(|piece| AssistantPart::Other(extra(piece)))
            .collect();
        let whole = serde_json::to_string(&envelope(false).whole(&parts, ending)).unwrap();
        assert!(whole.contains(written), "{whole}");
    }
    let event = envelope(false)
        .event(&ChatEvent::Other(extra(lines)), None)
        .unwrap();
    assert!(!event.contains(['\r', '\n']), "{event}");
}

#[test]
fn reasoning_is_in_one_field_unless_the_operator_configures_both() {
    let (summary, generation) = (summary(FinishReason::Stop), generation());
    let ending = Ending {
        summary: &summary,
        generation: &generation,
        attempts: &[],
    };
    let thought = || Reasoning::new("hm");
    for (field, names) in [
        (ReasoningField::ReasoningContent, &["reasoning_content"][..]),
        (ReasoningField::Reasoning, &["reasoning"]),
        (ReasoningField::Both, &["reasoning_content", "reasoning"]),
    ] {
        let envelope = Envelope {
            reasoning: field,
            ..envelope(false)
        };
        let chunk = parsed(&envelope.event(&ChatEvent::Reasoning(thought()), None).unwrap());
        let parts = [AssistantPart::Reasoning(thought())];
        let whole = serde_json::to_value(envelope.whole(&parts, ending)).expect("JSON");
        for said in [&chunk["choices"][0]["delta"], &whole["choices"][0]["message"]] {
            for name in ["reasoning_content", "reasoning"] {
                let wanted = names.contains(&name).then(|| json!("hm"));
                assert_eq!(said.get(name), wanted.as_ref(), "{field:?}: {said}");
            }
        }
    }
}

#[test]
fn log_probabilities_are_in_the_chunk_of_their_text() {
    let logprobs = Extra {
        key: LOGPROBS.into(),
        value_json: r#"{"content":[{"token":"a","logprob":-0.11082194000482559}]}"#.into(),
    };
    let text = ChatEvent::Text("a".into());
    let chunk = envelope(false).event(&text, Some(&logprobs)).unwrap();
    assert!(
        chunk.contains(&format!("\"logprobs\":{}", logprobs.value_json)),
        "{chunk}"
    );
    assert_eq!(parsed(&chunk)["choices"][0]["delta"]["content"], "a");
    assert!(has_logprobs(&text) && is_logprobs(&ChatEvent::Other(logprobs)));
}

#[test]
fn a_stream_begins_as_typed_clients_know_it() {
    let opening = parsed(&envelope(false).opening());
    assert_eq!(
        opening["choices"][0]["delta"],
        json!({"role": "assistant", "content": "", "refusal": null})
    );
}

#[test]
fn a_client_with_functions_gets_the_first_call_as_function_call() {
    let (summary, generation) = (summary(FinishReason::ToolCalls), generation());
    let ending = Ending {
        summary: &summary,
        generation: &generation,
        attempts: &[],
    };
    let envelope = Envelope {
        has_functions: true,
        ..envelope(false)
    };
    let call = |id: &str, name: &str| {
        AssistantPart::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments_json: "{\"x\":1}".into(),
            extras: Vec::new(),
        })
    };
    let parts = [call("1", "f"), call("2", "g")];
    let whole = serde_json::to_value(envelope.whole(&parts, ending)).expect("JSON");
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call");
    assert_eq!(
        choice["message"]["function_call"],
        json!({"name": "f", "arguments": "{\"x\":1}"})
    );
    assert_eq!(
        (choice["message"].get("tool_calls"), &choice["message"]["content"]),
        (None, &Value::Null)
    );

    let start = |index, name: &str| {
        ChatEvent::ToolCallStart(ToolCallStart {
            index,
            id: "1".into(),
            name: name.into(),
        })
    };
    let more = ChatEvent::ToolCallDelta(ToolCallDelta {
        index: 0,
        arguments_fragment: "{".into(),
    });
    let delta = |event: &ChatEvent| {
        let chunk = envelope.event(event, None)?;
        Some(parsed(&chunk)["choices"][0]["delta"].clone())
    };
    assert_eq!(
        delta(&start(0, "f")),
        Some(json!({"function_call": {"name": "f", "arguments": ""}}))
    );
    assert_eq!(delta(&more), Some(json!({"function_call": {"arguments": "{"}})));
    assert_eq!(delta(&start(1, "g")), None);
    let end = envelope.closing(ending);
    assert_eq!(parsed(&end[0])["choices"][0]["finish_reason"], "function_call");
}
