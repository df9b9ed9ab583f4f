//! Requests as data: `tests/cases/responses-requests.json`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::fields::Field;
use provider_contract::contract::{
    AssistantPart, ContentPart, MediaSource, ResponseFormat, Tool, ToolChoice,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    body: Value,
    /// The expected request, without empty fields.
    becomes: Option<Value>,
    error: Option<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    kind: String,
    mentions: String,
}

#[test]
fn requests_become_what_the_cases_say() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../../../tests/cases/responses-requests.json"))
            .expect("the cases");
    assert!(cases.len() > 30, "the cases are there");
    let mut wrong = Vec::new();
    for case in cases {
        let read = Body::parse(case.body.to_string().as_bytes());
        match (read, case.becomes, case.error) {
            (Ok(body), Some(expected), None) if shown(&body) == expected => {}
            (Err(error), None, Some(expected))
                if error.kind().as_str() == expected.kind && error.message().contains(&expected.mentions) => {
            }
            (read, ..) => wrong.push(format!(
                "{}: {:?}",
                case.name,
                read.map(|body| shown(&body).to_string())
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_member_that_is_known_is_handled_as_the_table_says() {
    for Field { name, handling, .. } in FIELDS {
        let value = match *name {
            "input" => json!("x"),
            "tools" => json!([{ "type": "function", "name": "f" }]),
            "tool_choice" => json!("auto"),
            "text" => json!({ "format": { "type": "json_object" } }),
            "reasoning" => json!({ "effort": "low" }),
            "metadata" | "stream_options" => json!({}),
            "include" => json!([]),
            "background" | "stream" | "store" | "parallel_tool_calls" => json!(true),
            "max_output_tokens" | "top_logprobs" | "seed" | "temperature" | "top_p" | "presence_penalty"
            | "frequency_penalty" => json!(1),
            "truncation" => json!("disabled"),
            _ => json!("some"),
        };
        let mut body = json!({ "input": "x", "tools": [{ "type": "function", "name": "f" }] });
        let without = Body::parse(body.to_string().as_bytes()).expect("a request");
        body[name] = value;
        let read = Body::parse(body.to_string().as_bytes());
        match handling {
            Handling::Refused => assert_eq!(
                read.expect_err(name).kind().as_str(),
                "unsupported",
                "{name} is refused"
            ),
            Handling::LeftOut => {
                let read = read.expect(name);
                assert_eq!(read.notes.left_out, [*name], "{name} is named");
                assert_eq!(read.request, without.request, "{name} is not sent");
            }
            Handling::Here | Handling::Echoed | Handling::Ignored => {
                let read = read.expect(name);
                assert_eq!(read.request, without.request, "{name} is not sent");
                assert!(
                    read.notes.left_out.is_empty(),
                    "{name} is no reason for a warning"
                );
            }
            Handling::Sent => {
                let read = read.expect(name);
                let is_sent = read.request != without.request || read.model != without.model;
                assert!(is_sent || ["input", "tools"].contains(name), "{name} is sent");
            }
        }
    }
}

#[test]
fn nothing_that_a_request_says_is_repeated_in_an_error() {
    for body in [
        r#"{"input":[{"role":"user","content":[{"type":"SECRET"}]}]}"#,
        r#"{"input":[{"role":"SECRET","content":"x"}]}"#,
        r#"{"input":"x","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"SECRET"}}"#,
        r#"{"input":"x","temperature":"SECRET"}"#,
        r#"{"input":"x","tool_choice":"SECRET"}"#,
    ] {
        let error = Body::parse(body.as_bytes()).expect_err("it is wrong");
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
}

/// A request as JSON, with the contract's names, without empty fields.
fn shown(body: &Body) -> Value {
    let request = &body.request;
    let warnings = body.notes.warnings.iter();
    let warnings: Vec<String> = warnings
        .map(|warning| format!("{}: {}", warning.code, warning.message))
        .collect();
    without_empty(json!({
        "model": body.model,
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
        "tools": request.tools.iter().map(tool).collect::<Vec<_>>(),
        "tool_choice": request.tool_choice.as_ref().map(choice),
        "response_format": request.response_format.as_ref().map(format),
        "reasoning_effort": request.reasoning_effort,
        "max_output_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "seed": request.seed,
        "stop": request.stop,
        "extras": extras(&request.extras),
        "left_out": body.notes.left_out,
        "warnings": warnings,
    }))
}

fn tool(tool: &Tool) -> Value {
    match tool {
        Tool::Function(tool) => json!({"name": tool.name, "description": tool.description,
            "parameters": tool.parameters_json, "strict": tool.strict, "extras": extras(&tool.extras)}),
        Tool::Other(other) => json!({"other": other.key, "json": other.value_json}),
    }
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "named": name }),
        ToolChoice::Other(other) => json!({"other": other.key, "json": other.value_json}),
    }
}

fn format(format: &ResponseFormat) -> Value {
    match format {
        ResponseFormat::Text => json!("text"),
        ResponseFormat::JsonObject => json!("json-object"),
        ResponseFormat::JsonSchema(schema) => json!({"name": schema.name, "schema": schema.schema_json,
            "description": schema.description, "strict": schema.strict, "extras": extras(&schema.extras)}),
        ResponseFormat::Other(other) => json!({"other": other.key, "json": other.value_json}),
    }
}

fn message(message: &Message) -> Value {
    let parts = |content: &[ContentPart]| content.iter().map(part).collect::<Vec<_>>();
    match message {
        Message::System(system) => {
            json!({"system": parts(&system.content), "extras": extras(&system.extras)})
        }
        Message::User(user) => json!({"user": parts(&user.content), "extras": extras(&user.extras)}),
        Message::Assistant(said) => {
            let parts: Vec<Value> = said.content.iter().map(said_part).collect();
            json!({"assistant": parts, "extras": extras(&said.extras)})
        }
        Message::Tool(result) => {
            json!({"tool": result.call_id, "content": parts(&result.content), "extras": extras(&result.extras)})
        }
    }
}

fn said_part(part: &AssistantPart) -> Value {
    match part {
        AssistantPart::Text(text) => json!(text),
        AssistantPart::Reasoning(thought) => {
            let mut shown = json!({ "reasoning": thought.text, "extras": extras(&thought.extras) });
            if let Some(signature) = &thought.signature {
                shown["signature"] = signature.as_str().into();
            }
            shown
        }
        AssistantPart::ToolCall(call) => {
            json!({"call": call.id, "name": call.name, "arguments": call.arguments_json, "extras": extras(&call.extras)})
        }
        AssistantPart::Media(media) => json!({ "media": media.mime_type }),
        AssistantPart::Other(other) => json!({"other": other.key, "json": other.value_json}),
    }
}

fn part(part: &ContentPart) -> Value {
    match part {
        ContentPart::Text(text) => json!(text),
        ContentPart::Media(media) => match &media.source {
            MediaSource::Url(url) => {
                json!({"media": media.mime_type, "url": url, "extras": extras(&media.extras)})
            }
            MediaSource::Data(bytes) => {
                json!({"media": media.mime_type, "bytes": bytes.len(), "extras": extras(&media.extras)})
            }
        },
        ContentPart::Other(other) => json!({"other": other.key, "json": other.value_json}),
    }
}

fn extras(extras: &[Extra]) -> Value {
    let members = extras.iter().map(|extra| {
        let value = serde_json::from_str(&extra.value_json).expect("JSON");
        (extra.key.clone(), value)
    });
    Value::Object(members.collect::<Map<_, _>>())
}

fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let said = |value: &Value| !value.is_null() && *value != json!([]) && *value != json!({});
            let kept = fields.into_iter().map(|(key, value)| (key, without_empty(value)));
            Value::Object(kept.filter(|(_, value)| said(value)).collect())
        }
        Value::Array(items) => items.into_iter().map(without_empty).collect(),
        other => other,
    }
}
