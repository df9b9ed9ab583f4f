//! A client of the Responses API, and one of Chat Completions, as strict as possible: what they read from a stream or a
//! whole response, for comparisons. Used by unit tests as well; must not know the server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a client has at the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    pub text: String,
    pub reasoning: String,
    pub refusal: String,
    /// Id, name and arguments.
    pub calls: Vec<(String, String, String)>,
    /// Input, cached, output and reasoning tokens; null if unknown.
    pub usage: Value,
    /// The finish reason in the words of Chat Completions.
    pub finish: String,
    /// The message of an error instead of an end.
    pub error: Option<String>,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Reads a whole response.
pub fn whole(response: &Value) -> Read {
    let mut read = Read::default();
    assert_eq!(response["object"], "response", "{response}");
    for item in response["output"].as_array().expect("a list of items") {
        assert!(!text(&item["id"]).is_empty(), "an item has an id: {item}");
        match text(&item["type"]) {
            "message" => {
                for part in item["content"].as_array().expect("a list of parts") {
                    read.text += text(&part["text"]);
                    read.refusal += text(&part["refusal"]);
                }
            }
            "reasoning" => {
                for key in ["summary", "content"] {
                    for part in item[key].as_array().into_iter().flatten() {
                        read.reasoning += text(&part["text"]);
                    }
                }
            }
            "function_call" => read.calls.push(call(item, "arguments")),
            "custom_tool_call" => read.calls.push(call(item, "input")),
            other => panic!("no such item: {other}"),
        }
    }
    let usage = &response["usage"];
    if !usage.is_null() {
        read.usage = json!([
            usage["input_tokens"],
            usage["input_tokens_details"]["cached_tokens"],
            usage["output_tokens"],
            usage["output_tokens_details"]["reasoning_tokens"],
        ]);
    }
    let reason = text(&response["incomplete_details"]["reason"]);
    read.finish = match (text(&response["status"]), reason) {
        ("completed", "") if read.calls.is_empty() => "stop",
        ("completed", "") => "tool_calls",
        ("incomplete", "max_output_tokens") => "length",
        ("incomplete", "content_filter") => "content_filter",
        ("failed", "") => "",
        (status, reason) => panic!("{status} for {reason}"),
    }
    .to_owned();
    read.error = response["error"]["message"].as_str().map(str::to_owned);
    read
}

fn call(item: &Value, said: &str) -> (String, String, String) {
    let text = |key: &str| item[key].as_str().expect("text").to_owned();
    (text("call_id"), text("name"), text(said))
}

/// Reads a stream, and checks the rules of streams: the final values equal the joined deltas.
pub fn stream(events: &[Value]) -> Read {
    let mut deltas: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut items: Vec<Value> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
        let kind = text(&event["type"]);
        match number {
            0 => assert_eq!(kind, "response.created"),
            1 => assert_eq!(kind, "response.in_progress"),
            _ => assert!(
                !matches!(kind, "response.created" | "response.in_progress"),
                "{event}"
            ),
        }
        let is_last = number + 1 == events.len();
        let ends = ["response.completed", "response.incomplete", "response.failed"];
        assert_eq!(ends.contains(&kind), is_last, "{event}");
        if is_last || number < 2 || kind == "error" {
            continue;
        }
        let at = usize::try_from(event["output_index"].as_u64().expect("a place")).expect("a place");
        if kind == "response.output_item.added" {
            assert_eq!(at, items.len(), "items are added one behind the other: {event}");
            items.push(json!({ "added": event["item"] }));
            continue;
        }
        let item = &mut items[at];
        assert!(
            item["done"].is_null(),
            "nothing comes behind the end of an item: {event}"
        );
        if kind == "response.output_item.done" {
            for key in ["id", "type", "call_id", "name"] {
                assert_eq!(event["item"][key], item["added"][key], "{event}");
            }
            item["done"] = event["item"].clone();
            continue;
        }
        assert_eq!(event["item_id"], item["added"]["id"], "{event}");
        let part = event["content_index"]
            .as_u64()
            .or_else(|| event["summary_index"].as_u64());
        let piece = (text(&event["item_id"]).to_owned(), part.unwrap_or_default());
        let (_, step) = kind.rsplit_once('.').expect("a step");
        let so_far = deltas.entry(piece).or_default();
        match (step, kind) {
            ("delta", _) => *so_far += event["delta"].as_str().expect("a delta"),
            ("done", "response.content_part.done" | "response.reasoning_summary_part.done") => {
                let said = &event["part"];
                let said = said["text"].as_str().or_else(|| said["refusal"].as_str());
                assert_eq!(said, Some(&**so_far), "{event}");
            }
            ("done", _) => {
                let said = ["text", "refusal", "arguments", "input"]
                    .iter()
                    .find_map(|key| event[key].as_str());
                assert_eq!(said, Some(&**so_far), "{event}");
            }
            ("added", _) => {}
            other => panic!("no such event: {other:?}"),
        }
    }
    let last = events.last().expect("an end");
    let mut response = last["response"].clone();
    let is_failed = last["type"] == "response.failed";
    let is_open = |item: &Value| is_failed && item["done"].is_null();
    let done: Vec<Value> = items
        .iter()
        .filter(|item| !is_open(item))
        .map(|item| item["done"].clone())
        .collect();
    assert_eq!(
        response["output"],
        Value::from(done),
        "the items of the end are those that are done"
    );
    if is_failed {
        let partial = |item: &Value| match is_open(item) {
            true => partial_call(&item["added"], &deltas),
            false => item["done"].clone(),
        };
        response["output"] = items.iter().map(partial).collect();
    }
    whole(&response)
}

/// A call that a failed response did not complete: nothing but a call may lack its end.
fn partial_call(added: &Value, deltas: &BTreeMap<(String, u64), String>) -> Value {
    let mut call = added.clone();
    let said = match text(&added["type"]) {
        "function_call" => "arguments",
        "custom_tool_call" => "input",
        _ => panic!("it has no end: {added}"),
    };
    let so_far = deltas.get(&(text(&added["id"]).to_owned(), 0));
    call[said] = so_far.cloned().unwrap_or_default().into();
    call
}

/// Reads the chunks of a streamed chat completion.
pub fn chat(chunks: &[Value]) -> Read {
    let mut read = Read::default();
    for chunk in chunks {
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        read.text += text(&delta["content"]);
        read.reasoning += text(&delta["reasoning_content"]);
        read.refusal += text(&delta["refusal"]);
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(piece["index"].as_u64().expect("an index")).expect("an index");
            if index == read.calls.len() {
                read.calls.push(Default::default());
            }
            let call = &mut read.calls[index];
            call.0 += text(&piece["id"]);
            call.1 += text(&piece["function"]["name"]);
            call.2 += text(&piece["function"]["arguments"]);
        }
        read.finish += text(&choice["finish_reason"]);
        if let Some(usage) = chunk.get("usage").filter(|usage| !usage.is_null()) {
            let detail = |of: &str, key: &str| usage[of][key].as_u64().unwrap_or_default();
            read.usage = json!([
                usage["prompt_tokens"],
                detail("prompt_tokens_details", "cached_tokens"),
                usage["completion_tokens"],
                detail("completion_tokens_details", "reasoning_tokens"),
            ]);
        }
        if let Some(message) = chunk["error"]["message"].as_str() {
            read.error = Some(message.to_owned());
        }
    }
    read
}
