//! A client of the Messages API for tests: requests, and what such a client makes of a stream.

use hyper::header;
use serde_json::{Value, json};

use crate::http::{Client, Open, Reply};

/// A request in the dialect.
pub fn message(model: &str) -> Value {
    json!({"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": "Hello!"}]})
}

pub fn streamed(model: &str) -> Value {
    let mut body = message(model);
    body["stream"] = true.into();
    body
}

pub async fn open(client: &Client, path: &str, body: &Value) -> Open {
    let request = client
        .request("POST", path)
        .header(header::CONTENT_TYPE, "application/json")
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "context-management-2025-06-27")
        .body(body.to_string().into());
    client.send(request.expect("a request")).await
}

pub async fn send(client: &Client, body: &Value) -> Reply {
    open(client, "/v1/messages?beta=true", body).await.read().await
}

/// The events of a stream: each name with its data, whose `type` it is.
pub fn events(reply: &Reply) -> Vec<Value> {
    let mut events = Vec::new();
    for event in reply.text.split("\n\n").filter(|event| !event.trim().is_empty()) {
        let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let Some(data) = line("data: ") else { continue };
        let data: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(line("event: "), data["type"].as_str(), "{event}");
        events.push(data);
    }
    events
}

/// The message that a client builds from the events, with the deltas of each block; and the error at the end, if there is
/// one.
pub fn folded(events: &[Value]) -> (Value, Option<Value>) {
    let (mut message, mut inputs, mut open) = (json!({}), Vec::new(), None);
    for event in events {
        let at = event["index"]
            .as_u64()
            .map(|at| usize::try_from(at).expect("small"));
        match event["type"].as_str().expect("a type") {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert!(
                    open.is_none() && at == Some(inputs.len()),
                    "one after another: {event}"
                );
                open = at;
                inputs.push(String::new());
                let content = message["content"].as_array_mut().expect("a list");
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                assert!(open == at && at.is_some(), "of the open block: {event}");
                let at = at.unwrap_or_default();
                let delta = &event["delta"];
                let member = match delta["type"].as_str().expect("a type") {
                    "text_delta" => "text",
                    "thinking_delta" => "thinking",
                    "signature_delta" => "signature",
                    "input_json_delta" => {
                        inputs[at] += delta["partial_json"].as_str().expect("a text");
                        continue;
                    }
                    other => panic!("{other} is no delta"),
                };
                let so_far = message["content"][at][member]
                    .as_str()
                    .expect("a text")
                    .to_owned();
                message["content"][at][member] = (so_far + delta[member].as_str().expect("a text")).into();
            }
            "content_block_stop" => {
                assert!(open.take() == at && at.is_some(), "{event}");
                let at = at.unwrap_or_default();
                if !inputs[at].is_empty() {
                    message["content"][at]["input"] = serde_json::from_str(&inputs[at]).expect("whole");
                }
            }
            "message_delta" => {
                for (name, value) in event["delta"].as_object().expect("an object") {
                    message[name] = value.clone();
                }
                message["usage"] = event["usage"].clone();
                message["x_plugin"] = event["x_plugin"].clone();
            }
            "message_stop" | "ping" => {}
            "error" => return (message, Some(event.clone())),
            other => panic!("{other} is no event"),
        }
    }
    (message, None)
}
