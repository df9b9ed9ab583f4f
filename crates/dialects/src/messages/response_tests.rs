//! Responses as data: `tests/cases/messages-responses.json`, each as a stream and whole.

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{dialect::Dialect as _, messages::Messages};
use provider_contract::{
    Error, ErrorKind, GenerationInfo,
    contract::{FinishReason, ProviderErrorKind, Reasoning, ToolCallDelta, ToolCallEnd, Usage},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    stops: Vec<String>,
    /// As in `streams/*.json`.
    events: Vec<Value>,
    #[serde(default)]
    finish: String,
    raw: Option<String>,
    #[serde(default)]
    usage: [Option<u32>; 4],
    #[serde(default)]
    extras: Vec<(String, Value)>,
    /// The events between the start and the end of the message: name, index and content.
    stream: Vec<Value>,
    /// The response's content, stop reason and sequence, in both forms.
    content: Value,
    stop: Value,
    #[serde(default)]
    warnings: Vec<String>,
}

fn reply(case: &Case) -> MessagesResponse {
    let mut reply = MessagesResponse::new(
        RequestNotes::default(),
        case.stops.clone(),
        HashMap::new(),
        Origins::default(),
    );
    reply.begin(Head {
        id: "1-a".to_owned(),
        request_id: "1".to_owned(),
        ..Head::default()
    });
    reply
}

fn summary(case: &Case) -> Summary {
    let [input_tokens, cached_input_tokens, output_tokens, reasoning_tokens] = case.usage;
    Summary {
        finish_reason: match case.finish.as_str() {
            "" | "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            "tool-calls" => FinishReason::ToolCalls,
            "content-filter" => FinishReason::ContentFilter,
            "other" => FinishReason::Other,
            word => panic!("{word} is no finish reason"),
        },
        raw_finish_reason: case.raw.clone(),
        usage: Usage {
            input_tokens,
            cached_input_tokens,
            output_tokens,
            reasoning_tokens,
        },
        model: "a/b".to_owned(),
        backend: None,
        request_id: None,
        attempts: 1,
        warnings: Vec::new(),
        extras: case
            .extras
            .iter()
            .map(|(key, value)| Extra {
                key: key.clone(),
                value_json: value.to_string(),
            })
            .collect(),
    }
}

fn event(event: &Value) -> ChatEvent {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let index = |value: &Value| u32::try_from(value.as_u64().expect("an index")).expect("an index");
    if let Some(said) = event["text"].as_str() {
        return ChatEvent::Text(said.to_owned());
    }
    if event.get("reasoning").is_some() || event.get("signature").is_some() {
        return ChatEvent::Reasoning(Reasoning {
            text: text(&event["reasoning"]),
            signature: event["signature"].as_str().map(str::to_owned),
            extras: Vec::new(),
        });
    }
    if let [at, id, name] = event["start"].as_array().map_or(&[][..], Vec::as_slice) {
        return ChatEvent::ToolCallStart(ToolCallStart {
            index: index(at),
            id: text(id),
            name: text(name),
        });
    }
    if let [at, fragment] = event["delta"].as_array().map_or(&[][..], Vec::as_slice) {
        return ChatEvent::ToolCallDelta(ToolCallDelta {
            index: index(at),
            arguments_fragment: text(fragment),
        });
    }
    if let [key, value] = event["other"].as_array().map_or(&[][..], Vec::as_slice) {
        return ChatEvent::Other(Extra {
            key: text(key),
            value_json: value.to_string(),
        });
    }
    ChatEvent::ToolCallEnd(ToolCallEnd {
        index: index(&event["end"]),
        extras: Vec::new(),
    })
}

/// The parts that the events form in the contract.
fn parts(events: &[ChatEvent]) -> Vec<AssistantPart> {
    let mut parts = Vec::new();
    let mut calls = Vec::new();
    for event in events {
        match (event, parts.last_mut()) {
            (ChatEvent::Text(more), Some(AssistantPart::Text(text))) => text.push_str(more),
            (ChatEvent::Text(text), _) => parts.push(AssistantPart::Text(text.clone())),
            (ChatEvent::Reasoning(more), Some(AssistantPart::Reasoning(so_far)))
                if so_far.signature.is_none() =>
            {
                so_far.text.push_str(&more.text);
                so_far.signature.clone_from(&more.signature);
            }
            (ChatEvent::Reasoning(piece), _) => parts.push(AssistantPart::Reasoning(piece.clone())),
            (ChatEvent::ToolCallStart(start), _) => {
                calls.push(parts.len());
                parts.push(AssistantPart::ToolCall(provider_contract::contract::ToolCall {
                    id: start.id.clone(),
                    name: start.name.clone(),
                    arguments_json: String::new(),
                    extras: Vec::new(),
                }));
            }
            (ChatEvent::ToolCallDelta(delta), _) => {
                if let AssistantPart::ToolCall(call) = &mut parts[calls[delta.index as usize]] {
                    call.arguments_json.push_str(&delta.arguments_fragment);
                }
            }
            (ChatEvent::Other(extra), _) => parts.push(AssistantPart::Other(extra.clone())),
            (ChatEvent::ToolCallEnd(_) | ChatEvent::Media(_), _) => {}
        }
    }
    parts
}

/// The message as a client assembles it from the events by block index. Checks that each block ends before the next
/// begins.
fn folded(frames: &[Frame]) -> Value {
    let mut message = Value::Null;
    let mut open: Option<(u64, String)> = None;
    for frame in frames {
        let data: Value = serde_json::from_str(&frame.data).expect("JSON");
        assert_eq!(
            data["type"],
            frame.event.unwrap_or_default(),
            "the name of an event is its type"
        );
        let index = data["index"].as_u64();
        match frame.event.unwrap_or_default() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                assert_eq!(open, None, "one block at a time: {data}");
                let content = message["content"].as_array_mut().expect("a list");
                assert_eq!(index, Some(content.len() as u64), "in their order");
                content.push(data["content_block"].clone());
                open = index.map(|index| (index, String::new()));
            }
            "content_block_delta" => {
                let (at, json) = open.as_mut().expect("a block");
                assert_eq!(Some(*at), index, "of the open block");
                let block = &mut message["content"][*at as usize];
                let delta = &data["delta"];
                for (member, kind) in [
                    ("text", "text_delta"),
                    ("thinking", "thinking_delta"),
                    ("signature", "signature_delta"),
                ] {
                    if delta["type"] == kind {
                        let so_far = block[member].as_str().expect("a text").to_owned();
                        block[member] = (so_far + delta[member].as_str().expect("a text")).into();
                    }
                }
                if delta["type"] == "input_json_delta" {
                    json.push_str(delta["partial_json"].as_str().expect("a text"));
                }
            }
            "content_block_stop" => {
                let (at, json) = open.take().expect("a block");
                assert_eq!(Some(at), index);
                if !json.is_empty() {
                    message["content"][at as usize]["input"] =
                        serde_json::from_str(&json).expect("whole arguments");
                }
            }
            "message_delta" => {
                let members = message.as_object_mut().expect("an object");
                members.extend(data["delta"].as_object().expect("an object").clone());
                members.insert("usage".to_owned(), data["usage"].clone());
                members.insert("x_plugin".to_owned(), data["x_plugin"].clone());
            }
            "message_stop" => assert_eq!(open, None),
            other => panic!("{other} is no event"),
        }
    }
    message
}

/// The events between the start and the end, abbreviated.
fn in_short(frames: &[Frame]) -> Vec<Value> {
    let short = frames.iter().filter_map(|frame| {
        let data: Value = serde_json::from_str(&frame.data).expect("JSON");
        match frame.event.unwrap_or_default() {
            "content_block_start" => Some(json!(["start", data["index"], data["content_block"]["type"]])),
            "content_block_delta" => {
                let delta = data["delta"].as_object().expect("an object");
                let brought = delta.iter().find(|(key, _)| *key != "type");
                Some(json!(["delta", data["index"], brought.map(|(_, value)| value)]))
            }
            "content_block_stop" => Some(json!(["stop", data["index"]])),
            _ => None,
        }
    });
    short.collect()
}

#[test]
fn responses_match_the_cases_whole_and_as_a_stream() {
    let cases = include_str!("../../../../tests/cases/messages-responses.json");
    let cases: Vec<Case> = serde_json::from_str(cases).expect("the cases");
    assert!(cases.len() >= 15, "the cases are there");
    let generation = GenerationInfo::new(1, "0.1.0", "sha256:0");
    for case in cases {
        let name = &case.name;
        let (summary, events) = (summary(&case), case.events.iter().map(event).collect::<Vec<_>>());
        let ending = Ending {
            summary: &summary,
            generation: &generation,
            attempts: &[],
        };
        let (mut streamed, mut frames) = (reply(&case), Vec::new());
        streamed.opening("a/b", &mut frames);
        for event in &events {
            streamed.event(event, None, &mut frames);
        }
        streamed.closing(ending, &mut frames);
        assert_eq!(in_short(&frames), case.stream, "{name}: the stream");
        let folded = folded(&frames);
        let whole = reply(&case).whole("a/b", &parts(&events), ending);
        let whole: Value = serde_json::from_str(&whole).expect("JSON");
        assert_eq!(folded, whole, "{name}: both forms say the same");
        assert_eq!(whole["content"], case.content, "{name}");
        assert_eq!(
            json!([whole["stop_reason"], whole["stop_sequence"]]),
            case.stop,
            "{name}"
        );
        let warnings: Vec<&str> = whole["x_plugin"]["warnings"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|warning| warning["code"].as_str().expect("a code"))
            .collect();
        assert_eq!(warnings, case.warnings, "{name}");
    }
}

#[test]
fn counts_add_up_to_the_contracts_input_and_unknown_ones_are_reported() {
    let case = |usage| Case {
        name: String::new(),
        stops: Vec::new(),
        events: Vec::new(),
        finish: String::new(),
        raw: None,
        usage,
        extras: Vec::new(),
        stream: Vec::new(),
        content: Value::Null,
        stop: Value::Null,
        warnings: Vec::new(),
    };
    let generation = GenerationInfo::new(1, "0.1.0", "sha256:0");
    for (usage, input, cached, output, thinking, is_told) in [
        ([Some(30), Some(10), Some(7), Some(2)], 20, 10, 7, json!(2), false),
        ([Some(30), None, Some(7), None], 30, 0, 7, Value::Null, false),
        ([Some(5), Some(10), Some(7), None], 0, 10, 7, Value::Null, false),
        ([None; 4], 0, 0, 0, Value::Null, true),
    ] {
        let case = case(usage);
        let ending = Ending {
            summary: &summary(&case),
            generation: &generation,
            attempts: &[],
        };
        let whole: Value = serde_json::from_str(&reply(&case).whole("m", &[], ending)).expect("JSON");
        let counted = &whole["usage"];
        assert_eq!(counted["input_tokens"], input);
        assert_eq!(counted["cache_read_input_tokens"], cached);
        assert_eq!(counted["output_tokens"], output);
        assert_eq!(counted["output_tokens_details"]["thinking_tokens"], thinking);
        assert_eq!(
            whole["x_plugin"]["warnings"]
                .to_string()
                .contains("usage-unknown"),
            is_told
        );
    }
}

#[test]
fn a_failed_response_ends_no_incomplete_call() {
    let case: Case =
        serde_json::from_value(json!({"name": "", "events": [], "stream": [], "content": [], "stop": []}))
            .expect("a case");
    let (mut reply, mut frames) = (reply(&case), Vec::new());
    reply.opening("m", &mut frames);
    for said in [
        json!({"start": [0, "c", "f"]}),
        json!({"delta": [0, "{\"a\":"]}),
        json!({"text": "later"}),
    ] {
        reply.event(&event(&said), None, &mut frames);
    }
    let lost = Error::new(
        ErrorKind::Provider(ProviderErrorKind::Transport),
        "the connection was lost",
    );
    reply.failed(&ApiError::from(&lost), &mut frames);
    let names: Vec<_> = frames.iter().filter_map(|frame| frame.event).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "error",
    ];
    assert_eq!(names, expected);
    let error: Value = serde_json::from_str(&frames[3].data).expect("JSON");
    assert_eq!(error["error"]["type"], "api_error");
    assert_eq!(error["request_id"], "1");
}

#[test]
fn a_tool_is_called_by_the_name_that_the_client_gave_it() {
    let name = "n".repeat(100);
    let body = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}],
        "tools": [{"name": name, "input_schema": {}}]});
    let mut asked = Messages.parse(body.to_string().as_bytes()).expect("a request");
    let provider_contract::contract::Tool::Function(tool) = &asked.request.tools[0] else {
        panic!("a function")
    };
    assert!(tool.name.len() <= 64);
    let start = ChatEvent::ToolCallStart(ToolCallStart {
        index: 0,
        id: "c".to_owned(),
        name: tool.name.clone(),
    });
    let mut frames = Vec::new();
    asked.reply.event(&start, None, &mut frames);
    let data: Value = serde_json::from_str(&frames[0].data).expect("JSON");
    assert_eq!(data["content_block"]["name"], name);
}
