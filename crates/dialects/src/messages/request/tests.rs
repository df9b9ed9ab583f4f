//! Requests as data: `tests/cases/messages-requests.json`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use provider_contract::contract::{
    AssistantPart, ContentPart, MediaSource, Message, ResponseFormat, Tool, ToolChoice,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Members besides `model`, `max_tokens` and one user message, which are defaults.
    #[serde(default)]
    body: Value,
    /// The whole body as text, if it is not JSON or lacks one of those.
    text: Option<String>,
    /// The expected request, without empty members and those of the default request.
    becomes: Option<Value>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    kind: String,
    param: Option<String>,
    mentions: String,
}

#[test]
fn requests_become_what_the_cases_say() {
    let cases = include_str!("../../../../../tests/cases/messages-requests.json");
    let cases: Vec<Case> = serde_json::from_str(cases).expect("the cases");
    assert!(cases.len() > 60, "the cases are there");
    let plain = shown(&Body::parse(&body(json!({})), Purpose::Response).expect("the plain request"));
    let mut wrong = Vec::new();
    for case in cases {
        let bytes = case.text.map_or_else(|| body(case.body), String::into_bytes);
        match (Body::parse(&bytes, Purpose::Response), case.becomes, case.error) {
            (Ok(body), Some(expected), None) => {
                let mut found = shown(&body);
                if let (Some(found), Some(expected), Some(plain)) =
                    (found.as_object_mut(), expected.as_object(), plain.as_object())
                {
                    found.retain(|key, value| expected.contains_key(key) || plain.get(key) != Some(value));
                }
                if found != expected {
                    wrong.push(format!("{}: {found}", case.name));
                }
            }
            (Err(error), None, Some(expected)) => {
                let param = error.details().extras.iter().find(|extra| extra.key == "param");
                let param = param.and_then(|param| serde_json::from_str(&param.value_json).ok());
                if error.kind().as_str() != expected.kind
                    || !error.message().contains(&expected.mentions)
                    || param != expected.param
                {
                    wrong.push(format!("{}: {param:?} {error:?}", case.name));
                }
            }
            (read, ..) => wrong.push(format!("{}: {:?}", case.name, read.map(|body| shown(&body)))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_count_needs_no_output_limit() {
    let body = br#"{"model":"a/b","messages":[{"role":"user","content":"Hi"}]}"#;
    assert!(Body::parse(body, Purpose::Count).is_ok());
    let error = Body::parse(body, Purpose::Response).expect_err("there is no limit");
    assert!(error.message().contains("`max_tokens` is missing"), "{error}");
}

#[test]
fn a_name_that_is_too_long_is_sent_short_and_names_that_differ_stay_different() {
    let names = ["a".repeat(65), "a".repeat(66), "é".repeat(40)];
    let tools: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "input_schema": {"type": "object"}}))
        .collect();
    let call = json!({"type": "tool_use", "id": "c", "name": names[0], "input": {}});
    let messages = json!([
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]},
    ]);
    let choice = json!({"type": "tool", "name": names[1]});
    let bytes = body(json!({"tools": tools, "messages": messages, "tool_choice": choice}));
    let read = Body::parse(&bytes, Purpose::Response).expect("a request");
    let sent: Vec<&str> = read
        .request
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(tool) => tool.name.as_str(),
            Tool::Other(_) => panic!("a function"),
        })
        .collect();
    assert!(sent.iter().all(|name| name.len() <= 64), "{sent:?}");
    for (short, name) in sent.iter().zip(&names) {
        assert_eq!(read.long_names.get(*short), Some(name));
    }
    assert!(matches!(&read.request.tool_choice, Some(ToolChoice::Named(name)) if name == sent[1]));
    let Message::Assistant(said) = &read.request.messages[0] else {
        panic!("a message of the model")
    };
    assert!(matches!(&said.content[0], AssistantPart::ToolCall(call) if call.name == sent[0]));
}

#[test]
fn a_request_of_too_many_small_values_is_a_typed_error() {
    let many = vec![r#"{"role":"user","content":"x"}"#; 200_000].join(",");
    let bytes = format!(r#"{{"model":"a/b","max_tokens":9,"messages":[{many}]}}"#);
    let error = Body::parse(bytes.as_bytes(), Purpose::Response).expect_err("too many");
    assert_eq!(error.details().code.as_deref(), Some("request-structure"));
}

/// A body with these members.
fn body(members: Value) -> Vec<u8> {
    let mut body = json!({"model": "a/b", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]});
    if let (Some(body), Value::Object(members)) = (body.as_object_mut(), members) {
        body.extend(members);
    }
    body.to_string().into_bytes()
}

/// A request as JSON, with the contract's names, without empty fields.
fn shown(body: &Body) -> Value {
    let request = &body.request;
    let tool = |tool: &Tool| match tool {
        Tool::Function(tool) => json!({"name": tool.name, "description": tool.description,
            "parameters": tool.parameters_json, "strict": tool.strict, "extras": extras(&tool.extras)}),
        Tool::Other(other) => json!({"other": other.key, "json": other.value_json}),
    };
    let choice = request.tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"named": name}),
        ToolChoice::Other(other) => json!({"other": other.key, "json": other.value_json}),
    });
    let format = request.response_format.as_ref().map(|format| match format {
        ResponseFormat::JsonSchema(schema) => json!({"name": schema.name, "schema": schema.schema_json,
            "strict": schema.strict, "extras": extras(&schema.extras)}),
        _ => json!("another format"),
    });
    let warnings = body.notes.warnings.iter().map(|warning| warning.code.as_str());
    without_empty(json!({
        "model": body.model,
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
        "tools": request.tools.iter().map(tool).collect::<Vec<_>>(),
        "toolChoice": choice,
        "responseFormat": format,
        "reasoningEffort": request.reasoning_effort,
        "maxOutputTokens": request.max_output_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stop": request.stop,
        "extras": extras(&request.extras),
        "stream": body.stream.then_some(true),
        "leftOut": body.notes.left_out,
        "warnings": warnings.collect::<Vec<_>>(),
    }))
}

fn extras(extras: &[Extra]) -> Value {
    let members = extras
        .iter()
        .map(|extra| (extra.key.clone(), extra.value_json.clone().into()));
    Value::Object(members.collect())
}

fn message(message: &Message) -> Value {
    let parts = |parts: &[ContentPart]| parts.iter().map(part).collect::<Value>();
    match message {
        Message::System(system) => json!({"system": parts(&system.content)}),
        Message::User(user) => json!({"user": parts(&user.content)}),
        Message::Assistant(model) => {
            let part = |part: &AssistantPart| match part {
                AssistantPart::Text(text) => json!(text),
                AssistantPart::Reasoning(thought) => {
                    json!({"reasoning": thought.text, "signature": thought.signature})
                }
                AssistantPart::ToolCall(call) => {
                    json!({"id": call.id, "name": call.name, "arguments": call.arguments_json})
                }
                AssistantPart::Media(_) => json!("media"),
                AssistantPart::Other(extra) => json!({"other": extra.key, "json": extra.value_json}),
            };
            json!({"assistant": model.content.iter().map(part).collect::<Vec<_>>()})
        }
        Message::Tool(result) => {
            json!({"tool": result.call_id, "content": parts(&result.content),
                "isError": result.is_error.then_some(true)})
        }
    }
}

fn part(part: &ContentPart) -> Value {
    match part {
        ContentPart::Text(text) => json!(text),
        ContentPart::Media(media) => match &media.source {
            MediaSource::Url(url) => json!({"media": media.mime_type, "url": url}),
            MediaSource::Data(bytes) => json!({"media": media.mime_type, "bytes": bytes}),
        },
        ContentPart::Other(extra) => json!({"other": extra.key, "json": extra.value_json}),
    }
}

fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let said = |value: &Value| !value.is_null() && *value != json!([]) && *value != json!({});
            let kept = fields.into_iter().map(|(key, value)| (key, without_empty(value)));
            kept.filter(|(_, value)| said(value))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.into_iter().map(without_empty).collect(),
        other => other,
    }
}
