//! Responses as clients read them.

use http::StatusCode;
use serde_json::{Value, json};

use super::Responses;
use crate::{
    api_error::ApiError,
    dialect::{Dialect, Frame, Head},
    ending::Ending,
    fields::table,
};
use provider_contract::{
    GenerationInfo,
    contract::{
        AssistantPart, ChatEvent, Extra, FinishReason, Reasoning, Summary, ToolCallDelta, ToolCallEnd,
        ToolCallStart, Usage,
    },
};

/// The events of a stream.
fn stream(body: &Value, events: &[(ChatEvent, Option<Extra>)]) -> Vec<Value> {
    let mut asked = Responses.parse(body.to_string().as_bytes()).expect("a request");
    let mut frames: Vec<Frame> = Vec::new();
    asked.reply.begin(Head {
        id: "9".to_owned(),
        created: 7,
        model: "a/b".to_owned(),
        ..Head::default()
    });
    asked.reply.opening("a/b", &mut frames);
    for (event, logprobs) in events {
        asked.reply.event(event, logprobs.as_ref(), &mut frames);
    }
    let summary = summary();
    let ending = Ending {
        summary: &summary,
        generation: &GenerationInfo::new(3, "0.1.0", "sha256:0"),
        attempts: &[],
    };
    asked.reply.closing(ending, &mut frames);
    frames
        .iter()
        .map(|frame| serde_json::from_str(&frame.data).expect("JSON"))
        .collect()
}

fn summary() -> Summary {
    Summary {
        finish_reason: FinishReason::Stop,
        raw_finish_reason: None,
        usage: Usage {
            input_tokens: Some(3),
            cached_input_tokens: None,
            output_tokens: Some(2),
            reasoning_tokens: Some(1),
        },
        model: "x/a/b".to_owned(),
        backend: Some("groq".to_owned()),
        request_id: None,
        attempts: 1,
        warnings: Vec::new(),
        extras: Vec::new(),
    }
}

fn alone(events: impl IntoIterator<Item = ChatEvent>) -> Vec<(ChatEvent, Option<Extra>)> {
    events.into_iter().map(|event| (event, None)).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| {
            event["type"]
                .as_str()
                .unwrap_or_default()
                .trim_start_matches("response.")
        })
        .collect()
}

fn call(name: &str, arguments: &[&str]) -> Vec<ChatEvent> {
    let mut events = vec![ChatEvent::ToolCallStart(ToolCallStart {
        index: 0,
        id: "c1".to_owned(),
        name: name.to_owned(),
    })];
    events.extend(arguments.iter().map(|fragment| {
        ChatEvent::ToolCallDelta(ToolCallDelta {
            index: 0,
            arguments_fragment: (*fragment).to_owned(),
        })
    }));
    events.push(ChatEvent::ToolCallEnd(ToolCallEnd {
        index: 0,
        extras: Vec::new(),
    }));
    events
}

#[test]
fn a_stream_has_the_events_of_the_service_in_their_order() {
    let mut said = vec![ChatEvent::Reasoning(Reasoning::new("hm"))];
    said.push(ChatEvent::Text("a".to_owned()));
    said.push(ChatEvent::Text("b".to_owned()));
    said.extend(call("f", &["{", "}"]));
    let events = stream(
        &json!({"model": "a/b", "input": "x", "stream": true}),
        &alone(said),
    );
    assert_eq!(
        names(&events),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "reasoning_text.delta",
            "reasoning_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    let response = &events[20]["response"];
    assert_eq!(response["id"], "resp_9");
    assert_eq!(response["status"], "completed");
    assert_eq!(response["model"], "a/b");
    assert_eq!(response["x_plugin"]["backend"], "groq");
    assert_eq!(
        response["usage"],
        json!({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 5})
    );
    assert_eq!(
        response["output"][1],
        json!({"type": "message", "id": "msg_9_1", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": "ab", "annotations": [], "logprobs": []}]})
    );
    assert_eq!(
        response["output"][2],
        json!({"type": "function_call", "id": "fc_9_2", "status": "completed", "call_id": "c1", "name": "f", "arguments": "{}"})
    );
}

#[test]
fn reasoning_is_in_the_summary_if_the_client_requests_one() {
    let body = json!({"model": "a/b", "input": "x", "stream": true, "reasoning": {"summary": "auto"},
        "include": ["reasoning.encrypted_content"]});
    let events = stream(&body, &alone([ChatEvent::Reasoning(Reasoning::new("hm"))]));
    assert_eq!(
        names(&events)[2..8],
        [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
        ]
    );
    let item = &events[8]["response"]["output"][0];
    assert_eq!(item["summary"], json!([{"type": "summary_text", "text": "hm"}]));
    // Returned reasoning can be sent back.
    let sealed = json!({"input": [{"type": "reasoning", "summary": [], "encrypted_content": item["encrypted_content"]},
        {"role": "user", "content": "x"}]});
    let asked = Responses.parse(sealed.to_string().as_bytes()).expect("a request");
    assert!(format!("{:?}", asked.request.messages).contains("\"hm\""));
}

#[test]
fn a_call_is_not_done_when_the_response_breaks_off_so_that_no_client_runs_it() {
    let body = json!({"model": "a/b", "input": "x", "stream": true,
        "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "sh"}]});
    let mut asked = Responses.parse(body.to_string().as_bytes()).expect("a request");
    let mut frames = Vec::new();
    asked.reply.opening("a/b", &mut frames);
    asked
        .reply
        .event(&ChatEvent::Text("ok".to_owned()), None, &mut frames);
    for (index, (name, arguments)) in [
        ("f", "{\"path\":\"/\"}"),
        ("sh", "{\"input\":\"rm -r /tmp"),
        ("f", "{"),
    ]
    .into_iter()
    .enumerate()
    {
        let index = u32::try_from(index).expect("a small number");
        for event in call(name, &[arguments]) {
            let event = match event {
                ChatEvent::ToolCallStart(start) => ChatEvent::ToolCallStart(ToolCallStart { index, ..start }),
                ChatEvent::ToolCallDelta(delta) => ChatEvent::ToolCallDelta(ToolCallDelta { index, ..delta }),
                // The plugin ends no call of a response that breaks off.
                _ => continue,
            };
            asked.reply.event(&event, None, &mut frames);
        }
    }
    let error = ApiError::new(
        StatusCode::BAD_GATEWAY,
        "server_error",
        "transport",
        "it broke off",
    );
    asked.reply.failed(&error, &mut frames);
    let events: Vec<Value> = frames
        .iter()
        .map(|frame| serde_json::from_str(&frame.data).expect("JSON"))
        .collect();
    let ends: Vec<&str> = names(&events)
        .into_iter()
        .filter(|name| name.ends_with(".done"))
        .collect();
    assert_eq!(
        ends,
        ["output_text.done", "content_part.done", "output_item.done"]
    );
    let response = &events.last().expect("an end")["response"];
    assert_eq!(response["status"], "failed");
    assert_eq!(
        response["error"],
        json!({"code": "server_error", "message": "it broke off", "type": "server_error", "param": null})
    );
    assert_eq!(
        response["output"],
        json!([{"type": "message", "id": "msg__0", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": "ok", "annotations": [], "logprobs": []}]}])
    );
}

#[test]
fn a_tool_that_takes_a_text_is_called_with_it() {
    let body =
        json!({"model": "a/b", "input": "x", "stream": true, "tools": [{"type": "custom", "name": "patch"}]});
    let events = stream(&body, &alone(call("patch", &["{\"inp", "ut\":\"+a\"}"])));
    assert_eq!(
        names(&events)[2..6],
        [
            "output_item.added",
            "custom_tool_call_input.delta",
            "custom_tool_call_input.done",
            "output_item.done",
        ]
    );
    assert_eq!(events[3]["delta"], "+a");
    assert_eq!(
        events[6]["response"]["output"][0],
        json!({"type": "custom_tool_call", "id": "ctc_9_0", "status": "completed", "call_id": "c1", "name": "patch", "input": "+a"})
    );
}

#[test]
fn log_probabilities_stand_with_their_text_and_annotations_are_flat() {
    let extra = |key: &str, json: Value| Extra {
        key: key.to_owned(),
        value_json: json.to_string(),
    };
    let token = json!({"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []});
    let citation = json!([{"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}]);
    let events = stream(
        &json!({"model": "a/b", "input": "x", "stream": true, "top_logprobs": 1}),
        &[
            (
                ChatEvent::Text("a".to_owned()),
                Some(extra("logprobs", json!({"content": [token]}))),
            ),
            (ChatEvent::Other(extra("annotations", citation)), None),
            (ChatEvent::Other(extra("audio", json!({"id": 1}))), None),
        ],
    );
    assert_eq!(events[4]["logprobs"], json!([token]));
    assert_eq!(events[5]["type"], "response.output_text.annotation.added");
    let response = &events.last().expect("an end")["response"];
    let part = &response["output"][0]["content"][0];
    assert_eq!(part["logprobs"], json!([token]));
    assert_eq!(
        part["annotations"],
        json!([{"title": "t", "type": "url_citation", "url": "u"}])
    );
    assert_eq!(response["x_plugin"]["message"], json!({"audio": {"id": 1}}));
}

#[test]
fn what_an_upstream_adds_keeps_its_digits() {
    let body = json!({"model": "a/b", "input": "x"}).to_string();
    let mut asked = Responses.parse(body.as_bytes()).expect("a request");
    let score = "1.000000000000000000001e-9";
    let extra = AssistantPart::Other(Extra {
        key: "audio".to_owned(),
        value_json: format!("{{\"score\":{score}}}"),
    });
    let summary = summary();
    let ending = Ending {
        summary: &summary,
        generation: &GenerationInfo::new(3, "0.1.0", "sha256:0"),
        attempts: &[],
    };
    let whole = asked.reply.whole("a/b", &[extra], ending);
    assert!(whole.contains(score), "{whole}");
}

#[test]
fn the_response_echoes_the_request() {
    let body = json!({"model": "a/b", "input": "x", "stream": true, "store": true, "temperature": 0.25,
        "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}], "tool_choice": "required",
        "metadata": {"k": "v"}, "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}});
    let events = stream(&body, &[]);
    for event in [&events[0], &events[2]] {
        let response = &event["response"];
        assert_eq!(response["store"], false);
        assert_eq!(response["temperature"], 0.25);
        assert_eq!(response["tool_choice"], "required");
        assert_eq!(response["metadata"], json!({"k": "v"}));
        assert_eq!(
            response["tools"],
            json!([{"type": "function", "name": "f", "description": null, "parameters": null, "strict": null}])
        );
        assert_eq!(response["text"]["format"]["strict"], false);
    }
}

#[test]
fn the_page_of_dialects_has_the_tables() {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/dialects.md");
    // A packaged crate has no documentation pages.
    let Ok(page) = std::fs::read_to_string(FILE) else {
        return;
    };
    let mut wanted = page.clone();
    for (name, fields) in [
        ("chat-completions", crate::chat_completions::fields::FIELDS),
        ("responses", super::fields::FIELDS),
    ] {
        let (begin, end) = (
            format!("<!-- {name}: from the source -->\n"),
            format!("<!-- {name}: end -->"),
        );
        let (before, rest) = wanted.split_once(&begin).expect("a place for the table");
        let (_, after) = rest.split_once(&end).expect("its end");
        wanted = format!("{before}{begin}{}{end}{after}", table(fields));
    }
    if std::env::var_os("WRITE_PAGES").is_some() {
        std::fs::write(FILE, &wanted).expect("a page that can be written");
    }
    assert!(
        page == wanted,
        "docs/dialects.md is old: run the tests of `dialects` with WRITE_PAGES=1"
    );
}

#[test]
fn counts_that_nobody_knows_are_zeros_with_a_warning() {
    let body = json!({"model": "a/b", "input": "x"});
    let mut asked = Responses.parse(body.to_string().as_bytes()).expect("a request");
    let summary = Summary {
        usage: Usage {
            input_tokens: None,
            ..summary().usage
        },
        ..summary()
    };
    let ending = Ending {
        summary: &summary,
        generation: &GenerationInfo::new(3, "0.1.0", "sha256:0"),
        attempts: &[],
    };
    let whole = asked.reply.whole("a/b", &[], ending);
    let whole: Value = serde_json::from_str(&whole).expect("JSON");
    assert_eq!(whole["usage"]["input_tokens"], 0);
    assert_eq!(whole["usage"]["total_tokens"], 2);
    assert_eq!(whole["x_plugin"]["warnings"][0]["code"], "usage-unknown");
}
