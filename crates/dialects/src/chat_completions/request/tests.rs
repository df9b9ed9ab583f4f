//! Request files as data: `tests/cases/request-files.json`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{api_error::ApiError as ServerFault, json::PARAM};
use http::StatusCode;
use provider_contract::{
    Error, ErrorKind,
    contract::{self, AssistantPart, ContentPart, MediaSource, ResponseFormat, Tool, ToolChoice},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The file as JSON…
    body: Option<Value>,
    /// …or as text, where it is none.
    text: Option<String>,
    /// The expected request, without empty fields.
    becomes: Option<Value>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    kind: String,
    mentions: String,
}

#[test]
fn request_files_become_what_the_cases_say() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../../../tests/cases/request-files.json"))
            .expect("the cases");
    assert!(cases.len() > 40, "the cases are there");
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.name;
        let text = case
            .text
            .unwrap_or_else(|| case.body.unwrap_or_default().to_string());
        let read = ChatBody::parse(text.as_bytes()).and_then(|file| {
            check_prompt(&file.request.messages)?;
            Ok(file)
        });
        match (read, case.becomes, case.error) {
            (Ok(file), Some(expected), None) if shown(&file) == expected => {}
            (Err(error), None, Some(expected))
                if error.kind().as_str() == expected.kind && error.message().contains(&expected.mentions) => {
            }
            (read, ..) => wrong.push(format!("{name}: {:?}", read.map(|file| shown(&file).to_string()))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bytes_that_are_no_text_are_a_malformed_request() {
    let error = ChatBody::parse(b"\xff\xfe{}").expect_err("it is wrong");
    assert_eq!(error.kind().as_str(), "invalid-request");
    let deep = "[".repeat(100_000);
    assert!(ChatBody::parse(deep.as_bytes()).is_err());
}

/// A request as JSON, with the contract's names, without empty fields.
fn shown(file: &ChatBody) -> Value {
    let request = &file.request;
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
        ResponseFormat::Text => json!("text"),
        ResponseFormat::JsonObject => json!("json-object"),
        ResponseFormat::JsonSchema(schema) => json!({"name": schema.name, "schema": schema.schema_json,
            "description": schema.description, "strict": schema.strict, "extras": extras(&schema.extras)}),
        ResponseFormat::Other(other) => json!({"other": other.key, "json": other.value_json}),
    });
    without_empty(json!({
        "model": file.model,
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
        "tools": request.tools.iter().map(tool).collect::<Vec<_>>(),
        "toolChoice": choice,
        "responseFormat": format,
        "reasoningEffort": request.reasoning_effort,
        "maxOutputTokens": request.max_output_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "frequencyPenalty": request.frequency_penalty,
        "presencePenalty": request.presence_penalty,
        "seed": request.seed,
        "stop": request.stop,
        "extras": extras(&request.extras),
        "stream": file.stream.then_some(true),
        "leftOut": file.left_out,
        "includeUsage": file.include_usage.then_some(true),
    }))
}

fn extras(extras: &[Extra]) -> Value {
    let members = extras
        .iter()
        .map(|extra| (extra.key.clone(), extra.value_json.clone().into()));
    Value::Object(members.collect())
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(system) => match system.content.as_slice() {
            [ContentPart::Text(text)] => json!({"system": text, "extras": extras(&system.extras)}),
            parts => {
                json!({"system": parts.iter().map(part).collect::<Vec<_>>(), "extras": extras(&system.extras)})
            }
        },
        Message::User(user) => {
            json!({"user": user.content.iter().map(part).collect::<Vec<_>>(), "extras": extras(&user.extras)})
        }
        Message::Assistant(model) => {
            let parts = &model.content;
            let part = |part: &AssistantPart| match part {
                AssistantPart::Text(text) => json!({"text": text}),
                AssistantPart::Reasoning(thought) => match &thought.signature {
                    None => json!({"reasoning": thought.text}),
                    Some(signature) => json!({"reasoning": thought.text, "signature": signature}),
                },
                AssistantPart::ToolCall(call) => {
                    json!({"id": call.id, "name": call.name, "arguments": call.arguments_json,
                        "extras": extras(&call.extras)})
                }
                AssistantPart::Media(media) => json!({"media": media.mime_type}),
                AssistantPart::Other(extra) => json!({"other": extra.key, "json": extra.value_json}),
            };
            json!({"assistant": parts.iter().map(part).collect::<Vec<_>>(), "extras": extras(&model.extras)})
        }
        Message::Tool(result) => {
            json!({"tool": result.call_id, "content": result.content.iter().map(part).collect::<Vec<_>>(),
                "extras": extras(&result.extras)})
        }
    }
}

fn part(part: &ContentPart) -> Value {
    match part {
        ContentPart::Text(text) => json!({"text": text}),
        ContentPart::Media(media) => match &media.source {
            MediaSource::Url(url) => {
                json!({"media": media.mime_type, "url": url, "extras": extras(&media.extras)})
            }
            MediaSource::Data(bytes) => {
                json!({"media": media.mime_type, "bytes": bytes, "extras": extras(&media.extras)})
            }
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

#[test]
fn the_path_of_an_invalid_member_is_the_param_of_every_error() {
    let found_here = ChatBody::parse(br#"{"messages":[{"role":"x"}]}"#);
    let by_the_plugin = Error::from(contract::Error {
        extras: vec![contract::Extra {
            key: PARAM.to_owned(),
            value_json: r#""messages[0].tool_call_id""#.to_owned(),
        }],
        ..Error::new(ErrorKind::Provider(ProviderErrorKind::InvalidRequest), "wrong")
            .details()
            .clone()
    });
    for (error, param) in [
        (found_here.expect_err("no such role"), "messages[0].role"),
        (by_the_plugin, "messages[0].tool_call_id"),
    ] {
        assert_eq!(ServerFault::from(&error).param.as_deref(), Some(param));
    }
}

#[test]
fn a_request_of_too_many_small_values_is_too_large() {
    let body = format!(
        r#"{{"messages":[{}]}}"#,
        vec![r#"{"role":"user","content":"x"}"#; 200_000].join(",")
    );
    let error = ChatBody::parse(body.as_bytes()).expect_err("too many");
    assert_eq!(ServerFault::from(&error).status, StatusCode::PAYLOAD_TOO_LARGE);
}
