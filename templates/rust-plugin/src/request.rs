//! Chat request as the JSON of OpenAI's chat completions. A part that cannot be sent is an error or a warning, never
//! omitted silently.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json, value::RawValue};

use crate::{
    contract::types::{
        AssistantPart, ChatRequest, ContentPart, Error, ErrorKind, Extra, Media, MediaSource, Message, ModelRef,
        ResponseFormat, Tool, ToolCall, ToolChoice, Warning,
    },
    error,
};

/// Members that only the plugin sets.
const RESERVED: [&str; 5] = ["model", "messages", "stream", "stream_options", "n"];

/// A JSON value as text. JSON of the caller is inserted as the text it is: parsed and printed again, a number would lose
/// digits, and an object the order of its members.
struct Json(String);

impl Json {
    /// A value of the plugin's own.
    fn of(value: impl Into<Value>) -> Self {
        Self(value.into().to_string())
    }

    /// JSON of the caller.
    fn raw(what: &str, json: &str) -> Result<Self, Error> {
        match serde_json::from_str::<&RawValue>(json) {
            Ok(value) => Ok(Self(value.get().to_string())),
            Err(why) => Err(invalid(&format!("`{what}` is not JSON: {why}"))),
        }
    }
}

impl FromIterator<Json> for Json {
    fn from_iter<I: IntoIterator<Item = Self>>(items: I) -> Self {
        let items: Vec<String> = items.into_iter().map(|Self(text)| text).collect();
        Self(format!("[{}]", items.join(",")))
    }
}

/// An object, whose members are in their order.
#[derive(Default)]
struct Object(Vec<(String, Json)>);

impl Object {
    fn with(mut self, key: &str, value: Json) -> Self {
        self.set(key, value);
        self
    }

    fn set(&mut self, key: &str, value: Json) {
        self.0.push((key.to_string(), value));
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known == key)
    }

    fn is(&self, key: &str, value: &str) -> bool {
        let mut members = self.0.iter();
        members.any(|(known, Json(text))| known == key && text == value)
    }

    /// Adds extras. One that cannot be sent is no error, but a warning.
    fn with_extras(mut self, extras: &[Extra], warnings: &mut Vec<Warning>) -> Self {
        for Extra { key, value_json } in extras {
            let why = match Json::raw(key, value_json) {
                Ok(Json(value)) if self.is(key, &value) => continue,
                Ok(_) if self.has(key) => "there is a member of this name already",
                Ok(value) => {
                    self.set(key, value);
                    continue;
                }
                Err(_) => "it is not JSON",
            };
            let message = format!("the extra `{key}` was not sent: {why}");
            if warnings.iter().all(|known| known.message != message) {
                let code = "members-left-out".to_string();
                warnings.push(Warning { code, message });
            }
        }
        self
    }

    fn json(self) -> Json {
        let members = self.0.into_iter();
        let members: Vec<String> = members
            .map(|(key, Json(value))| format!("{}:{value}", Value::from(key)))
            .collect();
        Json(format!("{{{}}}", members.join(",")))
    }
}

/// The body to send, and warnings about what is not in it.
pub(crate) fn body(request: &ChatRequest, model: &ModelRef) -> Result<(Vec<u8>, Vec<Warning>), Error> {
    if request.messages.is_empty() {
        return Err(invalid("there is no message"));
    }
    accepted(request, model)?;
    let mut warnings = Vec::new();
    let mut body = Object::default();
    body.set("model", Json::of(model.wire_id.as_str()));
    let messages = request.messages.iter().map(|each| message(each, &mut warnings));
    body.set("messages", messages.collect::<Result<_, _>>()?);
    body.set("stream", Json::of(true));
    body.set("stream_options", Json::of(json!({"include_usage": true})));
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|each| tool(each, &mut warnings));
        body.set("tools", tools.collect::<Result<_, _>>()?);
    }
    if let Some(choice) = &request.tool_choice {
        body.set("tool_choice", tool_choice(choice)?);
    }
    if let Some(format) = &request.response_format {
        body.set("response_format", response_format(format, &mut warnings)?);
    }
    if let Some(effort) = &request.reasoning_effort {
        body.set("reasoning_effort", Json::of(effort.as_str()));
    }
    if let Some(limit) = request.max_output_tokens {
        body.set("max_completion_tokens", Json::of(limit));
    }
    if let Some(seed) = request.seed {
        body.set("seed", Json::of(seed));
    }
    if !request.stop.is_empty() {
        body.set("stop", Json::of(request.stop.clone()));
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
        body.set(key, Json::of(number));
    }
    for Extra { key, value_json } in &request.extras {
        if RESERVED.contains(&key.as_str()) || body.has(key) {
            return Err(invalid(&format!(
                "`{key}` is written by a field of the request already"
            )));
        }
        body.set(key, Json::raw(key, value_json)?);
    }
    Ok((body.json().0.into_bytes(), warnings))
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
        let kind = media.mime_type.split('/').next().unwrap_or_default();
        let is_modality = ["image", "audio", "video"].contains(&kind);
        let modality = if is_modality { kind } else { "file" };
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

fn message(message: &Message, warnings: &mut Vec<Warning>) -> Result<Json, Error> {
    let (value, extras) = match message {
        Message::System(system) => (said("system", content(&system.content, warnings)?), &system.extras),
        Message::User(user) => (said("user", content(&user.content, warnings)?), &user.extras),
        Message::Assistant(assistant) => (spoken(&assistant.content, warnings)?, &assistant.extras),
        Message::Tool(result) => {
            // This API has no field for a failed tool; the model reads it in the text.
            let content = match result.content.as_slice() {
                parts if !result.is_error => content(parts, warnings)?,
                [ContentPart::Text(text)] => Json::of(format!("Error: {text}")),
                parts => {
                    let error = [ContentPart::Text("Error:".to_string())];
                    content(&[&error, parts].concat(), warnings)?
                }
            };
            let value = said("tool", content).with("tool_call_id", Json::of(result.call_id.as_str()));
            (value, &result.extras)
        }
    };
    Ok(value.with_extras(extras, warnings).json())
}

fn said(role: &str, content: Json) -> Object {
    Object::default().with("role", Json::of(role)).with("content", content)
}

/// Parts that are only text become one string, which every server accepts.
fn content(parts: &[ContentPart], warnings: &mut Vec<Warning>) -> Result<Json, Error> {
    if let [ContentPart::Text(text)] = parts {
        return Ok(Json::of(text.as_str()));
    }
    parts.iter().map(|each| part(each, warnings)).collect()
}

fn part(part: &ContentPart, warnings: &mut Vec<Warning>) -> Result<Json, Error> {
    match part {
        ContentPart::Text(text) => Ok(Json::of(json!({"type": "text", "text": text}))),
        ContentPart::Media(media) => picture(media, warnings),
        ContentPart::Other(extra) => Json::raw(&extra.key, &extra.value_json),
    }
}

fn picture(media: &Media, warnings: &mut Vec<Warning>) -> Result<Json, Error> {
    if !media.mime_type.starts_with("image/") {
        return Err(unsupported(&media.mime_type));
    }
    let url = match &media.source {
        MediaSource::Url(url) => url.clone(),
        MediaSource::Data(bytes) => format!("data:{};base64,{}", media.mime_type, STANDARD.encode(bytes)),
    };
    let (inner, outer): (Vec<Extra>, Vec<Extra>) =
        media.extras.iter().cloned().partition(|extra| extra.key == "detail");
    let image = Object::default()
        .with("url", Json::of(url))
        .with_extras(&inner, warnings);
    let part = Object::default().with("type", Json::of("image_url"));
    let part = part.with("image_url", image.json()).with_extras(&outer, warnings);
    Ok(part.json())
}

/// An earlier response of the model.
fn spoken(parts: &[AssistantPart], warnings: &mut Vec<Warning>) -> Result<Object, Error> {
    let (mut text, mut reasoning, mut calls, mut others) = (String::new(), String::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            AssistantPart::Text(more) => text.push_str(more),
            AssistantPart::Reasoning(more) => {
                reasoning.push_str(&more.text);
                others.extend(more.extras.iter().cloned());
                others.extend(more.signature.as_deref().map(|signature| Extra {
                    key: "reasoning_signature".to_string(),
                    value_json: Json::of(signature).0,
                }));
            }
            AssistantPart::ToolCall(call) => calls.push(tool_call(call, warnings)),
            AssistantPart::Media(_) => return Err(unsupported("media of the model")),
            AssistantPart::Other(extra) => others.push(extra.clone()),
        }
    }
    let content = if text.is_empty() && !calls.is_empty() {
        Value::Null
    } else {
        text.into()
    };
    let mut said = said("assistant", Json::of(content));
    if !reasoning.is_empty() {
        said.set("reasoning_content", Json::of(reasoning));
    }
    if !calls.is_empty() {
        said.set("tool_calls", calls.into_iter().collect());
    }
    Ok(said.with_extras(&others, warnings))
}

fn tool_call(call: &ToolCall, warnings: &mut Vec<Warning>) -> Json {
    let function = json!({"name": call.name, "arguments": call.arguments_json});
    let value = Object::default().with("id", Json::of(call.id.as_str()));
    let value = value
        .with("type", Json::of("function"))
        .with("function", Json::of(function));
    value.with_extras(&call.extras, warnings).json()
}

fn tool(tool: &Tool, warnings: &mut Vec<Warning>) -> Result<Json, Error> {
    let function = match tool {
        Tool::Function(function) => function,
        Tool::Other(extra) => return Json::raw(&extra.key, &extra.value_json),
    };
    let mut value = named(&function.name, function.description.as_deref(), function.strict);
    value.set("parameters", Json::raw("parameters", &function.parameters_json)?);
    let tool = Object::default()
        .with("type", Json::of("function"))
        .with("function", value.json());
    Ok(tool.with_extras(&function.extras, warnings).json())
}

/// The members that a function and a schema share.
fn named(name: &str, description: Option<&str>, strict: Option<bool>) -> Object {
    let mut value = Object::default().with("name", Json::of(name));
    if let Some(description) = description {
        value.set("description", Json::of(description));
    }
    if let Some(strict) = strict {
        value.set("strict", Json::of(strict));
    }
    value
}

fn tool_choice(choice: &ToolChoice) -> Result<Json, Error> {
    Ok(match choice {
        ToolChoice::Auto => Json::of("auto"),
        ToolChoice::None => Json::of("none"),
        ToolChoice::Required => Json::of("required"),
        ToolChoice::Named(name) => Json::of(json!({"type": "function", "function": {"name": name}})),
        ToolChoice::Other(extra) => Json::raw(&extra.key, &extra.value_json)?,
    })
}

fn response_format(format: &ResponseFormat, warnings: &mut Vec<Warning>) -> Result<Json, Error> {
    let schema = match format {
        ResponseFormat::Text => return Ok(Json::of(json!({"type": "text"}))),
        ResponseFormat::JsonObject => return Ok(Json::of(json!({"type": "json_object"}))),
        ResponseFormat::Other(extra) => return Json::raw(&extra.key, &extra.value_json),
        ResponseFormat::JsonSchema(schema) => schema,
    };
    let mut value = named(&schema.name, schema.description.as_deref(), schema.strict);
    value.set("schema", Json::raw("schema", &schema.schema_json)?);
    let value = value.with_extras(&schema.extras, warnings).json();
    let format = Object::default().with("type", Json::of("json_schema"));
    Ok(format.with("json_schema", value).json())
}
