//! All dialects give clients the same content, as a whole response and as a stream.

use proptest::prelude::*;
use provider_contract::{
    GenerationInfo,
    contract::{
        AssistantPart, ChatEvent, Extra, FinishReason, Reasoning, Summary, ToolCall, ToolCallDelta,
        ToolCallEnd, ToolCallStart, Usage,
    },
};
use serde_json::Value;

use crate::{
    api_error::ApiError,
    chat_completions::ChatCompletions,
    dialect::{Dialect, Frame, Head, ParsedRequest},
    ending::Ending,
    responses::Responses,
    responses_reader::{self, Read},
};

/// A step of a response. Tool calls may be interleaved with anything.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Text(String),
    Thought(String, bool),
    Start(String),
    More(usize, String),
    End(usize),
    Refusal(String),
    Other(&'static str, &'static str),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let words = "[a-z\\n\"\\\\é ]{0,8}";
    let others = prop::sample::select(vec![
        (
            "annotations",
            r#"[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}}]"#,
        ),
        (
            "logprobs",
            r#"{"content":[{"token":"a","logprob":-0.1,"bytes":[97],"top_logprobs":[]}]}"#,
        ),
        ("audio", r#"{"id":"a"}"#),
        ("broken", "{"),
    ]);
    prop_oneof![
        4 => "[a-z\\n\"\\\\é ]{1,8}".prop_map(Step::Text),
        3 => (words, any::<bool>()).prop_map(|(text, is_signed)| Step::Thought(text, is_signed)),
        2 => "[a-z_]{1,5}".prop_map(Step::Start),
        4 => (0..4_usize, "[a-z\" ]{0,5}").prop_map(|(call, text)| Step::More(call, text)),
        2 => (0..4_usize).prop_map(Step::End),
        1 => "[a-z]{1,4}".prop_map(Step::Refusal),
        1 => others.prop_map(|(key, json)| Step::Other(key, json)),
    ]
}

/// The steps as events by the contract's rules, and their content.
pub(crate) fn events_of(steps: Vec<Step>) -> (Vec<ChatEvent>, Read) {
    let (mut events, mut said, mut open) = (Vec::new(), Read::default(), Vec::new());
    let other = |key: &str, json: String| {
        ChatEvent::Other(Extra {
            key: key.to_owned(),
            value_json: json,
        })
    };
    for step in steps {
        match step {
            Step::Text(text) => {
                said.text += &text;
                events.push(ChatEvent::Text(text));
            }
            Step::Thought(text, is_signed) => {
                said.reasoning += &text;
                events.push(ChatEvent::Reasoning(Reasoning {
                    signature: is_signed.then(|| "signed".to_owned()),
                    ..Reasoning::new(text)
                }));
            }
            Step::Start(name) => {
                let index = said.calls.len();
                let id = format!("call_{index}");
                said.calls.push((id.clone(), name.clone(), String::new()));
                open.push(index);
                events.push(ChatEvent::ToolCallStart(ToolCallStart {
                    index: index.try_into().unwrap_or_default(),
                    id,
                    name,
                }));
            }
            Step::More(call, text) if call < open.len() => {
                said.calls[open[call]].2 += &text;
                events.push(ChatEvent::ToolCallDelta(ToolCallDelta {
                    index: open[call].try_into().unwrap_or_default(),
                    arguments_fragment: text,
                }));
            }
            Step::End(call) if call < open.len() => events.push(end(open.remove(call))),
            Step::More(..) | Step::End(_) => {}
            Step::Refusal(text) => {
                said.refusal += &text;
                events.push(other("refusal", Value::from(text).to_string()));
            }
            Step::Other(key, json) => events.push(other(key, json.to_owned())),
        }
    }
    events.extend(open.into_iter().map(end));
    (events, said)
}

fn end(index: usize) -> ChatEvent {
    ChatEvent::ToolCallEnd(ToolCallEnd {
        index: index.try_into().unwrap_or_default(),
        extras: Vec::new(),
    })
}

/// The same, collected by the contract's rules.
pub(crate) fn parts_of(events: &[ChatEvent]) -> Vec<AssistantPart> {
    let (mut parts, mut calls) = (Vec::new(), Vec::new());
    for event in events {
        match (event, parts.last_mut()) {
            (ChatEvent::Text(more), Some(AssistantPart::Text(text))) => text.push_str(more),
            (ChatEvent::Text(text), _) => parts.push(AssistantPart::Text(text.clone())),
            (ChatEvent::Reasoning(more), Some(AssistantPart::Reasoning(thought)))
                if thought.signature.is_none() =>
            {
                thought.text += &more.text;
                thought.signature.clone_from(&more.signature);
            }
            (ChatEvent::Reasoning(thought), _) => parts.push(AssistantPart::Reasoning(thought.clone())),
            (ChatEvent::ToolCallStart(start), _) => {
                calls.push(parts.len());
                parts.push(AssistantPart::ToolCall(ToolCall::new(&start.id, &start.name, "")));
            }
            (ChatEvent::ToolCallDelta(delta), _) => {
                let at = calls[usize::try_from(delta.index).unwrap_or_default()];
                if let AssistantPart::ToolCall(call) = &mut parts[at] {
                    call.arguments_json += &delta.arguments_fragment;
                }
            }
            (ChatEvent::Media(media), _) => parts.push(AssistantPart::Media(media.clone())),
            (ChatEvent::Other(extra), _) => parts.push(AssistantPart::Other(extra.clone())),
            (ChatEvent::ToolCallEnd(_), _) => {}
        }
    }
    parts
}

pub(crate) fn asked(dialect: &dyn Dialect, body: &str) -> ParsedRequest {
    let mut asked = dialect.parse(body.as_bytes()).expect("a request");
    asked.reply.begin(Head {
        id: "1".to_owned(),
        created: 7,
        model: "a/b".to_owned(),
        ..Head::default()
    });
    asked
}

pub(crate) fn summary(finish_reason: FinishReason, usage: Usage) -> Summary {
    Summary {
        finish_reason,
        raw_finish_reason: None,
        usage,
        model: "x/a/b".to_owned(),
        backend: None,
        request_id: None,
        attempts: 1,
        warnings: Vec::new(),
        extras: Vec::new(),
    }
}

/// The frames of a stream, which ends normally or with an error.
pub(crate) fn streamed(
    dialect: &dyn Dialect,
    body: &str,
    events: &[ChatEvent],
    end: Result<&Summary, &ApiError>,
) -> Vec<Frame> {
    let (mut asked, mut frames) = (asked(dialect, body), Vec::new());
    asked.reply.opening("a/b", &mut frames);
    for event in events {
        asked.reply.event(event, None, &mut frames);
    }
    match end {
        Ok(summary) => asked.reply.closing(ending(summary), &mut frames),
        Err(error) => asked.reply.failed(error, &mut frames),
    }
    frames
}

pub(crate) fn ending(summary: &Summary) -> Ending<'_> {
    static GENERATION: std::sync::LazyLock<GenerationInfo> =
        std::sync::LazyLock::new(|| GenerationInfo::new(1, "0", "sha256:0"));
    Ending {
        summary,
        generation: &GENERATION,
        attempts: &[],
    }
}

pub(crate) fn values(frames: &[Frame]) -> Vec<Value> {
    let data = frames
        .iter()
        .map(|frame| &*frame.data)
        .filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).expect("JSON"))
        .collect()
}

const CHAT: &str = r#"{"model":"a/b","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":true}}"#;

fn responses_body(is_stream: bool, has_summary: bool) -> String {
    let summary = if has_summary {
        r#","reasoning":{"summary":"auto"}"#
    } else {
        ""
    };
    format!(r#"{{"model":"a/b","input":"x","stream":{is_stream}{summary}}}"#)
}

pub(crate) fn finish() -> impl Strategy<Value = FinishReason> {
    prop::sample::select(vec![
        FinishReason::Stop,
        FinishReason::Length,
        FinishReason::ContentFilter,
        FinishReason::ToolCalls,
    ])
}

proptest! {
    #[test]
    fn clients_of_all_dialects_have_the_same_in_the_end(
        steps in prop::collection::vec(step(), 0..24),
        reason in finish(),
        tokens in prop::option::of((any::<u32>(), any::<u32>(), prop::option::of(any::<u32>()))),
        has_summary in any::<bool>(),
    ) {
        let (events, mut said) = events_of(steps);
        let usage = Usage {
            input_tokens: tokens.map(|(input, ..)| input),
            cached_input_tokens: tokens.and_then(|(.., cached)| cached),
            output_tokens: tokens.map(|(_, output, _)| output),
            reasoning_tokens: tokens.and_then(|(.., cached)| cached),
        };
        // Only in this dialect the reason depends on the content.
        let reason = match reason {
            FinishReason::Stop | FinishReason::ToolCalls if said.calls.is_empty() => FinishReason::Stop,
            FinishReason::Stop => FinishReason::ToolCalls,
            other => other,
        };
        let summary = summary(reason, usage);
        let chat = responses_reader::chat(&values(&streamed(&ChatCompletions::default(), CHAT, &events, Ok(&summary))));
        said.usage = chat.usage.clone();
        said.finish.clone_from(&chat.finish);
        prop_assert_eq!(&chat, &said);
        if said.usage.is_null() {
            // Only this dialect has no usage then: the others have numbers, and a warning.
            said.usage = serde_json::json!([0, 0, 0, 0]);
        }

        let frames = streamed(&Responses, &responses_body(true, has_summary), &events, Ok(&summary));
        for frame in &frames {
            let value: Value = serde_json::from_str(&frame.data).expect("JSON");
            prop_assert_eq!(frame.event, value["type"].as_str());
        }
        let stream = responses_reader::stream(&values(&frames));
        prop_assert_eq!(&stream, &said);

        let mut whole = asked(&Responses, &responses_body(false, has_summary));
        let whole = whole.reply.whole("a/b", &parts_of(&events), ending(&summary));
        let whole: Value = serde_json::from_str(&whole).expect("JSON");
        prop_assert_eq!(&responses_reader::whole(&whole), &said);
    }

    #[test]
    fn content_before_an_error_is_the_same_too(steps in prop::collection::vec(step(), 0..12), cut in 0..12_usize) {
        let (mut events, _) = events_of(steps);
        events.truncate(cut);
        let error = ApiError::new(http::StatusCode::BAD_GATEWAY, "server_error", "transport", "it broke off");
        let chat = responses_reader::chat(&values(&streamed(&ChatCompletions::default(), CHAT, &events, Err(&error))));
        let frames = streamed(&Responses, &responses_body(true, false), &events, Err(&error));
        let all = values(&frames);
        let done = |event: &&Value| event["type"] == "response.output_item.done" && event["item"]["type"] == "function_call";
        let ended = events.iter().filter(|event| matches!(event, ChatEvent::ToolCallEnd(_))).count();
        prop_assert_eq!(all.iter().filter(done).count(), ended, "a call is done once it is complete");
        prop_assert_eq!(responses_reader::stream(&all), chat);
    }
}

#[test]
fn a_stream_that_fails_before_it_begins_is_complete() {
    let (mut asked, mut frames) = (asked(&Responses, &responses_body(true, false)), Vec::new());
    let error = ApiError::new(
        http::StatusCode::BAD_GATEWAY,
        "server_error",
        "transport",
        "nobody",
    );
    asked.reply.failed(&error, &mut frames);
    let events = values(&frames);
    let names: Vec<_> = events.iter().map(|event| event["type"].as_str()).collect();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "error",
            "response.failed"
        ]
        .map(Some)
    );
    assert_eq!(events[0]["response"]["model"], "a/b");
    assert_eq!(responses_reader::stream(&events).error.as_deref(), Some("nobody"));
}
