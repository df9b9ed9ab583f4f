//! Chat request as the JSON of OpenAI's chat completions. A part that cannot be sent is an error, never omitted
//! silently.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    contract::types::{
        AssistantPart, ChatRequest, ContentPart, Error, ErrorKind, Extra, Media, MediaSource, Message, ModelRef,
        ResponseFormat, Tool, ToolCall, ToolChoice,
    },
    error,
};

type Object = Map<String, Value>;

/// Members that only the plugin sets.
const RESERVED: [&str; 5] = ["model", "messages", "stream", "stream_options", "n"];

/// The body to send.
pub(crate) fn body(request: &ChatRequest, model: &ModelRef) -> Result<Vec<u8>, Error> {
    if request.messages.is_empty() {
        return Err(invalid("there is no message"));
    }
    accepted(request, model)?;
    let mut body = Object::new();
    body.insert("model".into(), model.wire_id.as_str().into());
    let messages: Result<Vec<Value>, Error> = request.messages.iter().map(message).collect();
    body.insert("messages".into(), messages?.into());
    body.insert("stream".into(), true.into());
    body.insert("stream_options".into(), json!({"include_usage": true}));
    if !request.tools.is_empty() {
        let tools: Result<Vec<Value>, Error> = request.tools.iter().map(tool).collect();
        body.insert("tools".into(), tools?.into());
    }
    if let Some(choice) = &request.tool_choice {
        body.insert("tool_choice".into(), tool_choice(choice)?);
    }
    if let Some(format) = &request.response_format {
        body.insert("response_format".into(), response_format(format)?);
    }
    if let Some(effort) = &request.reasoning_effort {
        body.insert("reasoning_effort".into(), effort.as_str().into());
    }
    if let Some(limit) = request.max_output_tokens {
        body.insert("max_completion_tokens".into(), limit.into());
    }
    if let Some(seed) = request.seed {
        body.insert("seed".into(), seed.into());
    }
    if !request.stop.is_empty() {
        body.insert("stop".into(), request.stop.clone().into());
    }
    let numbers = [
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("frequency_penalty", request.frequency_penalty),
        ("presence_penalty", request.presence_penalty),
    ];
    for (key, number) in numbers {
        let Some(number) = number else { continue };
        let number = serde_json::Number::from_f64(number);
        let number = number.ok_or_else(|| invalid(&format!("`{key}` is not a finite number")))?;
        body.insert(key.into(), Value::Number(number));
    }
    for Extra { key, value_json } in &request.extras {
        if RESERVED.contains(&key.as_str()) || body.contains_key(key) {
            return Err(invalid(&format!(
                "`{key}` is written by a field of the request already"
            )));
        }
        body.insert(key.clone(), parsed(key, value_json)?);
    }
    Ok(Value::Object(body).to_string().into_bytes())
}

/// Refuses a modality that the model is known not to support.
fn accepted(request: &ChatRequest, model: &ModelRef) -> Result<(), Error> {
    let known = model
        .metadata
        .as_ref()
        .map(|model| model.input.as_slice())
        .unwrap_or_default();
    if known.is_empty() {
        return Ok(());
    }
    let parts = request.messages.iter().flat_map(|message| match message {
        Message::System(system) => system.content.as_slice(),
        Message::User(user) => user.content.as_slice(),
        Message::Tool(result) => result.content.as_slice(),
        Message::Assistant(_) => &[],
    });
    for part in parts {
        let ContentPart::Media(media) = part else { continue };
        let modality = match media.mime_type.split('/').next() {
            Some(modality @ ("image" | "audio" | "video")) => modality,
            _ => "file",
        };
        if !known.iter().any(|input| input == modality) {
            let message = format!("`{}` accepts no input of the modality `{modality}`", model.canonical);
            return Err(error::new(ErrorKind::Unsupported, message));
        }
    }
    Ok(())
}

fn invalid(message: &str) -> Error {
    error::new(ErrorKind::InvalidRequest, message)
}

fn unsupported(what: &str) -> Error {
    error::new(ErrorKind::Unsupported, format!("this plugin cannot send {what}"))
}

fn parsed(what: &str, json: &str) -> Result<Value, Error> {
    serde_json::from_str(json).map_err(|why| invalid(&format!("`{what}` is not JSON: {why}")))
}

/// Adds the extras to an object.
fn with_extras(value: Value, extras: &[Extra]) -> Result<Value, Error> {
    let Value::Object(mut object) = value else {
        return Ok(value);
    };
    for Extra { key, value_json } in extras {
        if object.contains_key(key) {
            return Err(invalid(&format!("`{key}` is written by a field already")));
        }
        object.insert(key.clone(), parsed(key, value_json)?);
    }
    Ok(Value::Object(object))
}

fn message(message: &Message) -> Result<Value, Error> {
    match message {
        Message::System(system) => with_extras(
            json!({"role": "system", "content": content(&system.content)?}),
            &system.extras,
        ),
        Message::User(user) => with_extras(
            json!({"role": "user", "content": content(&user.content)?}),
            &user.extras,
        ),
        Message::Assistant(assistant) => with_extras(spoken(&assistant.content)?, &assistant.extras),
        Message::Tool(result) => {
            // This API has no field for a failed tool; the model reads it in the text.
            let mut content = content(&result.content)?;
            if result.is_error {
                content = match content {
                    Value::String(text) => format!("Error: {text}").into(),
                    Value::Array(mut parts) => {
                        parts.insert(0, json!({"type": "text", "text": "Error:"}));
                        parts.into()
                    }
                    other => other,
                };
            }
            let value = json!({"role": "tool", "tool_call_id": result.call_id, "content": content});
            with_extras(value, &result.extras)
        }
    }
}

/// Parts that are only text become one string, which every server accepts.
fn content(parts: &[ContentPart]) -> Result<Value, Error> {
    if let [ContentPart::Text(text)] = parts {
        return Ok(text.as_str().into());
    }
    parts.iter().map(part).collect()
}

fn part(part: &ContentPart) -> Result<Value, Error> {
    match part {
        ContentPart::Text(text) => Ok(json!({"type": "text", "text": text})),
        ContentPart::Media(media) => picture(media),
        ContentPart::Other(extra) => parsed(&extra.key, &extra.value_json),
    }
}

fn picture(media: &Media) -> Result<Value, Error> {
    if !media.mime_type.starts_with("image/") {
        return Err(unsupported(&media.mime_type));
    }
    let url = match &media.source {
        MediaSource::Url(url) => url.clone(),
        MediaSource::Data(bytes) => format!("data:{};base64,{}", media.mime_type, STANDARD.encode(bytes)),
    };
    let (inner, outer): (Vec<Extra>, Vec<Extra>) =
        media.extras.iter().cloned().partition(|extra| extra.key == "detail");
    let image = with_extras(json!({"url": url}), &inner)?;
    with_extras(json!({"type": "image_url", "image_url": image}), &outer)
}

/// An earlier response of the model.
fn spoken(parts: &[AssistantPart]) -> Result<Value, Error> {
    let mut said = Object::new();
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for part in parts {
        match part {
            AssistantPart::Text(more) => text.push_str(more),
            AssistantPart::Reasoning(more) => {
                reasoning.push_str(&more.text);
                for Extra { key, value_json } in &more.extras {
                    said.insert(key.clone(), parsed(key, value_json)?);
                }
                if let Some(signature) = &more.signature {
                    said.insert("reasoning_signature".into(), signature.as_str().into());
                }
            }
            AssistantPart::ToolCall(call) => calls.push(tool_call(call)?),
            AssistantPart::Media(_) => return Err(unsupported("media of the model")),
            AssistantPart::Other(extra) => {
                said.insert(extra.key.clone(), parsed(&extra.key, &extra.value_json)?);
            }
        }
    }
    said.insert("role".into(), "assistant".into());
    said.insert(
        "content".into(),
        if text.is_empty() && !calls.is_empty() {
            Value::Null
        } else {
            text.into()
        },
    );
    if !reasoning.is_empty() {
        said.insert("reasoning_content".into(), reasoning.into());
    }
    if !calls.is_empty() {
        said.insert("tool_calls".into(), calls.into());
    }
    Ok(Value::Object(said))
}

fn tool_call(call: &ToolCall) -> Result<Value, Error> {
    let function = json!({"name": call.name, "arguments": call.arguments_json});
    with_extras(
        json!({"id": call.id, "type": "function", "function": function}),
        &call.extras,
    )
}

fn tool(tool: &Tool) -> Result<Value, Error> {
    let function = match tool {
        Tool::Function(function) => function,
        Tool::Other(extra) => return parsed(&extra.key, &extra.value_json),
    };
    let mut value = json!({"name": function.name, "parameters": parsed("parameters", &function.parameters_json)?});
    if let Some(description) = &function.description {
        value["description"] = description.as_str().into();
    }
    if let Some(strict) = function.strict {
        value["strict"] = strict.into();
    }
    with_extras(json!({"type": "function", "function": value}), &function.extras)
}

fn tool_choice(choice: &ToolChoice) -> Result<Value, Error> {
    Ok(match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
        ToolChoice::Other(extra) => parsed(&extra.key, &extra.value_json)?,
    })
}

fn response_format(format: &ResponseFormat) -> Result<Value, Error> {
    let schema = match format {
        ResponseFormat::Text => return Ok(json!({"type": "text"})),
        ResponseFormat::JsonObject => return Ok(json!({"type": "json_object"})),
        ResponseFormat::Other(extra) => return parsed(&extra.key, &extra.value_json),
        ResponseFormat::JsonSchema(schema) => schema,
    };
    let mut value = json!({"name": schema.name, "schema": parsed("schema", &schema.schema_json)?});
    if let Some(description) = &schema.description {
        value["description"] = description.as_str().into();
    }
    if let Some(strict) = schema.strict {
        value["strict"] = strict.into();
    }
    Ok(json!({"type": "json_schema", "json_schema": with_extras(value, &schema.extras)?}))
}
