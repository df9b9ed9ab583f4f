use serde_json::{Value, json};

use super::*;
use crate::{
    chat::{Collector, Sink},
    contract::types::*,
};

fn exchange_of(case: &Value) -> Result<Exchange, Error> {
    let mut reference = reference(cases::known_model(&case["model"]));
    if let Some(backend) = case["backend"].as_str() {
        reference.routing = Routing::Backend(backend.into());
        reference.wire_id = format!("org/name:{backend}");
    }
    let mut snapshot = snapshot(0);
    snapshot.extras = cases::plugin_settings(&case["settings"]);
    let request = chat_request(&case["request"], "huggingface/org/name");
    begin(request, reference, &snapshot)
}

fn written(exchange: &Exchange) -> String {
    let mut body = Vec::new();
    exchange.write_body(&mut body).unwrap();
    assert_eq!(body.len() as u64, exchange.head().content_length);
    String::from_utf8(body).unwrap()
}

#[test]
fn every_request_leaves_as_the_case_says_or_is_refused() {
    let mut report = cases::Report::default();
    for case in cases::cases("requests.json") {
        let wrong = match exchange_of(&case) {
            Ok(exchange) => cases::check_body(&case, written(&exchange).as_bytes(), exchange.warnings()),
            Err(error) => cases::check_refusal(&case, &error),
        };
        report.add(&case, wrong);
    }
    report.finish();
}

#[test]
fn the_model_comes_first() {
    assert!(written(&exchange(0)).starts_with("{\"model\":\"org/name\",\"messages\":["));
}

#[test]
fn the_head_names_what_the_body_is_and_what_the_provider_adds() {
    let head = exchange(0).head();
    assert_eq!((head.method, head.path), ("POST", "/chat/completions"));
    let find = |name: &str| {
        head.headers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(find("content-type"), Some("application/json"));
    assert_eq!(
        (find("x-added"), find("user-agent")),
        (Some("header"), Some("test/1"))
    );
    assert_eq!((find("accept-encoding"), find("authorization")), (None, None));
}

#[test]
fn a_sink_that_fails_stops_the_writing_with_its_error() {
    struct Full(u32);
    impl Sink for Full {
        type Error = &'static str;
        fn write(&mut self, _: &[u8]) -> Result<(), Self::Error> {
            self.0 += 1;
            Err("full")
        }
    }
    let case = json!({"request": {"messages": [{"system": "x".repeat(100_000)}]}});
    let mut sink = Full(0);
    assert_eq!(exchange_of(&case).unwrap().write_body(&mut sink), Err("full"));
    assert_eq!(sink.0, 1);
}

#[test]
fn a_refusal_names_the_path_in_the_upstreams_spelling() {
    let case =
        json!({"request": {"messages": [{"user": ["q"]}, {"tool": {"call-id": "a", "content": ["x"]}}]}});
    let error = exchange_of(&case).unwrap_err();
    let param = error.extras.iter().find(|extra| extra.key == "param").unwrap();
    assert_eq!(param.value_json, "\"messages[1].tool_call_id\"");
}

#[test]
fn each_member_leaves_at_the_depth_that_it_came_from_and_with_its_digits() {
    let case = json!({"request": {"tools": [{"name": "f", "parameters-json": "{}", "extras": [
        {"key": "zz", "value-json": "1.10"},
        {"key": "function", "value-json": "{\"zz\":1e400,\"zz\":2}"},
    ]}]}});
    let exchange = exchange_of(&case).unwrap();
    let tools =
        "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{},\"zz\":1e400},\"zz\":1.10}";
    assert!(written(&exchange).contains(tools), "{}", written(&exchange));
    assert!(exchange.warnings()[0].message.contains("tools[0].function.zz"));
}

#[test]
fn what_is_left_out_is_named_by_its_path() {
    let case = json!({"model": {"extras": [{"key": "compat", "value-json": {"supportsStrictMode": false}}]},
        "request": {"messages": [{"user": ["q"]}, {"assistant": [
            {"other": {"key": "refusal", "value-json": {"type": "refusal", "refusal": "no"}}},
            {"tool-call": {"id": "a", "name": "f", "arguments-json": "{}", "extras": [
                {"key": "index", "value-json": "0"},
                {"key": "function", "value-json": {"parsed_arguments": {"x": 1}}},
            ]}},
        ]}, {"tool": {"call-id": "a", "content": [
            {"other": {"key": "text", "value-json": {"type": "text", "text": "x", "cache_control": {"type": "e"}}}},
        ]}}], "tools": [{"name": "f", "parameters-json": "{}", "strict": true}]}});
    let exchange = exchange_of(&case).unwrap();
    let named = "messages[1].content.refusal, messages[1].tool_calls[0].index, \
                 messages[1].tool_calls[0].function.parsed_arguments, messages[2].content[0].cache_control, \
                 tools[0].function.strict.";
    assert!(
        exchange.warnings()[0].message.ends_with(named),
        "{:?}",
        exchange.warnings()
    );
}

#[test]
fn the_parts_of_a_response_can_be_sent_back() {
    let stream = "{\"choices\":[{\"message\":{\"content\":\"<think>t</think>x\",\"tool_calls\":[\
                  {\"id\":\"0\",\"function\":{\"name\":\"f\",\"arguments\":\"null\"}},\
                  {\"id\":\"0\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"stop\"}]}";
    let mut collector = Collector::default();
    outcome(&Served::ok(stream), &[])
        .events
        .into_iter()
        .for_each(|event| collector.push(event));
    let parts = collector.finish();
    let results = parts.iter().filter_map(|part| match part {
        AssistantPart::ToolCall(call) => Some(Message::Tool(ToolResult {
            call_id: call.id.clone(),
            content: vec![ContentPart::Text("ok".into())],
            is_error: false,
            extras: vec![],
        })),
        _ => None,
    });
    let results: Vec<Message> = results.collect();
    assert_eq!(results.len(), 2);
    let mut request = request();
    request.messages.push(Message::Assistant(AssistantMessage {
        content: parts,
        extras: vec![],
    }));
    request.messages.extend(results);
    let exchange = begin(request, reference(None), &snapshot(0)).unwrap();
    let body: Value = serde_json::from_str(&written(&exchange)).unwrap();
    assert_eq!(body["messages"][1]["content"], "x");
    assert_eq!(
        body["messages"][1]["tool_calls"][0]["function"]["arguments"],
        "{}"
    );
}
