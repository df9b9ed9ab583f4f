//! A Messages client gets what clients of the other dialects get, whole or streamed.

use proptest::prelude::*;
use provider_contract::contract::{ChatEvent, FinishReason, ToolCallDelta, Usage};
use serde_json::{Value, json};

use crate::{
    alike_tests::{asked, ending, events_of, finish, parts_of, step, streamed, summary, values},
    api_error::ApiError,
    chat_completions::ChatCompletions,
    messages::Messages,
    responses_reader::{self, Read},
};

const BODY: &str = r#"{"model":"a/b","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
const CHAT: &str = r#"{"model":"a/b","messages":[{"role":"user","content":"x"}],"stream":true}"#;

/// The same events, with arguments that are complete JSON, as the contract requires.
fn with_json(events: Vec<ChatEvent>, said: &mut Read) -> Vec<ChatEvent> {
    for (_, _, arguments) in &mut said.calls {
        *arguments = format!("{{\"x\":\"{}\"}}", arguments.replace('"', "'"));
    }
    let piece = |index, text: &str| {
        ChatEvent::ToolCallDelta(ToolCallDelta {
            index,
            arguments_fragment: text.to_owned(),
        })
    };
    let with = events.into_iter().flat_map(|event| match event {
        ChatEvent::ToolCallStart(start) => {
            let opening = piece(start.index, "{\"x\":\"");
            vec![ChatEvent::ToolCallStart(start), opening]
        }
        ChatEvent::ToolCallDelta(delta) => {
            vec![piece(delta.index, &delta.arguments_fragment.replace('"', "'"))]
        }
        ChatEvent::ToolCallEnd(end) => vec![piece(end.index, "\"}"), ChatEvent::ToolCallEnd(end)],
        other => vec![other],
    });
    with.collect()
}

/// The client's reading of content blocks and of the final fields.
fn read(message: &Value) -> Read {
    let mut read = Read::default();
    for block in message["content"].as_array().expect("blocks") {
        let text = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
        match block["type"].as_str().expect("a type") {
            "text" => read.text += &text("text"),
            "thinking" => read.reasoning += &text("thinking"),
            "tool_use" => read
                .calls
                .push((text("id"), text("name"), block["input"].to_string())),
            other => panic!("{other} is no block of these"),
        }
    }
    let details = &message["stop_details"]["explanation"];
    read.refusal = details.as_str().unwrap_or_default().to_owned();
    read.finish = match message["stop_reason"].as_str().unwrap_or_default() {
        "end_turn" => "stop",
        "max_tokens" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        other => other,
    }
    .to_owned();
    let usage = &message["usage"];
    read.usage = json!([
        usage["input_tokens"].as_u64().unwrap_or_default()
            + usage["cache_read_input_tokens"].as_u64().unwrap_or_default(),
        usage["output_tokens"]
    ]);
    read
}

/// The message that a strict client assembles from the events of a stream.
fn folded(events: &[Value]) -> Value {
    let (mut message, mut open, mut input) = (Value::Null, false, String::new());
    for event in events {
        let blocks = || message["content"].as_array().map_or(0, Vec::len);
        match event["type"].as_str().expect("a type") {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert!(!open && event["index"] == blocks(), "one after another: {event}");
                open = true;
                input.clear();
                let content = message["content"].as_array_mut().expect("a list");
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let at = blocks() - 1;
                assert!(open && event["index"] == at, "{event}");
                let delta = &event["delta"];
                let member = match delta["type"].as_str().expect("a type") {
                    "text_delta" => "text",
                    "thinking_delta" => "thinking",
                    "signature_delta" => "signature",
                    "input_json_delta" => {
                        input += delta["partial_json"].as_str().expect("a text");
                        continue;
                    }
                    other => panic!("{other} is no delta"),
                };
                let more = delta[member].as_str().expect("a text");
                let whole = message["content"][at][member]
                    .as_str()
                    .expect("a text")
                    .to_owned()
                    + more;
                message["content"][at][member] = whole.into();
            }
            "content_block_stop" => {
                assert!(std::mem::take(&mut open), "{event}");
                let at = blocks() - 1;
                if !input.is_empty() {
                    message["content"][at]["input"] = serde_json::from_str(&input).expect("whole");
                }
            }
            "message_delta" => {
                for (name, value) in event["delta"].as_object().expect("an object") {
                    message[name] = value.clone();
                }
                message["usage"] = event["usage"].clone();
            }
            "message_stop" | "error" => {}
            other => panic!("{other} is no event"),
        }
    }
    message
}

proptest! {
    #[test]
    fn a_client_of_messages_has_what_one_of_chat_completions_has(
        steps in prop::collection::vec(step(), 0..24),
        reason in finish(),
        tokens in prop::option::of((0..1_000_000_u32, 0..1_000_000_u32, prop::option::of(0..1000_u32))),
    ) {
        let (events, mut said) = events_of(steps);
        let events = with_json(events, &mut said);
        let usage = Usage {
            input_tokens: tokens.map(|(input, ..)| input),
            cached_input_tokens: tokens.and_then(|(input, _, cached)| Some(cached?.min(input))),
            output_tokens: tokens.map(|(_, output, _)| output),
            reasoning_tokens: None,
        };
        let reason = match reason {
            FinishReason::Stop | FinishReason::ToolCalls if said.calls.is_empty() => FinishReason::Stop,
            FinishReason::Stop => FinishReason::ToolCalls,
            other => other,
        };
        let summary = summary(reason, usage);
        let chat = responses_reader::chat(&values(&streamed(
            &ChatCompletions::default(), CHAT, &events, Ok(&summary),
        )));
        // A refusal is a stop reason of its own here; its text is beside it or nowhere.
        let is_refused = reason == FinishReason::ContentFilter
            || (reason == FinishReason::Stop && !said.refusal.is_empty());
        let wants = Read {
            finish: if is_refused { "content_filter".to_owned() } else { chat.finish.clone() },
            refusal: if is_refused { chat.refusal.clone() } else { String::new() },
            // Unknown usage is 0 in this dialect, and marked as unknown.
            usage: json!([tokens.map_or(0, |(input, ..)| input), tokens.map_or(0, |(_, output, _)| output)]),
            ..chat
        };
        let frames = streamed(&Messages, BODY, &events, Ok(&summary));
        for frame in &frames {
            let value: Value = serde_json::from_str(&frame.data).expect("JSON");
            prop_assert_eq!(frame.event, value["type"].as_str());
        }
        prop_assert_eq!(&read(&folded(&values(&frames))), &wants);
        let mut whole = asked(&Messages, BODY);
        let whole = whole.reply.whole("a/b", &parts_of(&events), ending(&summary));
        let whole: Value = serde_json::from_str(&whole).expect("JSON");
        prop_assert_eq!(&read(&whole), &wants);
    }

    #[test]
    fn a_call_that_is_not_whole_when_a_stream_breaks_off_does_not_end(
        steps in prop::collection::vec(step(), 0..12),
        cut in 0..24_usize,
    ) {
        let (events, mut said) = events_of(steps);
        let mut events = with_json(events, &mut said);
        events.truncate(cut);
        let error = ApiError::new(http::StatusCode::BAD_GATEWAY, "server_error", "transport", "it broke off");
        let frames = streamed(&Messages, BODY, &events, Err(&error));
        let all = values(&frames);
        prop_assert_eq!(&all.last().expect("an error")["type"], "error");
        let ended = events.iter().filter(|event| matches!(event, ChatEvent::ToolCallEnd(_))).count();
        // The fold fails if a call ends with arguments that are not whole. Without arguments it ends by its end alone.
        folded(&all);
        let of = |kind: &'static str| all.iter().filter(move |value| value["type"] == kind);
        let is_bare_call = |stop: &&Value| {
            let is_of_it = |event: &&Value| event["index"] == stop["index"];
            let is_call = of("content_block_start").any(|start| {
                is_of_it(&start) && start["content_block"]["type"] == "tool_use"
            });
            is_call && !of("content_block_delta").any(|delta| is_of_it(&delta))
        };
        prop_assert!(of("content_block_stop").filter(is_bare_call).count() <= ended);
    }
}
